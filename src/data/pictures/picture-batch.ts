// The content of a batch of stored pictures, as one function of (plan, order, epoch, batch number): the loader's
// threads and the inline path both call it, so what a batch holds cannot depend on who made it.
import { finishBatch, type Slot } from '../batch.ts';
import { type MixOptions, mixes } from '../mix.ts';
import { type BatchDivision, partnerOutside, partOfBatch } from '../part.ts';
import { hash32 } from '../random.ts';
import type { Size } from '../resample.ts';
import type { PictureStore } from './picture-index.ts';
import type { OpenStore } from './picture-store.ts';
import { badPictureReason } from './render/bad-picture.ts';
import { renderPicture } from './render/render.ts';
import type { PictureTransform } from './render/transform.ts';

/** All that is needed to make any batch; plain data over shared memory, so that it can be sent to a thread. */
export interface PicturePlan extends BatchDivision {
  readonly store: PictureStore;
  readonly labels: Int32Array;
  readonly transform: PictureTransform;
  readonly seed: number;
  /** Floats per picture. */
  readonly size: number;
  readonly shown: Size;
  readonly mix: MixOptions | undefined;
  readonly skipBad: boolean;
}

/** A picture that gave none, in the order of the batch's places. */
export interface BadPictureReport {
  readonly picture: number;
  readonly reason: string;
  /** Nothing was put in its place. */
  readonly fatal: boolean;
}

/** Pictures on their way through sharp at once: one is decoded while another is painted. */
const inFlight = 2;

/** Other pictures that are tried in the place of a bad one. */
const mostReplacements = 100;

/**
 * Fills `slot` with the plan's part of batch `index` of the epoch that visits the pictures in `order`. A bad picture's place is taken by
 * another one of `order`, drawn from (seed, epoch, place), where `skipBad` allows it.
 */
export async function fillPictureBatch(
  slot: Slot,
  plan: PicturePlan,
  store: OpenStore,
  order: Uint32Array,
  epoch: number,
  index: number,
): Promise<BadPictureReport[] | undefined> {
  const { batch, size, seed, labels, transform, skipBad } = plan;
  const part = partOfBatch(plan, order.length, index);
  const partner = mixes(plan.mix) ? partnerOutside(part) : undefined;
  const count = part.count + (partner === undefined ? 0 : 1);
  const bad: BadPictureReport[][] = [];
  let next = 0;

  const fillPlace = async (place: number): Promise<void> => {
    const own = index * batch + (place < part.count ? part.first + place : (partner as number));
    for (let attempt = 0; ; attempt++) {
      const position = attempt === 0 ? own : hash32(seed, epoch, own, attempt) % order.length;
      const picture = order[position] as number;
      try {
        const stored = store.read(picture);
        const key = { seed, epoch, picture };
        const pending = renderPicture(slot.images, place * size, stored, transform, key);
        if (pending !== undefined) await pending;
        slot.labels[place] = labels[picture] as number;
        slot.indices[place] = picture;
        return;
      } catch (error) {
        const reason = badPictureReason(error);
        if (reason === undefined) throw error;
        const fatal = !skipBad || attempt === mostReplacements;
        bad[place] = [...(bad[place] ?? []), { picture, reason, fatal }];
        if (!fatal) continue;
        // Places before this one are under way already, so the first bad one of the batch is always found.
        next = count;
        return;
      }
    }
  };
  const fillSome = async (): Promise<void> => {
    while (next < count) await fillPlace(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, fillSome));
  finishBatch(slot, plan, 3, part.count, epoch, index, partner !== undefined);
  const reports = bad.flat();
  return reports.length === 0 ? undefined : reports;
}
