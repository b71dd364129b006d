// The content of a batch, as one function of (plan, order, batch number): the loader's threads and the inline path
// both call it, so what a batch holds cannot depend on who made it.
import { type Augmentation, augmentInto } from './augment.ts';
import type { Dataset } from './dataset.ts';
import { drawMix, type MixOptions, mixes, mixInto } from './mix.ts';
import { type BatchDivision, mostPlaces, partnerOutside, partOfBatch } from './part.ts';
import type { Size } from './resample.ts';

/** All that is needed to make any batch; plain data over shared memory, so that it can be sent to a thread. */
export interface BatchPlan extends BatchDivision {
  readonly dataset: Pick<Dataset, 'length' | 'channels' | 'height' | 'width' | 'pixels' | 'labels'>;
  readonly augmentation: Augmentation | undefined;
  readonly seed: number;
  /** Floats per picture after augmentation. */
  readonly size: number;
  /** Height and width of those. */
  readonly shown: Size;
  readonly mix: MixOptions | undefined;
}

/** The memory one batch (or a rank's part of it) lives in: N images, labels, their partners' and indices. */
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
export function allocateSlot(plan: Pick<BatchPlan, 'batch' | 'part' | 'size' | 'mix'>): Slot {
  // One more for a partner that is in another rank's part.
  const places = mostPlaces(plan) + (mixes(plan.mix) && plan.part.size > 1 ? 1 : 0);
  return {
    images: new Float32Array(new SharedArrayBuffer(4 * places * plan.size)),
    labels: new Int32Array(new SharedArrayBuffer(4 * places)),
    indices: new Uint32Array(new SharedArrayBuffer(4 * places)),
    otherLabels: new Int32Array(new SharedArrayBuffer(4 * places)),
    share: new Float64Array(new SharedArrayBuffer(8)),
    reported: new Int32Array(new SharedArrayBuffer(4)),
  };
}

/**
 * Fills `slot` with the plan's part of batch `index` of the epoch that visits the pictures in `order`.
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
  const part = partOfBatch(plan, order.length, index);
  const fillPlace = (place: number, inBatch: number): void => {
    const picture = order[index * batch + inBatch] as number;
    augmentInto(slot.images, place * size, dataset, picture, augmentation, seed, epoch);
    slot.labels[place] = dataset.labels[picture] as number;
    slot.indices[place] = picture;
  };
  for (let place = 0; place < part.count; place++) fillPlace(place, part.first + place);
  const partner = mixes(plan.mix) ? partnerOutside(part) : undefined;
  if (partner !== undefined) fillPlace(part.count, partner);
  finishBatch(slot, plan, dataset.channels, part.count, epoch, index, partner !== undefined);
}

/**
 * What follows the pictures: the mixing, and the places after the last one. `partner`: whether the first one's partner
 * stands after the last one.
 */
export function finishBatch(
  slot: Slot,
  plan: Pick<BatchPlan, 'size' | 'shown' | 'mix' | 'seed'>,
  channels: number,
  count: number,
  epoch: number,
  index: number,
  partner = false,
): void {
  const { size, shown, mix, seed } = plan;
  if (mixes(mix)) {
    const draw = drawMix(mix, shown, seed, epoch, index);
    const before = partner ? count : count - 1;
    slot.share[0] = draw.share;
    mixInto(slot.images, slot.labels, slot.otherLabels, count, { channels, ...shown }, draw, before);
  }
  slot.images.fill(0, count * size);
  slot.labels.fill(-1, count);
  slot.indices.fill(0xffffffff, count);
}
