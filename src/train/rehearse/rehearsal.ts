// Steps outside a run: what lr-find, --overfit-batch and --dry-run share. Everything is prepared as for a training,
// with the same pictures, first weights and programs, but there is no run folder and nothing is written.
import type { Batch, Loader } from '../../data/loader.ts';
import { dropoutSeedOf } from '../dropout-seed.ts';
import type { TrainOptions } from '../options.ts';
import type { StepResult } from '../programs.ts';
import { prepareTraining, type Setup } from '../setup.ts';

export type RehearsalOptions = Omit<TrainOptions, 'out' | 'resume' | 'rehearsal' | 'watch'>;

/** Prepares a training that will not be one. Call the result's `close`. */
export function rehearse(options: RehearsalOptions): Promise<Setup> {
  return prepareTraining({ ...options, out: '.', rehearsal: true });
}

/** The loader's batches, epoch after epoch without end. */
export async function* batchesOf(loader: Loader): AsyncGenerator<Batch, never, undefined> {
  for (let epoch = 0; ; epoch++) yield* loader.epoch(epoch);
}

/** One step on `batch` with the given rate, as a training takes it; `step` counts from 0. */
export function takeStep(
  { programs, config, recipe }: Setup,
  batch: Batch,
  learningRate: number,
  step: number,
  dropoutSeed = dropoutSeedOf(config.seed, step),
): StepResult {
  const { otherLabels, share } = batch;
  const microStep = step % (recipe.accumulate ?? 1);
  return programs.step(batch.images, batch.labels, learningRate, dropoutSeed, {
    otherLabels,
    share,
    microStep,
  });
}
