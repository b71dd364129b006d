// Runs a test program over a loader's batches and counts: errors, loss, confusion, and each picture's answer.
// The last batch is padded with label -1, which the test step does not count, so any number of pictures is exact.
import type { Loader } from '../data/loader.ts';
import type { Program } from '../engines/engine.ts';
import { type Candidate, rankOf, topCandidates } from './ranking.ts';

/** Result of a test, errors in percent. */
export interface Counts {
  /** Pictures tested. */
  readonly n: number;
  readonly top1Error: number;
  readonly top5Error: number;
  /** Mean cross-entropy, natural logarithm. */
  readonly loss: number;
  readonly seconds: number;
  /** confusion[true class][answer]: pictures. */
  readonly confusion: number[][];
  /** One per picture, in the order of testing. */
  readonly answers: readonly Answer[];
}

export interface Answer {
  /** Position in the data set. */
  readonly index: number;
  readonly label: number;
  /** The five most probable classes, or all there are. */
  readonly top: readonly Candidate[];
}

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
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const answers: Answer[] = [];
  let [n, loss, top1, top5] = [0, 0, 0, 0];
  const start = performance.now();
  for await (const batch of loader.epoch(0)) {
    if (signal?.aborted) return undefined;
    const { count, labels, indices } = batch;
    const outputs = program.run({ images: batch.images, labels });
    loss += ((outputs.loss as Float32Array)[0] as number) * count;
    n += count;
    const probabilities = outputs.probabilities as Float32Array;
    for (let place = 0; place < count; place++) {
      const label = labels[place] as number;
      const rank = rankOf(probabilities, place * classes, classes, label);
      if (rank < 1) top1++;
      if (rank < 5) top5++;
      const top = topCandidates(probabilities, place * classes, classes, 5);
      const row = confusion[label] as number[];
      const answer = (top[0] as Candidate).class;
      row[answer] = (row[answer] as number) + 1;
      answers.push({ index: indices[place] as number, label, top });
    }
    onBatch?.(n, loader.picturesPerEpoch);
    // Signals and timers get their turn between the engine's long calls.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - start) / 1000;
  return {
    n,
    top1Error: (100 * (n - top1)) / n,
    top5Error: (100 * (n - top5)) / n,
    loss: loss / n,
    seconds,
    confusion,
    answers,
  };
}
