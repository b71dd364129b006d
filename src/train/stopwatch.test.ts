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

  it.each([
    ['inside a step', [2, 0]],
    ['inside a step, told of only when the next is under way', [0, 2]],
  ])('leaves out the time that the process was stopped: %s', (_, [told]) => {
    let clock = 0;
    const watch = createStopwatch(0, 10, () => clock);
    for (let step = 1; step <= 4; step++) {
      watch.startStep();
      if (step === 3) clock += 3600;
      clock += 1;
      if (step === 3 && told === 2) watch.pause(3600);
      watch.endStep(8);
      if (step === 3 && told === 0) {
        watch.startStep();
        watch.pause(3600);
      }
    }
    expect(watch.mean()).toBeCloseTo(8);
    expect(watch.median()).toBe(8);
    expect(watch.seconds()).toBe(4);
    expect(watch.etaSeconds()).toBe(6);
  });
});
