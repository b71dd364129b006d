// When a run is over: after all its epochs or steps, or when the validation has not become better for long enough. All
// of it follows from recipe and position, so that it is the same for a run taken up again.
import type { TrainingPosition } from './checkpoint/save.ts';
import type { Recipe } from './recipes/recipe.ts';

/** Steps of epoch `epoch` (from 0): those of the loader, or what is left where the recipe counts steps. */
export function stepsInEpoch({ steps }: Recipe, epoch: number, batchesPerEpoch: number): number {
  return steps === undefined ? batchesPerEpoch : Math.min(batchesPerEpoch, steps - epoch * batchesPerEpoch);
}

/** Steps of the whole run. */
export function stepsInAll({ steps, epochs }: Recipe, batchesPerEpoch: number): number {
  return steps ?? epochs * batchesPerEpoch;
}

/** Epochs since the best validation, once they are as many as the recipe bears; else undefined. */
export function stoppedEarly({ stopAfter }: Recipe, { epoch, best }: TrainingPosition): number | undefined {
  if (stopAfter === undefined || best === null || epoch - best.epoch < stopAfter) return undefined;
  return epoch - best.epoch;
}

export function isComplete(recipe: Recipe, position: TrainingPosition): boolean {
  return position.epoch >= recipe.epochs || stoppedEarly(recipe, position) !== undefined;
}
