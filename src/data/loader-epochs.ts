// What all loaders share: their options, and an epoch as a sequence of batches that a source makes.
import { UserError } from '../errors.ts';
import type { Batch, Loader, LoaderOptions } from './loader.ts';
import type { BatchSource } from './loader-threads.ts';
import { checkMix, mixes } from './mix.ts';
import { partOfBatch, wholeShare } from './part.ts';
import { allPositions } from './split.ts';

type SharedOptions = Pick<LoaderOptions, 'batch' | 'workers' | 'ahead' | 'indices' | 'lastBatch' | 'mix'>;

/** The pictures to draw from, and how many batches they make. Throws for options that fit no data or not this. */
export function planEpochs(
  options: SharedOptions,
  { name, length }: { readonly name: string; readonly length: number },
): { indices: Uint32Array; batchesPerEpoch: number; picturesPerEpoch: number } {
  const { batch, workers = 1, ahead = 2, lastBatch = 'keep' } = options;
  for (const [option, value, least] of [
    ['batch', batch, 1],
    ['workers', workers, 0],
    ['ahead', ahead, 0],
  ] as const) {
    if (!Number.isInteger(value) || value < least) {
      throw new UserError(`${option} is ${value}, expected a whole number, at least ${least}.`, {
        exitCode: 2,
      });
    }
  }
  checkMix(options.mix);
  const indices = options.indices ?? allPositions(length);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] as number;
    if (index >= length) throw new RangeError(`indices: picture ${index} of ${length} in ${name}`);
  }
  if (indices.length === 0) throw new UserError(`${name}: no pictures to make batches of.`);
  if (lastBatch === 'drop' && batch > indices.length) {
    throw new UserError(
      `The batch of ${batch} is larger than the ${indices.length} pictures of ${name}. ` +
        `Choose a batch of at most ${indices.length}.`,
      { exitCode: 2 },
    );
  }
  const batchesPerEpoch =
    lastBatch === 'drop' ? Math.floor(indices.length / batch) : Math.ceil(indices.length / batch);
  return { indices, batchesPerEpoch, picturesPerEpoch: Math.min(indices.length, batchesPerEpoch * batch) };
}

/** `Loader.epoch` over a source. */
export function epochsOf<Report>(
  source: BatchSource<Report>,
  options: Pick<LoaderOptions, 'batch' | 'part' | 'lastBatch' | 'mix'>,
  details: {
    readonly batchesPerEpoch: number;
    /** Floats per picture. */
    readonly size: number;
    /** The pictures of an epoch in the order of their visit. */
    readonly order: (epoch: number) => Uint32Array;
    /** Told of every batch before it is handed out; `fresh` for the first of an epoch. May throw. */
    readonly onBatch?: (count: number, report: Report | undefined, fresh: boolean) => void;
  },
): Loader['epoch'] {
  const { batch, part = wholeShare, lastBatch, mix } = options;
  const { batchesPerEpoch, size } = details;
  const division = { batch, part, padded: lastBatch === 'pad' };
  const mixed = mixes(mix);
  let busy = false;
  return async function* epoch(number, fromBatch = 0): AsyncGenerator<Batch, void, undefined> {
    if (busy) throw new Error('The loader is inside another epoch; finish that one first.');
    if (!(Number.isInteger(fromBatch) && fromBatch >= 0 && fromBatch <= batchesPerEpoch)) {
      throw new RangeError(`epoch: batch ${fromBatch} of ${batchesPerEpoch}`);
    }
    if (fromBatch === batchesPerEpoch) return;
    busy = true;
    try {
      const order = details.order(number);
      source.start(number, order, fromBatch, batchesPerEpoch);
      for (let index = fromBatch; index < batchesPerEpoch; index++) {
        const { slot, report } = await source.take(index);
        const { whole, first, count, places } = partOfBatch(division, order.length, index);
        details.onBatch?.(count, report, index === fromBatch);
        yield {
          images: slot.images.subarray(0, places * size),
          labels: slot.labels.subarray(0, places),
          indices: slot.indices.subarray(0, places),
          count,
          whole,
          first,
          index,
          ...(mixed && { otherLabels: slot.otherLabels.subarray(0, places), share: slot.share[0] as number }),
        };
      }
    } finally {
      await source.stop();
      busy = false;
    }
  };
}

/** A thread's program, in the form that the file at `base` itself is in: TypeScript in the sources, JavaScript when built. */
export function workerFile(name: string, base: string): URL {
  return new URL(`./${name}${base.endsWith('.ts') ? '.ts' : '.js'}`, base);
}
