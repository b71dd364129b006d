// The content of a batch, as one function of (plan, order, batch number): the loader's threads and the inline path
// both call it, so what a batch holds cannot depend on who made it.
import { type Augmentation, augmentInto } from './augment.ts';
import type { Dataset } from './dataset.ts';
import { drawMix, type MixOptions, mixes, mixInto } from './mix.ts';
import type { Size } from './resample.ts';

/** All that is needed to make any batch; plain data over shared memory, so that it can be sent to a thread. */
export interface BatchPlan {
  readonly dataset: Pick<Dataset, 'length' | 'channels' | 'height' | 'width' | 'pixels' | 'labels'>;
  readonly augmentation: Augmentation | undefined;
  readonly seed: number;
  /** Pictures per batch. */
  readonly batch: number;
  /** Floats per picture after augmentation. */
  readonly size: number;
  /** Height and width of those. */
  readonly shown: Size;
  readonly mix: MixOptions | undefined;
}

/** The memory one batch lives in: images batch*size, labels, their partners' and indices batch long. */
export interface Slot {
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly indices: Uint32Array;
  readonly otherLabels: Int32Array;
  /** One number: the share of `labels` where pictures were mixed. */
  readonly share: Float64Array;
  /** One number: 1 where the thread that filled the slot has also sent a message about it. */
  readonly reported: Int32Array;
}

/** Memory for one batch of `plan`, shared between threads. */
export function allocateSlot(plan: Pick<BatchPlan, 'batch' | 'size'>): Slot {
  return {
    images: new Float32Array(new SharedArrayBuffer(4 * plan.batch * plan.size)),
    labels: new Int32Array(new SharedArrayBuffer(4 * plan.batch)),
    indices: new Uint32Array(new SharedArrayBuffer(4 * plan.batch)),
    otherLabels: new Int32Array(new SharedArrayBuffer(4 * plan.batch)),
    share: new Float64Array(new SharedArrayBuffer(8)),
    reported: new Int32Array(new SharedArrayBuffer(4)),
  };
}

/**
 * Fills `slot` with batch `index` of the epoch that visits the pictures in `order`.
 * Places after the last picture hold zeros, label -1 and index 0xffffffff.
 */
export function fillBatch(
  slot: Slot,
  plan: BatchPlan,
  order: Uint32Array,
  epoch: number,
  index: number,
): void {
  const { dataset, augmentation, seed, batch, size } = plan;
  const first = index * batch;
  const count = Math.min(batch, order.length - first);
  for (let place = 0; place < count; place++) {
    const picture = order[first + place] as number;
    augmentInto(slot.images, place * size, dataset, picture, augmentation, seed, epoch);
    slot.labels[place] = dataset.labels[picture] as number;
    slot.indices[place] = picture;
  }
  finishBatch(slot, plan, dataset.channels, count, epoch, index);
}

/** What follows the pictures: the places after the last one, and the mixing. */
export function finishBatch(
  slot: Slot,
  plan: Pick<BatchPlan, 'size' | 'shown' | 'mix' | 'seed'>,
  channels: number,
  count: number,
  epoch: number,
  index: number,
): void {
  const { size, shown, mix, seed } = plan;
  slot.images.fill(0, count * size);
  slot.labels.fill(-1, count);
  slot.indices.fill(0xffffffff, count);
  if (!mixes(mix)) return;
  const draw = drawMix(mix, shown, seed, epoch, index);
  slot.share[0] = draw.share;
  mixInto(slot.images, slot.labels, slot.otherLabels, count, { channels, ...shown }, draw);
}
