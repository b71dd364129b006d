// Where a batch stands among those whose gradients make one update (`accumulate`), as a pure function of its place in the
// epoch, so that a run taken up again needs no count of its own. An update never reaches over the end of an epoch: what
// is left of its batches makes one of its own, as in PyTorch's trainers, so that no picture's gradient is lost and the
// weights that are validated have seen all of the epoch. Each picture of an update counts the same: a last batch of 3
// pictures counts 3, not as much as a full one.
import { onlyMicroStep } from '../graph/ops/accumulate.ts';

/** What of an epoch its updates follow from. */
export interface EpochPlan {
  /** Batches of one update. */
  readonly accumulate: number;
  /** Pictures of a full batch. */
  readonly batch: number;
  /** Batches that the epoch has, and how many pictures they are together. */
  readonly steps: number;
  readonly pictures: number;
}

export interface PlaceInUpdate {
  /** What the training step is fed: which batch of its update this is. */
  readonly microStep: number;
  /** How much it counts in the update's mean, 1 being an even share of `accumulate` batches. */
  readonly weight: number;
  /** Whether the weights move. */
  readonly updates: boolean;
}

/** The place of batch `step` (from 0) of an epoch. */
export function placeInUpdate(
  step: number,
  { accumulate, batch, steps, pictures }: EpochPlan,
): PlaceInUpdate {
  const first = step - (step % accumulate);
  const end = Math.min(first + accumulate, steps);
  const before = (place: number): number => Math.min(place * batch, pictures);
  const own = before(step + 1) - before(step);
  const weight = (accumulate * own) / (before(end) - before(first));
  const last = step === end - 1;
  if (accumulate > 1 && end - first === 1) return { microStep: onlyMicroStep, weight, updates: true };
  return { microStep: last ? accumulate - 1 : step - first, weight, updates: last };
}

/** Updates of `steps` batches of one epoch. */
export function updatesOf(steps: number, accumulate: number): number {
  return Math.ceil(steps / accumulate);
}
