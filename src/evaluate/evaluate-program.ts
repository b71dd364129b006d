// Runs a test program over a loader's batches and counts: the test that a training makes of its own weights.
// The last batch is padded with label -1, which the test step does not count, so any number of pictures is exact.
// Ranks test their parts of each batch, and every one of them gets the counts of all.
import type { Loader } from '../data/loader.ts';
import { alone, type Ranks } from '../distribute/ranks.ts';
import type { Program } from '../engines/engine.ts';
import { countsOfAll } from './share.ts';
import { type Counts, createTally } from './tally.ts';

export type { Answer, Counts } from './tally.ts';

export interface EvaluateProgramOptions {
  readonly classes: number;
  readonly signal?: AbortSignal;
  /** Who shares the test; the loader makes this one's parts. Default: this process alone. */
  readonly ranks?: Ranks;
  /** `done` counts the pictures of all ranks. */
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
  const { classes, signal, onBatch, ranks = alone } = options;
  const tally = createTally(classes);
  const places: number[] = [];
  let loss = 0;
  let done = 0;
  const start = performance.now();
  for await (const batch of loader.epoch(0)) {
    if (signal?.aborted) break;
    const { count, labels, indices } = batch;
    const outputs = program.run({ images: batch.images, labels });
    loss += ((outputs.loss as Float32Array)[0] as number) * count;
    const probabilities = outputs.probabilities as Float32Array;
    for (let place = 0; place < count; place++) {
      tally.add(indices[place] as number, labels[place] as number, probabilities, place * classes);
      places.push(done + batch.first + place);
    }
    done += batch.whole;
    onBatch?.(done, loader.picturesPerEpoch);
    // Signals and timers get their turn between the engine's long calls.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - start) / 1000;
  const [stops, lossOfAll] = ranks.sum(Number(done < loader.picturesPerEpoch), loss) as [number, number];
  if (stops > 0) return undefined;
  const own = tally.counts(seconds, lossOfAll / loader.picturesPerEpoch);
  return ranks.size === 1 ? own : countsOfAll(own, places, ranks, own.loss);
}
