// Reduce on plateau (PyTorch's ReduceLROnPlateau, mode min, relative threshold, no cooldown): what it remembers of the
// validations is a few numbers in the position that a checkpoint holds, so that a run taken up again lets its rate
// fall where the whole one would have.
import type { PlateauSchedule } from './schedule.ts';

export interface PlateauState {
  /** The best value so far: the validation's top-1 error, percent, or without validation pictures the training loss. */
  readonly best: number;
  /** Epochs since then, or since the rate fell. */
  readonly waited: number;
  /** How often the rate has fallen. */
  readonly drops: number;
}

const usualThreshold = 1e-4;

/** The state after an epoch that came to `value`. */
export function afterEpoch(
  schedule: PlateauSchedule,
  before: PlateauState | undefined,
  value: number,
): PlateauState {
  if (before === undefined) return { best: value, waited: 0, drops: 0 };
  const { threshold = usualThreshold, patience } = schedule;
  if (value < before.best * (1 - threshold)) return { ...before, best: value, waited: 0 };
  const waited = before.waited + 1;
  return waited > patience ? { ...before, waited: 0, drops: before.drops + 1 } : { ...before, waited };
}
