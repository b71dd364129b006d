import { describe, expect, it } from 'vitest';
import {
  defaultSchedules,
  dependsOnEpochs,
  findSchedule,
  learningRateAt,
  type Schedule,
} from './schedule.ts';

function rates(schedule: Schedule, peak: number, stepsPerEpoch: number, epochs: number): number[] {
  return Array.from({ length: stepsPerEpoch * epochs }, (_, step) =>
    learningRateAt(schedule, peak, { step, stepsPerEpoch, epochs }),
  );
}

function expectClose(actual: number[], expected: number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs((actual[i] as number) - value), `step ${i}`).toBeLessThan(1e-12);
  }
}

describe('learningRateAt', () => {
  it('keeps a constant rate', () => {
    expect(rates({ kind: 'constant' }, 0.3, 2, 2)).toEqual([0.3, 0.3, 0.3, 0.3]);
  });

  it('warms up by the step and then goes by the milestones, counted from 1', () => {
    const schedule: Schedule = { kind: 'multi-step', milestones: [3, 4], factor: 0.2, warmupEpochs: 1 };
    expectClose(
      rates(schedule, 0.1, 4, 4),
      [0.025, 0.05, 0.075, 0.1, 0.1, 0.1, 0.1, 0.1, 0.02, 0.02, 0.02, 0.02, 0.004, 0.004, 0.004, 0.004],
    );
  });

  it('follows half a cosine to nearly zero', () => {
    const found = rates({ kind: 'cosine' }, 1, 4, 2);
    expectClose(
      found,
      Array.from({ length: 8 }, (_, i) => 0.5 * (1 + Math.cos((Math.PI * i) / 8))),
    );
  });

  it('is PyTorch’s OneCycleLR', () => {
    // OneCycleLR(optimizer, 0.4, total_steps=10, pct_start=0.3): get_last_lr() before each step, PyTorch 1.13.
    const tenSteps = [
      0.016, 0.208, 0.4, 0.38019385280538953, 0.3246982615799052, 0.24450480877451572, 0.1554967912254843,
      0.0753033384200948, 0.019807747194610516, 1.6e-6,
    ];
    expectClose(rates(defaultSchedules['one-cycle'], 0.4, 5, 2), tenSteps);
    // total_steps=20, pct_start=0.25
    const twentySteps = [
      0.016, 0.07223549801218293, 0.208, 0.34376450198781716, 0.4, 0.3956295376286806, 0.38270916069215405,
      0.361803551661394, 0.3338263859672866, 0.3000004, 0.261803951661394, 0.2209064090307601,
      0.17909519096923995, 0.13819764833860604, 0.10000120000000005, 0.06617521403271352, 0.03819804833860603,
      0.017292439307845922, 0.0043720623713194495, 1.6e-6,
    ];
    expectClose(rates({ ...defaultSchedules['one-cycle'], rise: 0.25 }, 0.4, 10, 2), twentySteps);
  });

  it('reaches the top at once when the rise is shorter than a step', () => {
    const found = rates(defaultSchedules['one-cycle'], 0.4, 3, 1);
    expect(found[0]).toBe(0.4);
    expect(found.every(Number.isFinite)).toBe(true);
  });

  it('is PyTorch’s StepLR', () => {
    // StepLR(step_size=2, gamma=0.96) from 0.01, two steps an epoch.
    const perEpoch = [0.01, 0.01, 0.0096, 0.0096, 0.009216, 0.009216];
    expectClose(
      rates({ kind: 'step', every: 2, factor: 0.96 }, 0.01, 2, 6),
      perEpoch.flatMap((rate) => [rate, rate]),
    );
  });

  it('takes milestones in steps', () => {
    const schedule: Schedule = { kind: 'multi-step', milestones: [3, 5], unit: 'steps', factor: 0.1 };
    expectClose(rates(schedule, 1, 3, 2), [1, 1, 1, 0.1, 0.1, 0.01]);
  });

  it('ends after so many steps, whatever the epochs', () => {
    const at = (step: number) =>
      learningRateAt({ kind: 'cosine' }, 1, { step, stepsPerEpoch: 4, epochs: 2, steps: 6 });
    expect(at(3)).toBeCloseTo(0.5, 12);
    expect(at(6)).toBeCloseTo(0, 12);
  });

  it('falls as often as plateau has said, but not below the least rate', () => {
    const schedule: Schedule = { kind: 'plateau', factor: 0.1, patience: 1, least: 0.005, warmupEpochs: 1 };
    const at = (step: number, drops?: number) =>
      learningRateAt(schedule, 1, { step, stepsPerEpoch: 2, epochs: 9, drops });
    expect([at(0), at(1), at(2), at(9, 1), at(9, 2), at(9, 3)]).toEqual([
      0.5, 1, 1, 0.1, 0.010000000000000002, 0.005,
    ]);
    // A least rate above the peak changes nothing.
    expect(learningRateAt(schedule, 0.001, { step: 9, stepsPerEpoch: 2, epochs: 9 })).toBe(0.001);
  });

  it('knows which schedules look at the number of epochs', () => {
    expect(
      Object.values(defaultSchedules)
        .filter(dependsOnEpochs)
        .map(({ kind }) => kind),
    ).toEqual(['cosine', 'one-cycle']);
  });

  it('names the nearest schedules', () => {
    expect(() => findSchedule('onecycle')).toThrow(/no schedule named 'onecycle'.*one-cycle/);
  });
});
