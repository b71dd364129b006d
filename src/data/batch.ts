// The content of a batch, as one function of (plan, order, batch number): the loader's threads and the inline path
// both call it, so what a batch holds cannot depend on who made it.
import { type Augmentation, augmentInto } from './augment.ts';
import type { Dataset } from './dataset.ts';

/** All that is needed to make any batch; plain data over shared memory, so that it can be sent to a thread. */
export interface BatchPlan {
  readonly dataset: Pick<Dataset, 'length' | 'channels' | 'height' | 'width' | 'pixels' | 'labels'>;
  readonly augmentation: Augmentation | undefined;
  readonly seed: number;
  /** Pictures per batch. */
  readonly batch: number;
  /** Floats per picture after augmentation. */
  readonly size: number;
}

/** The memory one batch lives in: images batch*size, labels and indices batch long. */
export interface Slot {
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly indices: Uint32Array;
}

/** Memory for one batch of `plan`, shared between threads. */
export function allocateSlot(plan: BatchPlan): Slot {
  return {
    images: new Float32Array(new SharedArrayBuffer(4 * plan.batch * plan.size)),
    labels: new Int32Array(new SharedArrayBuffer(4 * plan.batch)),
    indices: new Uint32Array(new SharedArrayBuffer(4 * plan.batch)),
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
  slot.images.fill(0, count * size);
  slot.labels.fill(-1, count);
  slot.indices.fill(0xffffffff, count);
}
