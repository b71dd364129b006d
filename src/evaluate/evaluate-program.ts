// Runs a test program over a loader's batches and counts: the test that a training makes of its own weights.
// The last batch is padded with label -1, which the test step does not count, so any number of pictures is exact.
import type { Loader } from '../data/loader.ts';
import type { Program } from '../engines/engine.ts';
import { type Counts, createTally } from './tally.ts';

export type { Answer, Counts } from './tally.ts';

export interface EvaluateProgramOptions {
  readonly classes: number;
  readonly signal?: AbortSignal;
  readonly onBatch?: (done: number, total: number) => void;
}

/**
 * Tests `program` (a test step whose batch is the loader's) on one pass over `loader`, which must pad its last
 * batch. Undefined when `signal` ended it early.
 */
export async function evaluateProgram(
  program: Program,
  loader: Loader,
  options: EvaluateProgramOptions,
): Promise<Counts | undefined> {
  const { classes, signal, onBatch } = options;
  const tally = createTally(classes);
  let loss = 0;
  const start = performance.now();
  for await (const batch of loader.epoch(0)) {
    if (signal?.aborted) return undefined;
    const { count, labels, indices } = batch;
    const outputs = program.run({ images: batch.images, labels });
    loss += ((outputs.loss as Float32Array)[0] as number) * count;
    const probabilities = outputs.probabilities as Float32Array;
    for (let place = 0; place < count; place++) {
      tally.add(indices[place] as number, labels[place] as number, probabilities, place * classes);
    }
    onBatch?.(tally.n, loader.picturesPerEpoch);
    // Signals and timers get their turn between the engine's long calls.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return tally.counts((performance.now() - start) / 1000, loss / tally.n);
}
