import { describe, expect, it } from 'vitest';
import { efficiency, sumSeconds } from './scaling-model.ts';

const gigabit = { alphaSeconds: 50e-6, betaBytesPerSecond: 1e9 / 8 };

describe('the alpha-beta model', () => {
  it('costs nothing on one node', () => {
    expect(sumSeconds(1e9, 1, gigabit)).toBe(0);
    expect(efficiency({ name: 'x', bytes: 1e9, stepSeconds: 1 }, 1, gigabit)).toBe(1);
  });

  it('passes every byte nearly twice through a ring', () => {
    const fast = { ...gigabit, alphaSeconds: 0 };
    expect(sumSeconds(1.25e8, 2, fast)).toBeCloseTo(1, 12);
    expect(sumSeconds(1.25e8, 1e6, fast)).toBeCloseTo(2, 5);
    expect(sumSeconds(0, 5, gigabit)).toBeCloseTo(8 * 50e-6, 12);
  });

  it('hides what fits behind the backward pass', () => {
    const bytes = 8 * 2 ** 20;
    const slow = efficiency({ name: 'x', bytes, stepSeconds: 0.01 }, 8, gigabit);
    const long = efficiency({ name: 'x', bytes, stepSeconds: 10 }, 8, gigabit);
    expect(long).toBeGreaterThan(0.99);
    expect(slow).toBeLessThan(0.15);
  });
});
