import { describe, expect, it } from 'vitest';
import { isComplete, stepsInAll, stepsInEpoch, stoppedEarly } from './ending.ts';
import { fast } from './recipes/fast.ts';

const position = {
  epoch: 5,
  stepInEpoch: 0,
  step: 50,
  sums: { pictures: 0, loss: 0, top1: 0, top5: 0 },
  seconds: 1,
  best: { epoch: 2, top1Error: 40 },
};

describe('the end of a run', () => {
  it('cuts the last epoch short where steps are counted', () => {
    const recipe = { ...fast, epochs: 3, steps: 25 };
    expect([0, 1, 2].map((epoch) => stepsInEpoch(recipe, epoch, 10))).toEqual([10, 10, 5]);
    expect(stepsInAll(recipe, 10)).toBe(25);
    expect(stepsInEpoch(fast, 0, 10)).toBe(10);
    expect(stepsInAll(fast, 10)).toBe(150);
  });

  it('comes with the last epoch, or early', () => {
    expect(isComplete({ ...fast, epochs: 5 }, position)).toBe(true);
    expect(isComplete({ ...fast, epochs: 6 }, position)).toBe(false);
    expect(isComplete({ ...fast, stopAfter: 4 }, position)).toBe(false);
    expect(isComplete({ ...fast, stopAfter: 3 }, position)).toBe(true);
    expect(stoppedEarly({ ...fast, stopAfter: 3 }, position)).toBe(3);
    expect(stoppedEarly({ ...fast, stopAfter: 3 }, { ...position, best: null })).toBeUndefined();
  });
});
