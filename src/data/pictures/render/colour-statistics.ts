// What the colours of a training set are like, for normalisation, PCA colour (AlexNet, section 4.1) and the mean
// picture (AlexNet, section 2; ZFNet, section 3.1). Large sets are sampled, fixed by a seed. All sums are of whole
// numbers below 2^53, so that they are exact and do not depend on the order in which pictures were decoded.

import { UserError } from '../../../errors.ts';
import type { Dataset } from '../../dataset.ts';
import { permutation } from '../../random.ts';
import type { Raster } from '../../raster.ts';
import { type PictureIndex, pictureName } from '../picture-index.ts';
import { openStore } from '../picture-store.ts';
import { badPictureError, badPictureReason } from './bad-picture.ts';
import { type Eigen, symmetricEigen } from './pca.ts';
import { scaledRaster } from './render.ts';
import type { MeanPicture } from './transform.ts';

/** For pixels in 0..1, channels R, G, B. */
export interface ColourStatistics extends Eigen {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Of single pixels, over the number of pixels. */
  readonly covariance: readonly (readonly number[])[];
  readonly pictures: number;
}

export interface SampleOptions {
  /** Short side that the pictures are brought to, px. Default 256. */
  readonly side?: number;
  /** Pictures looked at, drawn by `seed`. Default 2000. */
  readonly sample?: number;
  /** Default 0. */
  readonly seed?: number;
  /** The pictures to draw from; default all. */
  readonly indices?: Uint32Array;
  /** 'skip' leaves out pictures that cannot be used; 'fail' (default) throws a UserError that names the first. */
  readonly onBadImage?: 'fail' | 'skip';
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Mean, standard deviation, covariance and its eigenvectors, over the pixels of a sample of an index. */
export async function rgbStatistics(
  index: PictureIndex,
  options: SampleOptions = {},
): Promise<ColourStatistics> {
  const sums = newSums();
  await visitSample(index, options, (raster) => addPixels(sums, raster, raster.height * raster.width));
  return finish(sums);
}

/** The same of pictures in memory, all of them or those at `indices`. They must have three channels. */
export function datasetRgbStatistics(dataset: Dataset, indices?: Uint32Array): ColourStatistics {
  const { channels, height, width, pixels, length, name } = dataset;
  if (channels !== 3) {
    throw new UserError(`${name} has ${channels} channels; the statistics of colours need three.`, {
      exitCode: 2,
    });
  }
  const sums = newSums();
  const plane = height * width;
  const one = (picture: number): void => {
    const data = pixels.subarray(picture * 3 * plane, (picture + 1) * 3 * plane);
    addPixels(sums, { data, channels, pixelStep: 1, planeStep: plane }, plane);
  };
  if (indices === undefined) for (let picture = 0; picture < length; picture++) one(picture);
  else for (const picture of indices) one(picture);
  return finish(sums);
}

/** The mean of every pixel of the central squares of a sample of an index. */
export async function meanPictureOf(index: PictureIndex, options: SampleOptions = {}): Promise<MeanPicture> {
  const side = options.side ?? 256;
  const sums = new Float64Array(3 * side * side);
  let pictures = 0;
  await visitSample(index, options, ({ data, channels, height, width, pixelStep, planeStep }) => {
    const top = Math.floor((height - side) / 2);
    const left = Math.floor((width - side) / 2);
    pictures++;
    for (let c = 0, at = 0; c < 3; c++) {
      const plane = Math.min(c, channels - 1) * planeStep;
      for (let y = 0; y < side; y++) {
        let from = plane + ((top + y) * width + left) * pixelStep;
        for (let x = 0; x < side; x++, at++, from += pixelStep) {
          sums[at] = (sums[at] as number) + (data[from] as number);
        }
      }
    }
  });
  return { side, values: Float32Array.from(sums, (sum) => sum / (255 * Math.max(1, pictures))) };
}

/** Pictures that are decoded at once. */
const inFlight = 4;

async function visitSample(
  index: PictureIndex,
  options: SampleOptions,
  visit: (raster: Raster) => void,
): Promise<void> {
  const { side = 256, sample = 2000, seed = 0, onBadImage = 'fail', signal, onProgress } = options;
  const count = options.indices?.length ?? index.length;
  const chosen = permutation(count, seed, 0).subarray(0, Math.min(sample, count));
  const scaling = { least: { height: side, width: side }, interpolation: 'bilinear' } as const;
  const store = openStore(index.store);
  let next = 0;
  let done = 0;
  let good = 0;
  const some = async (): Promise<void> => {
    while (next < chosen.length) {
      signal?.throwIfAborted();
      const place = chosen[next++] as number;
      const picture = options.indices === undefined ? place : (options.indices[place] as number);
      try {
        visit(await scaledRaster(store.read(picture), scaling));
        good++;
      } catch (error) {
        const reason = badPictureReason(error);
        if (reason === undefined) throw error;
        if (onBadImage === 'fail') throw badPictureError(pictureName(index, picture), reason);
      }
      onProgress?.(++done, chosen.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: inFlight }, some));
  } finally {
    // After a failure the others stop at their next picture.
    next = chosen.length;
    store.close();
  }
  if (good === 0) throw new UserError(`${index.path}: none of ${chosen.length} pictures can be used.`);
}

/** Of R, G, B; of RR, RG, RB, GG, GB, BB. */
interface Sums {
  readonly first: Float64Array;
  readonly second: Float64Array;
  pixels: number;
  pictures: number;
}

const newSums = (): Sums => ({
  first: new Float64Array(3),
  second: new Float64Array(6),
  pixels: 0,
  pictures: 0,
});

function addPixels(
  sums: Sums,
  { data, channels, pixelStep, planeStep }: Pick<Raster, 'data' | 'channels' | 'pixelStep' | 'planeStep'>,
  count: number,
): void {
  const [green, blue] = channels === 1 ? [0, 0] : [planeStep, 2 * planeStep];
  let [r, g, b, rr, rg, rb, gg, gb, bb] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0, at = 0; i < count; i++, at += pixelStep) {
    const [x, y, z] = [data[at] as number, data[at + green] as number, data[at + blue] as number];
    r += x;
    g += y;
    b += z;
    rr += x * x;
    rg += x * y;
    rb += x * z;
    gg += y * y;
    gb += y * z;
    bb += z * z;
  }
  for (const [i, sum] of [r, g, b].entries()) sums.first[i] = (sums.first[i] as number) + sum;
  for (const [i, sum] of [rr, rg, rb, gg, gb, bb].entries()) {
    sums.second[i] = (sums.second[i] as number) + sum;
  }
  sums.pixels += count;
  sums.pictures++;
}

function finish({ first, second, pixels, pictures }: Sums): ColourStatistics {
  const mean = Array.from(first, (sum) => sum / pixels / 255);
  const moment = (i: number, j: number): number => {
    const [low, high] = i < j ? [i, j] : [j, i];
    return (second[(low * (5 - low)) / 2 + high] as number) / pixels / 255 ** 2;
  };
  const covariance = [0, 1, 2].map((i) =>
    [0, 1, 2].map((j) => moment(i, j) - (mean[i] as number) * (mean[j] as number)),
  );
  const std = covariance.map((row, i) => Math.sqrt(Math.max(0, row[i] as number)));
  return { mean, std, covariance, ...symmetricEigen(covariance), pictures };
}
