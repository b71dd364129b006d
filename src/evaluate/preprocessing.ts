// How pictures of a data set become a network's input: which size, how much padding, which normalisation. Written
// into the metadata of every weights file that a training leaves, so that `eval` and `classify` treat pictures as the
// training did without being told.

import type { Augmentation, Normalisation } from '../data/augment.ts';
import { channelStatistics, type Dataset } from '../data/dataset.ts';
import { knownDataset } from '../data/known.ts';
import { UserError } from '../errors.ts';
import { type Form, type FormDescription, formNames } from '../nets/network.ts';

export interface Preprocessing {
  /** Channels and size of the pictures as the data set has them, px. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Zeros added on every side, px: 2 makes LeNet's 32x32 out of 28x28. */
  readonly pad: number;
  /** For pixels in 0..1. */
  readonly normalise: Normalisation;
}

/** What a weights file says about itself. */
export interface ModelInfo {
  readonly network: string;
  readonly form: Form;
  readonly classes: readonly string[];
  /** The name of the data set that it was trained on. */
  readonly dataset: string;
  readonly preprocessing: Preprocessing;
}

type PictureSize = Pick<Dataset, 'name' | 'channels' | 'height' | 'width'>;

/**
 * Zeros to add around a data set's pictures so that they fit a network's form: the form's published size where a
 * narrow border makes it, else none (the network is then built for the pictures' own size, where it allows that).
 */
export function paddingFor(form: FormDescription, pictures: PictureSize): number {
  const high = form.height - pictures.height;
  const wide = form.width - pictures.width;
  const narrow = high === wide && high > 0 && high % 2 === 0 && high <= form.height / 4;
  return narrow ? high / 2 : 0;
}

/** Mean and standard deviation of a data set: the published ones of a known set, else those of `pictures`. */
export function normalisationOf(name: string, pictures: Dataset): Normalisation {
  const known = knownDataset(name);
  if (known !== undefined && known.mean.length === pictures.channels) {
    return { mean: known.mean, std: known.std };
  }
  const { mean, std } = channelStatistics(pictures);
  // A channel that never changes has no scale of its own.
  return { mean, std: std.map((value) => (value > 0 ? value : 1)) };
}

/** What a validation or test picture goes through on its way into a batch. */
export function plainAugmentation(preprocessing: Preprocessing): Augmentation {
  return { pad: preprocessing.pad, normalise: preprocessing.normalise };
}

/** A network must have been built for pictures like the data set's. Throws a UserError that names both. */
export function checkPictures(expected: Preprocessing, pictures: PictureSize): void {
  const wanted = `${expected.channels}x${expected.height}x${expected.width}`;
  const got = `${pictures.channels}x${pictures.height}x${pictures.width}`;
  if (wanted !== got) {
    throw new UserError(
      `The pictures of ${pictures.name} are ${got}, but the weights were trained on ${wanted}. ` +
        'Choose other data or other weights.',
    );
  }
}

/** `info` as the free-text metadata of a safetensors file. */
export function encodeModelInfo(info: ModelInfo): Record<string, string> {
  const { preprocessing: p } = info;
  return {
    format: 'laurel',
    network: info.network,
    form: info.form,
    dataset: info.dataset,
    classes: JSON.stringify(info.classes),
    size: JSON.stringify([p.channels, p.height, p.width]),
    pad: String(p.pad),
    mean: JSON.stringify(p.normalise.mean),
    std: JSON.stringify(p.normalise.std),
  };
}

/** The reverse; undefined for files that were not written by Laurel or say nonsense. */
export function decodeModelInfo(metadata: Readonly<Record<string, string>>): ModelInfo | undefined {
  if (metadata.format !== 'laurel') return undefined;
  try {
    const [channels, height, width] = numbers(metadata.size, 3) as [number, number, number];
    const classes: unknown = JSON.parse(metadata.classes as string);
    const form = formNames.find((name) => name === metadata.form);
    if (form === undefined || !Array.isArray(classes) || !classes.every((c) => typeof c === 'string')) {
      return undefined;
    }
    return {
      network: String(metadata.network),
      form,
      classes,
      dataset: String(metadata.dataset),
      preprocessing: {
        channels,
        height,
        width,
        pad: Number(metadata.pad),
        normalise: { mean: numbers(metadata.mean, channels), std: numbers(metadata.std, channels) },
      },
    };
  } catch {
    return undefined;
  }
}

function numbers(text: string | undefined, count: number): number[] {
  const list: unknown = JSON.parse(text as string);
  if (Array.isArray(list) && list.length === count && list.every(Number.isFinite)) return list;
  throw new Error(`expected ${count} numbers, got ${text}`);
}
