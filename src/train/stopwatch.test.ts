import { describe, expect, it } from 'vitest';
import { createStopwatch } from './stopwatch.ts';

describe('createStopwatch', () => {
  it('counts speeds of steps, and the time left by this process alone', () => {
    let clock = 100;
    const watch = createStopwatch(1000, 10, () => clock);
    expect(watch.mean()).toBeNull();
    expect(watch.median()).toBeNull();
    expect(watch.etaSeconds()).toBe(Number.POSITIVE_INFINITY);
    for (const seconds of [1, 4, 1]) {
      watch.startStep();
      clock += seconds;
      expect(watch.endStep(8)).toBe(8 / seconds);
    }
    expect(watch.mean()).toBe(4);
    expect(watch.median()).toBe(8);
    // A validation of 3 s: it belongs to the time, not to the speed.
    clock += 3;
    expect(watch.mean()).toBe(4);
    expect(watch.seconds()).toBe(1009);
    expect(watch.etaSeconds()).toBe(3 * 7);
  });
});
