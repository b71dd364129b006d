// Batches from pictures of any size that are read and decoded as they are needed, by threads ahead of their use, into
// the shared ring that the loader of pictures in memory has too. What a batch holds depends on (seed, epoch, picture)
// alone: not on the number of threads, nor on where in the epoch a run was taken up.
//
// Each thread keeps two pictures under way, so that sharp decodes one (in the C library's threads) while this program
// resizes and normalises the other.
import { availableParallelism } from 'node:os';
import { allocateSlot, type Slot } from '../batch.ts';
import type { Loader } from '../loader.ts';
import { epochsOf, planEpochs, workerFile } from '../loader-epochs.ts';
import { inlineSource, threadedSource } from '../loader-threads.ts';
import type { MixOptions } from '../mix.ts';
import { type RankShare, wholeShare } from '../part.ts';
import { createBadLimit } from './bad-limit.ts';
import { epochOrder } from './epoch-order.ts';
import { type BadPictureReport, fillPictureBatch, type PicturePlan } from './picture-batch.ts';
import { type PictureIndex, pictureName } from './picture-index.ts';
import { openStore } from './picture-store.ts';
import { checkTransform, type PictureTransform } from './render/transform.ts';

/** What to do with a file that is no picture, is cut off or is damaged. */
export type OnBadImage = 'fail' | 'skip';
export const onBadImageChoices: readonly OnBadImage[] = ['fail', 'skip'];

export interface PictureLoaderOptions {
  /** Pictures per batch. */
  readonly batch: number;
  /** Makes one rank's part of each batch alone; default the whole. */
  readonly part?: RankShare | undefined;
  readonly transform: PictureTransform;
  /** Fixes order and augmentation; default 0. */
  readonly seed?: number;
  /** A fresh order in every epoch (`epochOrder`), or the pictures as they come. */
  readonly shuffle: boolean;
  /** The pictures to draw from; default all. */
  readonly indices?: Uint32Array;
  /** What becomes of a last batch that is not full: kept short (default), dropped, or padded. */
  readonly lastBatch?: 'keep' | 'drop' | 'pad';
  /** Threads; 0 makes every batch when it is asked for. Default: one per core, at most 8. */
  readonly workers?: number;
  /** Batches made ready beyond the one in use; default 2. */
  readonly ahead?: number;
  /** Mixup and cutmix of whole batches. */
  readonly mix?: MixOptions;
  /**
   * 'fail': a bad picture ends the epoch with a UserError that names it. 'skip': another picture of the epoch takes its
   * place, always the same one; above 1 % of the pictures met (of a thousand at least) the epoch ends with a UserError.
   */
  readonly onBadImage: OnBadImage;
  /** Called once for each picture that is skipped. */
  readonly onBad?: (name: string, reason: string) => void;
}

/** Batches of the pictures of `index`. Throws a UserError for options that make no sense. Call `close` in the end. */
export function createPictureLoader(
  index: PictureIndex,
  options: PictureLoaderOptions,
  workerUrl: URL = workerFile('picture-worker', import.meta.url),
): Loader {
  const { transform, seed = 0, shuffle, ahead = 2, mix, onBadImage, onBad } = options;
  const workers = options.workers ?? Math.min(8, availableParallelism());
  checkTransform(transform);
  const { indices, batchesPerEpoch, picturesPerEpoch } = planEpochs({ ...options, workers }, index);
  const { height, width } = transform.size;
  const plan: PicturePlan = {
    store: index.store,
    labels: index.labels,
    transform,
    seed,
    batch: options.batch,
    part: options.part ?? wholeShare,
    padded: options.lastBatch === 'pad',
    size: 3 * height * width,
    shown: { height, width },
    mix,
    skipBad: onBadImage === 'skip',
  };
  const slots = Array.from({ length: workers === 0 ? 1 : ahead + 1 }, () => allocateSlot(plan));
  const source =
    workers === 0
      ? inlinePictures(plan, slots[0] as Slot)
      : threadedSource<PicturePlan, BadPictureReport[]>({
          plan,
          slots,
          orderLength: indices.length,
          workers,
          workerUrl,
        });
  const onBatch = createBadLimit({
    source: index.path,
    picturesPerEpoch,
    nameOf: (picture) => pictureName(index, picture),
    onBad,
  });
  const order = (epoch: number): Uint32Array => (shuffle ? epochOrder(index, indices, seed, epoch) : indices);
  const epoch = epochsOf(source, options, { batchesPerEpoch, size: plan.size, order, onBatch });
  return { batchesPerEpoch, picturesPerEpoch, shape: [3, height, width], epoch, close: () => source.close() };
}

function inlinePictures(plan: PicturePlan, slot: Slot) {
  const store = openStore(plan.store);
  return inlineSource<BadPictureReport[]>(
    slot,
    (filled, order, epoch, index) => fillPictureBatch(filled, plan, store, order, epoch, index),
    () => store.close(),
  );
}
