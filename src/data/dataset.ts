// What every source of pictures becomes: one planar block of bytes with labels, in shared memory, so that the
// loader's threads read it without a copy. A data set that fits in memory needs nothing more.
import { UserError } from '../errors.ts';

export type Split = 'train' | 'test';

/** Pictures of one size held in memory, planar (C,H,W) uint8, in a SharedArrayBuffer so that workers share them. */
export interface Dataset {
  /** 'fashion-mnist', 'cifar-100', or the name of the folder. */
  readonly name: string;
  readonly split: Split;
  readonly length: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** length*channels*height*width bytes, over a SharedArrayBuffer. */
  readonly pixels: Uint8Array;
  /** One class index per picture, over a SharedArrayBuffer. */
  readonly labels: Int32Array;
  /** Class names, in the order of the labels. */
  readonly classes: readonly string[];
  /** The folder in which it was found. */
  readonly path: string;
  /** True when the source knows no splits, so that 'train' and 'test' are the very same pictures. */
  readonly undivided?: boolean;
}

export type DatasetDescription = Omit<Dataset, 'pixels' | 'labels'>;

/** A data set of zeros in shared memory, to be filled. Fails with the size needed when memory does not suffice. */
export function allocateDataset(description: DatasetDescription): Dataset {
  const { length, channels, height, width } = description;
  const bytes = length * channels * height * width;
  try {
    return {
      ...description,
      pixels: new Uint8Array(new SharedArrayBuffer(bytes)),
      labels: new Int32Array(new SharedArrayBuffer(4 * length)),
    };
  } catch (error) {
    throw new UserError(
      `${description.path}: ${length} pictures of ${channels}x${height}x${width} need ` +
        `${(bytes / 2 ** 30).toFixed(1)} GiB of memory, more than there is. Choose a smaller size or fewer pictures.`,
      { cause: error },
    );
  }
}

/** Throws, with the first offender, unless every label is one of `dataset.classes`. `sources` name the picture. */
export function checkLabels(dataset: Dataset, source: (index: number) => string): void {
  const { labels, classes } = dataset;
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index] as number;
    if (label < 0 || label >= classes.length) {
      throw new UserError(
        `${source(index)} has label ${label}, but ${dataset.name} has ${classes.length} classes ` +
          `(0 to ${classes.length - 1}). The file is damaged or of another data set.`,
      );
    }
  }
}

/** Mean and standard deviation of each channel in 0..1 units, over all pixels: what `normalise` takes. */
export function channelStatistics(dataset: Dataset): { mean: number[]; std: number[] } {
  const { length, channels, height, width, pixels } = dataset;
  const plane = height * width;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let index = 0, at = 0; index < length; index++) {
    for (let channel = 0; channel < channels; channel++) {
      let sum = 0;
      let square = 0;
      for (const end = at + plane; at < end; at++) {
        const value = pixels[at] as number;
        sum += value;
        square += value * value;
      }
      sums[channel] = (sums[channel] as number) + sum;
      squares[channel] = (squares[channel] as number) + square;
    }
  }
  const count = length * plane;
  const mean = Array.from(sums, (sum) => sum / count / 255);
  const std = Array.from(squares, (square, channel) =>
    Math.sqrt(Math.max(0, square / count / 255 ** 2 - (mean[channel] as number) ** 2)),
  );
  return { mean, std };
}
