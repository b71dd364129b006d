// What happens to a picture of any size on its way into a batch, as data alone: a run can print it, store it and send
// it to a thread. Training draws a part of the picture, mirrors and recolours it; testing (`train: null`) takes the
// centre after the short side was brought to `resize`, as src/evaluate does. In this order: scale, crop, mirror,
// colour, normalise, erase.
import { UserError } from '../../../errors.ts';
import type { Normalisation } from '../../augment.ts';
import type { Interpolation, Size } from '../../resample.ts';

/** How large the picture is when the crop is taken from it. */
export type TrainingScale =
  /**
   * The short side is brought to a whole number of px drawn from `least`..`most` (scale jitter: VGG, section 3.1;
   * ResNet, section 3.4), then the crop is taken at the crop's own size. `square`: only the central square of the
   * scaled picture is used, as AlexNet (section 2) and ZFNet (section 3.1) do.
   */
  | { readonly kind: 'short-side'; readonly least: number; readonly most: number; readonly square?: boolean }
  /**
   * A rectangle of `least`..`most` of the picture's area (uniform) with an aspect of 1/`aspect`..`aspect` (uniform in
   * its logarithm), resized to the crop: GoogLeNet, section 6, and torchvision's RandomResizedCrop, with its ten tries
   * and its fallback to the centre.
   */
  | { readonly kind: 'area'; readonly least: number; readonly most: number; readonly aspect: number };

/** A change of a picture's colours. Numbers are in units of pixels in 0..1. */
export type ColourChange =
  /**
   * AlexNet, section 4.1: a_i ~ N(0, deviation) times the eigenvalue is added along each eigenvector of the covariance
   * of RGB (`rgbStatistics`); VGG's "RGB colour shift" is the same. `vectors[i]` belongs to `values[i]`.
   */
  | {
      readonly kind: 'pca';
      readonly deviation: number;
      readonly values: readonly number[];
      readonly vectors: readonly (readonly number[])[];
    }
  /** Each channel is shifted by its own draw from N(0, deviation). */
  | { readonly kind: 'shift'; readonly deviation: number }
  /**
   * Howard 2013, which GoogLeNet used, in the form of torchvision's ColorJitter: factors drawn from 1 - x..1 + x for
   * brightness, contrast and saturation, a turn of the hue by -hue..hue (1: once around), in a drawn order.
   */
  | {
      readonly kind: 'photometric';
      readonly brightness: number;
      readonly contrast: number;
      readonly saturation: number;
      readonly hue: number;
    };

/** What a training picture goes through besides resizing and normalising. */
export interface TrainingTransform {
  readonly scale: TrainingScale;
  /** Mirror left to right with probability 1/2. */
  readonly flip: boolean;
  /** Where a crop of the crop's own size is taken: anywhere (default), or from the four corners and the centre (ZFNet). */
  readonly crops?: 'random' | 'ten';
  readonly colour?: ColourChange;
  /** A rectangle is made zero after normalisation (Zhong et al. 2017; see erase.ts). */
  readonly erase?: { readonly probability: number };
}

/** The mean of every pixel of a training set's central squares, for pixels in 0..1: planes R, G, B of `side` x `side`. */
export interface MeanPicture {
  readonly side: number;
  readonly values: Float32Array;
}

export interface PictureTransform {
  /** Of the crop, px. */
  readonly size: Size;
  /** null: the short side is brought to `resize` and the centre taken. */
  readonly train: TrainingTransform | null;
  /** Short side before the centre is taken, px; at least the crop's. */
  readonly resize: number;
  readonly interpolation: Interpolation;
  /** For pixels in 0..`range`, in the order of `order`. */
  readonly normalise: Normalisation;
  /** What a white pixel is before normalisation; default 1. */
  readonly range?: 1 | 255;
  /** Order of the channels; default RGB. */
  readonly order?: 'RGB' | 'BGR';
  /**
   * Subtracted pixel by pixel in place of `normalise.mean`. Its side must be the short side that crops are taken at
   * (`resize`, and in training `least` and `most` of a `square` scale), and its window is the crop's.
   */
  readonly meanPicture?: MeanPicture;
}

const misuse = (message: string): UserError => new UserError(message, { exitCode: 2 });

/** Throws a UserError (misuse) that names the first part of `transform` that makes no sense. */
export function checkTransform(transform: PictureTransform): void {
  const { size, train, resize, normalise, meanPicture } = transform;
  const short = Math.max(size.height, size.width);
  const whole = (name: string, value: number, least: number): void => {
    if (!Number.isInteger(value) || value < least) {
      throw misuse(`The ${name} is ${value}; expected a whole number of px of at least ${least}.`);
    }
  };
  const within = (name: string, value: number, low: number, high: number): void => {
    if (!(value >= low && value <= high)) {
      throw misuse(`The ${name} is ${value}; expected a number from ${low} to ${high}.`);
    }
  };
  whole('height of the crop', size.height, 1);
  whole('width of the crop', size.width, 1);
  whole('short side before the crop', resize, short);
  if (normalise.mean.length !== 3 || normalise.std.length !== 3) {
    throw misuse('Pictures from files have three channels; mean and std need three numbers each.');
  }
  if (!normalise.std.every((value) => value > 0)) {
    throw misuse(`The std is ${normalise.std.join(', ')}; expected numbers above 0.`);
  }
  if (meanPicture !== undefined && meanPicture.values.length !== 3 * meanPicture.side ** 2) {
    throw misuse(
      `The mean picture has ${meanPicture.values.length} numbers, expected 3 x ${meanPicture.side}².`,
    );
  }
  if (meanPicture !== undefined && meanPicture.side !== resize) {
    throw misuse(`The mean picture's side is ${meanPicture.side} px; expected the short side, ${resize} px.`);
  }
  if (train === null) return;
  const { scale, colour, erase } = train;
  if (scale.kind === 'short-side') {
    whole('least short side', scale.least, short);
    whole('largest short side', scale.most, scale.least);
    const fixed = scale.square === true && scale.least === resize && scale.most === resize;
    if (meanPicture !== undefined && !fixed) {
      throw misuse(
        `A mean picture belongs to square pictures of one size; the short side must be ${resize} px.`,
      );
    }
  } else {
    within('least share of the area', scale.least, 1e-6, 1);
    within('largest share of the area', scale.most, scale.least, 1);
    within('aspect', scale.aspect, 1, 100);
    if (meanPicture !== undefined)
      throw misuse('A mean picture does not fit crops of varying area; use the mean.');
    if (train.crops === 'ten')
      throw misuse('The ten sub-crops belong to a short side, not to a varying area.');
  }
  if (
    colour?.kind === 'pca' &&
    (colour.values.length !== 3 || colour.vectors.length !== 3 || colour.vectors.some((v) => v.length !== 3))
  ) {
    throw misuse('The colour change needs three eigenvalues and three eigenvectors of three numbers.');
  }
  if (colour?.kind === 'photometric') {
    within('hue', colour.hue, 0, 0.5);
    for (const name of ['brightness', 'contrast', 'saturation'] as const) within(name, colour[name], 0, 100);
  } else if (colour !== undefined) within('deviation of the colours', colour.deviation, 0, 100);
  if (erase !== undefined) within('probability of erasing', erase.probability, 0, 1);
}
