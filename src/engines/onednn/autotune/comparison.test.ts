import { describe, expect, it } from 'vitest';
import { alternate, ratioOf } from './comparison.ts';
import type { Trial } from './trial.ts';

/** Takes the given milliseconds, run by run, and the last of them for ever after. */
function scripted(...ms: readonly number[]): Trial & { readonly runs: boolean[] } {
  const runs: boolean[] = [];
  return {
    weightBytes: 0,
    runs,
    run(cold = false) {
      runs.push(cold);
      return ms[Math.min(runs.length, ms.length) - 1] as number;
    },
  };
}

describe('a comparison', () => {
  it('goes on after a run that was disturbed', () => {
    const [own, other] = alternate(scripted(2), scripted(9, 1));
    expect(own.length).toBe(other.length);
    expect(own.length).toBeGreaterThan(3);
    expect(ratioOf(other, own)).toBe(0.5);
  });

  it('ends after a few rounds where a way takes far longer in each', () => {
    const [own, other] = alternate(scripted(2), scripted(4));
    expect([own.length, other.length]).toEqual([3, 3]);
  });

  it('compares runs with those beside them, while the clock changes', () => {
    // Every run takes a tenth of a millisecond longer than the one before it, whoever runs.
    const [own, others] = [
      [1, 1.2, 1.4, 1.6],
      [1.1, 1.3, 1.5, 1.7],
    ];
    expect(ratioOf(others.slice(0, 3), own)).toBeCloseTo(1);
    expect(ratioOf([1.8, 1.8, 9], [2, 2, 2])).toBe(0.9);
  });

  it('reads weights anew before each run where that takes long beside it', () => {
    const heavy = { ...scripted(2), weightBytes: 1e9 };
    const light = scripted(2);
    alternate(heavy, light);
    expect(light.runs.slice(1).every((cold) => cold)).toBe(true);
    const small = scripted(2);
    alternate(scripted(2), small);
    expect(small.runs.some((cold) => cold)).toBe(false);
  });
});
