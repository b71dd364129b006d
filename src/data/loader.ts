// Batches of augmented pictures, made by threads ahead of their use. Everything a thread needs lies in shared
// memory: the pictures, the epoch's order and a ring of batches; it goes on while the owner is inside a native call.
// The order and each picture's augmentation depend on (seed, epoch, index) alone, so a run that was cut short can be
// taken up at any batch of any epoch.
import { type Augmentation, augmentedSize, checkAugmentation } from './augment.ts';
import { allocateSlot, type BatchPlan, fillBatch, type Slot } from './batch.ts';
import type { Dataset } from './dataset.ts';
import { epochsOf, planEpochs, workerFile } from './loader-epochs.ts';
import { inlineSource, threadedSource } from './loader-threads.ts';
import type { MixOptions } from './mix.ts';
import { type RankShare, wholeShare } from './part.ts';
import { permutation } from './random.ts';

export interface LoaderOptions {
  /** Pictures per batch. */
  readonly batch: number;
  /** Makes one rank's part of each batch alone; default the whole. */
  readonly part?: RankShare | undefined;
  readonly augmentation?: Augmentation;
  /** Fixes order and augmentation; default 0. */
  readonly seed?: number;
  /** A fresh order in every epoch, or the pictures as they come. */
  readonly shuffle: boolean;
  /** The pictures to draw from; default all. */
  readonly indices?: Uint32Array;
  /** What becomes of a last batch that is not full: kept short (default), dropped, or padded. */
  readonly lastBatch?: 'keep' | 'drop' | 'pad';
  /** Threads; 0 makes every batch when it is asked for. Default 1. */
  readonly workers?: number;
  /** Batches made ready beyond the one in use; default 2. */
  readonly ahead?: number;
  /** Mixup and cutmix of whole batches. */
  readonly mix?: MixOptions;
}

/** A batch; its arrays stay valid until the next one is asked for. */
export interface Batch {
  /** (N,C,H,W) float32, normalised. N is `count`, or the size of the part when padded (zeros after `count`). */
  readonly images: Float32Array;
  /** N classes; -1 after `count`. */
  readonly labels: Int32Array;
  /** N positions in the data set; 0xffffffff after `count`. */
  readonly indices: Uint32Array;
  /** Pictures in it; none where a rank has no part of a small last batch. */
  readonly count: number;
  /** Pictures of the whole batch, and how many of them come before these: other ranks'. */
  readonly whole: number;
  readonly first: number;
  /** Its number in the epoch. */
  readonly index: number;
  /** Where pictures were mixed: the classes of the other pictures; the loss is share CE(labels) + (1 - share) CE(otherLabels). */
  readonly otherLabels?: Int32Array;
  /** The share of `labels`, 0 to 1. */
  readonly share?: number;
}

export interface Loader {
  readonly batchesPerEpoch: number;
  /** Pictures per epoch: less than the data set's when the last batch is dropped. */
  readonly picturesPerEpoch: number;
  /** Shape of one picture after augmentation. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** The batches of epoch `epoch` from number `fromBatch` on. One epoch at a time. */
  epoch(epoch: number, fromBatch?: number): AsyncGenerator<Batch, void, undefined>;
  /** Ends the threads. An epoch under way fails. */
  close(): Promise<void>;
}

/** Batches of `dataset`. Throws on options that do not fit it. Call `close` when done with it. */
export function createLoader(
  dataset: Dataset,
  options: LoaderOptions,
  workerUrl: URL = workerFile('loader-worker', import.meta.url),
): Loader {
  const { batch, augmentation, seed = 0, shuffle, workers = 1, ahead = 2, mix } = options;
  const { part = wholeShare, lastBatch } = options;
  const { indices, batchesPerEpoch, picturesPerEpoch } = planEpochs(options, dataset);
  checkAugmentation(dataset.channels, augmentation);
  const { height, width } = augmentedSize(dataset, augmentation);
  const { length, channels, pixels, labels } = dataset;
  const plan: BatchPlan = {
    dataset: { length, channels, height: dataset.height, width: dataset.width, pixels, labels },
    augmentation,
    seed,
    batch,
    part,
    padded: lastBatch === 'pad',
    size: channels * height * width,
    shown: { height, width },
    mix,
  };
  const slots = Array.from({ length: workers === 0 ? 1 : ahead + 1 }, () => allocateSlot(plan));
  const source =
    workers === 0
      ? inlineSource<undefined>(slots[0] as Slot, async (slot, order, epoch, index) => {
          fillBatch(slot, plan, order, epoch, index);
          return undefined;
        })
      : threadedSource<BatchPlan, undefined>({
          plan,
          slots,
          orderLength: indices.length,
          workers,
          workerUrl,
        });
  const order = (epoch: number): Uint32Array =>
    shuffle ? permutation(indices.length, seed, epoch).map((place) => indices[place] as number) : indices;
  const epoch = epochsOf(source, options, { batchesPerEpoch, size: plan.size, order });
  const shape = [channels, height, width] as const;
  return { batchesPerEpoch, picturesPerEpoch, shape, epoch, close: () => source.close() };
}
