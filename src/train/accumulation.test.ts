import { describe, expect, it } from 'vitest';
import { type EpochPlan, placeInUpdate, updatesOf } from './accumulation.ts';

const places = (plan: EpochPlan) =>
  Array.from({ length: plan.steps }, (_, step) => {
    const { microStep, weight, updates } = placeInUpdate(step, plan);
    return [microStep, weight, updates];
  });

describe('placeInUpdate', () => {
  it('divides an epoch into updates, the rest making one of its own', () => {
    expect(places({ accumulate: 3, batch: 4, steps: 5, pictures: 20 })).toEqual([
      [0, 1, false],
      [1, 1, false],
      [2, 1, true],
      [0, 1.5, false],
      [2, 1.5, true],
    ]);
    expect(places({ accumulate: 3, batch: 4, steps: 4, pictures: 16 })[3]).toEqual([-1, 3, true]);
    expect(places({ accumulate: 4, batch: 4, steps: 3, pictures: 12 })).toEqual([
      [0, 4 / 3, false],
      [1, 4 / 3, false],
      [3, 4 / 3, true],
    ]);
  });

  it('counts each picture of an update the same', () => {
    // 8 + 8 + 3 pictures in one update of up to four batches.
    const plan = { accumulate: 4, batch: 8, steps: 3, pictures: 19 };
    const weights = places(plan).map(([, weight]) => (weight as number) / plan.accumulate);
    expect(weights).toEqual([8 / 19, 8 / 19, 3 / 19]);
  });

  it('is nothing for one batch an update', () => {
    for (const [microStep, weight, updates] of places({ accumulate: 1, batch: 4, steps: 3, pictures: 9 })) {
      expect([microStep, weight, updates]).toEqual([0, 1, true]);
    }
  });

  it('counts updates', () => {
    expect([0, 1, 3, 4].map((steps) => updatesOf(steps, 3))).toEqual([0, 1, 1, 2]);
  });
});
