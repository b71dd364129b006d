// Learning-rate schedules as pure functions of the step, so that a run taken up again anywhere needs no
// schedule state; only plateau looks at the validations so far, and what it knows of them is in the position that a
// checkpoint holds (`plateau.ts`). A schedule is data (it is written into a run's config.json).
//
// one-cycle is PyTorch's OneCycleLR with cosine annealing (Smith & Topin 2017), momentum held constant.
// multi-step counts epochs from 1, as github weiaicunzai/pytorch-cifar100 does: with the milestone 60 the 60th
// epoch already has the smaller rate. Milestones in steps count the steps taken: with 32000 the 32001st step is the
// first with the smaller rate. step is PyTorch's StepLR: with every = 30 epochs 1 to 30 have the full rate.
// That repository's warm-up starts at 0, so that its first step changes
// no weight; here step i of a warm-up of n steps has (i + 1) / n of the rate, from 1/n to 1.
import { didYouMean, UserError } from '../errors.ts';

export type ScheduleKind = 'constant' | 'multi-step' | 'step' | 'plateau' | 'cosine' | 'one-cycle';

export type Schedule = {
  /** Epochs of linear warm-up, by the step, before the schedule's own rule; one-cycle has its own rise. */
  readonly warmupEpochs?: number;
} & (
  | { readonly kind: 'constant' }
  | {
      readonly kind: 'multi-step';
      readonly milestones: readonly number[];
      /** What milestones count; default epochs. */
      readonly unit?: 'epochs' | 'steps';
      readonly factor: number;
    }
  | { readonly kind: 'step'; readonly every: number; readonly factor: number }
  | PlateauSchedule
  | { readonly kind: 'cosine' }
  | {
      readonly kind: 'one-cycle';
      /** Share of all steps in which the rate rises to its peak. */
      readonly rise: number;
      /** The first rate is peak / startDivisor, the last one peak / startDivisor / endDivisor. */
      readonly startDivisor: number;
      readonly endDivisor: number;
    }
);

/** The rate falls when validations get no better (PyTorch's ReduceLROnPlateau, cooldown 0). */
export interface PlateauSchedule {
  readonly kind: 'plateau';
  readonly factor: number;
  /** Epochs without a better one that are borne; after one more the rate falls. */
  readonly patience: number;
  /** Share by which a validation must be better than the best so far to count; default 1e-4. */
  readonly threshold?: number;
  /** The rate falls no lower; default 0. */
  readonly least?: number;
}

/** Each schedule with its usual numbers (one-cycle, step and plateau: PyTorch's defaults or those of its examples). */
export const defaultSchedules: { readonly [K in ScheduleKind]: Schedule & { readonly kind: K } } = {
  constant: { kind: 'constant' },
  'multi-step': { kind: 'multi-step', milestones: [60, 120, 160], factor: 0.2 },
  step: { kind: 'step', every: 30, factor: 0.1 },
  plateau: { kind: 'plateau', factor: 0.1, patience: 10 },
  cosine: { kind: 'cosine' },
  'one-cycle': { kind: 'one-cycle', rise: 0.3, startDivisor: 25, endDivisor: 1e4 },
};

export const scheduleKinds = Object.keys(defaultSchedules) as ScheduleKind[];

/** The schedule of that name with its usual numbers; a UserError (misuse) for a name that there is not. */
export function findSchedule(name: string): Schedule {
  if (Object.hasOwn(defaultSchedules, name)) return defaultSchedules[name as ScheduleKind];
  throw new UserError(`There is no schedule named '${name}'.${didYouMean(name, scheduleKinds)}`, {
    exitCode: 2,
  });
}

/** Whether the rates of the first epochs depend on how many there will be in all. */
export function dependsOnEpochs(schedule: Schedule): boolean {
  return schedule.kind === 'cosine' || schedule.kind === 'one-cycle';
}

export interface SchedulePosition {
  /** Steps taken before this one, from the start of the run. */
  readonly step: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
  /** Steps in all, where the run is not made of whole epochs. */
  readonly steps?: number | undefined;
  /** How often plateau has let the rate fall. */
  readonly drops?: number | undefined;
}

/** The learning rate of one step; `peak` is the recipe's learning rate, the largest one ever used. */
export function learningRateAt(schedule: Schedule, peak: number, position: SchedulePosition): number {
  const { step, stepsPerEpoch, epochs } = position;
  const total = position.steps ?? stepsPerEpoch * epochs;
  if (schedule.kind === 'one-cycle') return peak * oneCycle(schedule, step, total);
  const warmupSteps = Math.round((schedule.warmupEpochs ?? 0) * stepsPerEpoch);
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  const epoch = Math.floor(step / stepsPerEpoch);
  switch (schedule.kind) {
    case 'constant':
      return peak;
    case 'cosine':
      return peak * cosineBetween(1, 0, (step - warmupSteps) / Math.max(1, total - warmupSteps));
    case 'step':
      return peak * schedule.factor ** Math.floor(epoch / schedule.every);
    case 'plateau':
      return Math.max(Math.min(peak, schedule.least ?? 0), peak * schedule.factor ** (position.drops ?? 0));
    case 'multi-step': {
      const reached = schedule.unit === 'steps' ? step : epoch + 1;
      return peak * schedule.factor ** schedule.milestones.filter((at) => at <= reached).length;
    }
  }
}

function oneCycle(schedule: Schedule & { kind: 'one-cycle' }, step: number, total: number): number {
  const start = 1 / schedule.startDivisor;
  const top = schedule.rise * total - 1;
  if (step < top) return cosineBetween(start, 1, step / top);
  // A run of a few steps has no time to rise.
  const fall = Math.max(0, step - Math.max(0, top));
  const share = Math.min(1, fall / Math.max(1, total - 1 - Math.max(0, top)));
  return cosineBetween(1, start / schedule.endDivisor, share);
}

/** From `from` at share 0 to `to` at share 1 along half a cosine. */
function cosineBetween(from: number, to: number, share: number): number {
  return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
}
