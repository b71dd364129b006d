import { describe, expect, it } from 'vitest';
import { afterEpoch, type PlateauState } from './plateau.ts';
import { learningRateAt, type PlateauSchedule } from './schedule.ts';

const errors = [90, 80, 80, 79.999, 79, 79, 79, 79, 79, 79, 78, 78, 78, 78, 78];

function rates(schedule: PlateauSchedule): number[] {
  let state: PlateauState | undefined;
  const rate = () =>
    learningRateAt(schedule, 0.1, { step: 0, stepsPerEpoch: 1, epochs: 20, drops: state?.drops });
  const found = [rate()];
  for (const error of errors) {
    // As a checkpoint holds it.
    state = JSON.parse(JSON.stringify(afterEpoch(schedule, state, error)));
    found.push(rate());
  }
  return found;
}

describe('reduce on plateau', () => {
  // torch.optim.lr_scheduler.ReduceLROnPlateau over the same errors, PyTorch 1.13.
  it.each<[PlateauSchedule, number[]]>([
    [
      { kind: 'plateau', factor: 0.1, patience: 2 },
      [...Array(8).fill(0.1), ...Array(6).fill(0.01), 0.001, 0.001],
    ],
    [
      { kind: 'plateau', factor: 0.5, patience: 0, threshold: 0.01, least: 0.02 },
      [0.1, 0.1, 0.1, 0.05, 0.025, 0.025, ...Array(10).fill(0.02)],
    ],
  ])('is PyTorch’s: %j', (schedule, expected) => {
    const found = rates(schedule);
    expect(found).toHaveLength(expected.length);
    for (const [i, rate] of expected.entries()) expect(found[i], `epoch ${i}`).toBeCloseTo(rate, 12);
  });
});
