// Mixup (Zhang et al. 2017) and cutmix (Yun et al. 2019) of a whole batch, in torchvision's form (transforms.v2.MixUp and
// CutMix): picture i meets picture i - 1 of the batch, all with the same share; with both on, each batch draws one of
// them. A pure function of (seed, epoch, batch) and of the pictures.
import { UserError } from '../errors.ts';
import type { Box } from './erase.ts';
import { symmetricBeta } from './gaussian.ts';
import { randomStream } from './random.ts';
import type { Size } from './resample.ts';

/** The alphas of Beta(alpha, alpha), from which the share of a picture itself is drawn; 0: off. */
export interface MixOptions {
  readonly mixup: number;
  readonly cutmix: number;
}

/** How one batch is mixed: all pixels by `share`, or the pixels of `box` replaced. */
export interface MixDraw {
  /** The share of the picture itself, and of its label; of a box what it truly leaves. */
  readonly share: number;
  readonly box?: Box;
}

/** Throws a UserError (misuse) for alphas that make no distribution. */
export function checkMix(mix: MixOptions | undefined): void {
  if (mix === undefined) return;
  for (const name of ['mixup', 'cutmix'] as const) {
    if (!(mix[name] >= 0 && mix[name] <= 1000)) {
      throw new UserError(`The alpha of ${name} is ${mix[name]}; expected a number from 0 (off) to 1000.`, {
        exitCode: 2,
      });
    }
  }
}

export function mixes(mix: MixOptions | undefined): mix is MixOptions {
  return mix !== undefined && (mix.mixup > 0 || mix.cutmix > 0);
}

/** The stream's own key: other draws of the same seed and epoch have nothing to do with it. */
const streamKey = 0x6d6978;

/** The draw for batch `index` of an epoch. */
export function drawMix(mix: MixOptions, size: Size, seed: number, epoch: number, index: number): MixDraw {
  const random = randomStream(seed, epoch, index, streamKey);
  const both = mix.mixup > 0 && mix.cutmix > 0;
  // Drawn whether it is used or not.
  const second = random() >= 0.5;
  const cut = both ? second : mix.cutmix > 0;
  const share = symmetricBeta(cut ? mix.cutmix : mix.mixup, random);
  if (!cut) return { share };
  const { height, width } = size;
  const middle = { x: Math.floor(random() * width), y: Math.floor(random() * height) };
  const half = 0.5 * Math.sqrt(1 - share);
  const [halfHeight, halfWidth] = [Math.floor(half * height), Math.floor(half * width)];
  const top = Math.max(0, middle.y - halfHeight);
  const left = Math.max(0, middle.x - halfWidth);
  const box = {
    top,
    left,
    height: Math.min(height, middle.y + halfHeight) - top,
    width: Math.min(width, middle.x + halfWidth) - left,
  };
  return { share: 1 - (box.height * box.width) / (height * width), box };
}

/** The first picture's partner, which may be changed before it is needed. */
let saved = new Float32Array(0);

/**
 * Mixes the first `count` pictures of (N, channels, height, width) `images` in place and writes the classes of their
 * partners to `otherLabels` (the rest of which becomes -1). `before`: the place of the first one's partner, by default
 * the last one's.
 */
export function mixInto(
  images: Float32Array,
  labels: Int32Array,
  otherLabels: Int32Array,
  count: number,
  shape: Size & { readonly channels: number },
  draw: MixDraw,
  before = count - 1,
): void {
  const { channels, height, width } = shape;
  const size = channels * height * width;
  otherLabels.fill(-1, count);
  for (let i = 0; i < count; i++) otherLabels[i] = labels[i === 0 ? before : i - 1] as number;
  if (count === 0 || before === 0) return;
  if (saved.length !== size) saved = new Float32Array(size);
  saved.set(images.subarray(before * size, (before + 1) * size));
  for (let i = count - 1; i >= 0; i--) {
    const own = images.subarray(i * size, (i + 1) * size);
    const other = i === 0 ? saved : images.subarray((i - 1) * size, i * size);
    const { box, share } = draw;
    if (box === undefined) {
      for (let at = 0; at < size; at++)
        own[at] = share * (own[at] as number) + (1 - share) * (other[at] as number);
      continue;
    }
    for (let channel = 0; channel < channels; channel++) {
      for (let y = box.top; y < box.top + box.height; y++) {
        const at = (channel * height + y) * width + box.left;
        own.set(other.subarray(at, at + box.width), at);
      }
    }
  }
}
