// How pictures become a network's input: which size, how much padding, which numbers. It belongs to the weights and is
// written into the metadata of every weights file that Laurel makes, so that `eval` and `classify` treat pictures as
// the training did without being told. Fields that came later are optional: older files lack them.

import type { Augmentation, Normalisation } from '../data/augment.ts';
import { channelStatistics, type Dataset } from '../data/dataset.ts';
import { knownDataset } from '../data/known.ts';
import { type Interpolation, interpolations } from '../data/resample.ts';
import { UserError } from '../errors.ts';
import { type Form, type FormDescription, formNames, type OptionValues } from '../nets/network.ts';
import { isStoredMean, type StoredMean } from './mean-picture.ts';

export type ChannelOrder = 'RGB' | 'BGR';

export interface Preprocessing {
  /** Channels, and size of the crop that the network sees, px; for data sets of one size the pictures' own. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Zeros added on every side of the crop, px: 2 makes LeNet's 32x32 out of 28x28. */
  readonly pad: number;
  /** For pixels in 0..`range`, in the order of `order`. */
  readonly normalise: Normalisation;
  /** Short side that a picture file is brought to before it is cropped, px; absent: the smallest that the crop fits. */
  readonly resize?: number;
  /** Default bilinear. */
  readonly interpolation?: Interpolation;
  /** What a white pixel is before normalisation: 1 (default) or, in Caffe's tradition, 255. */
  readonly range?: 1 | 255;
  /** Order of the channels; default RGB. Caffe's weights want BGR. */
  readonly order?: ChannelOrder;
  /** Subtracted pixel by pixel in place of `normalise.mean`; its side is `resize`, its window the crop's in the centre. */
  readonly meanPicture?: StoredMean;
}

/** What a weights file says about itself. */
export interface ModelInfo {
  readonly network: string;
  readonly form: Form;
  readonly classes: readonly string[];
  /** The name of the data set that it was trained on. */
  readonly dataset: string;
  readonly preprocessing: Preprocessing;
  /** The network's own options that it was built with; absent in older files: the defaults. */
  readonly options?: OptionValues;
}

/**
 * What ImageNet's weights expect where the file does not say otherwise, in torchvision's words Resize(256),
 * CenterCrop(224), ToTensor, Normalize: the convention of nearly all weights that were published after Caffe's.
 */
export function imagenetPreprocessing(form: Pick<FormDescription, 'height' | 'width'>): Preprocessing {
  const { height, width } = form;
  const resize = Math.round((Math.min(height, width) * 256) / 224);
  const normalise = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
  return { channels: 3, height, width, pad: 0, resize, interpolation: 'bilinear', normalise };
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

/** The normalisation in terms of pixels in 0..1, whatever the range it was published for. */
export function unitNormalisation({ normalise, range = 1 }: Preprocessing): Normalisation {
  if (range === 1) return normalise;
  const scaled = (values: readonly number[]): number[] => values.map((value) => value / range);
  return { mean: scaled(normalise.mean), std: scaled(normalise.std) };
}

/** What a validation or test picture goes through on its way into a batch. */
export function plainAugmentation(preprocessing: Preprocessing): Augmentation {
  return { pad: preprocessing.pad, normalise: unitNormalisation(preprocessing) };
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
    ...(p.resize !== undefined && { resize: String(p.resize) }),
    ...(p.interpolation !== undefined && { interpolation: p.interpolation }),
    ...(p.range !== undefined && { range: String(p.range) }),
    ...(p.order !== undefined && { order: p.order }),
    ...(p.meanPicture !== undefined && { meanPicture: JSON.stringify(p.meanPicture) }),
    ...(info.options !== undefined && { options: JSON.stringify(info.options) }),
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
    const resize = optional(metadata.resize, Number);
    if (resize !== undefined && !(Number.isInteger(resize) && resize > 0)) return undefined;
    const interpolation = optional(metadata.interpolation, (text) => member(interpolations, text));
    const range = optional(metadata.range, (text) => member([1, 255] as const, Number(text)));
    const order = optional(metadata.order, (text) => member(['RGB', 'BGR'] as const, text));
    const meanPicture = optional(metadata.meanPicture, readMean);
    const options = optional(metadata.options, readOptions);
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
        ...(resize !== undefined && { resize }),
        ...(interpolation !== undefined && { interpolation }),
        ...(range !== undefined && { range }),
        ...(order !== undefined && { order }),
        ...(meanPicture !== undefined && { meanPicture }),
      },
      ...(options !== undefined && { options }),
    };
  } catch {
    return undefined;
  }
}

function optional<T>(text: string | undefined, read: (text: string) => T): T | undefined {
  return text === undefined ? undefined : read(text);
}

function member<T>(allowed: readonly T[], value: unknown): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new Error(`expected one of ${allowed.join(', ')}, got ${String(value)}`);
  return found;
}

function readMean(text: string): StoredMean {
  const value: unknown = JSON.parse(text);
  if (isStoredMean(value)) return value;
  throw new Error('expected a side and that many bytes');
}

function readOptions(text: string): OptionValues {
  const value: unknown = JSON.parse(text);
  const simple = (each: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof each);
  if (typeof value === 'object' && value !== null && Object.values(value).every(simple)) {
    return value as OptionValues;
  }
  throw new Error(`expected an object of plain values, got ${text}`);
}

function numbers(text: string | undefined, count: number): number[] {
  const list: unknown = JSON.parse(text as string);
  if (Array.isArray(list) && list.length === count && list.every(Number.isFinite)) return list;
  throw new Error(`expected ${count} numbers, got ${text}`);
}
