// What a training must know of the colours of its pictures: their mean and deviation, the principal components of RGB
// and, where a recipe asks for it, the mean of each pixel. All are taken from a sample of the training pictures that the
// seed fixes. Of large sets they are kept in the user's cache folder, so that a second training begins at once.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { indexFingerprint, type PictureIndex } from '../data/pictures/picture-index.ts';
import {
  meanPictureOf,
  rgbStatistics,
  type SampleOptions,
} from '../data/pictures/render/colour-statistics.ts';
import { defaultIndexCache } from '../data/pictures/sources/index-file.ts';
import { type StoredMean, storeMean } from '../evaluate/mean-picture.ts';
import { makeFolder, writeFileAtomic } from '../files.ts';

/** Colours of pictures, for pixels in 0..1. */
export interface PictureStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Eigenvalues and eigenvectors of the covariance of R, G and B. */
  readonly values: readonly number[];
  readonly vectors: readonly (readonly number[])[];
  /** Pictures looked at. */
  readonly pictures: number;
}

export interface StatisticsRequest extends SampleOptions {
  readonly indices: Uint32Array;
  readonly seed: number;
  readonly cache?: { readonly folder: string; readonly leastPictures: number };
}

/** Colours of a sample of at most `sample` (default 2000) pictures. */
export async function statisticsOf(
  index: PictureIndex,
  request: StatisticsRequest,
): Promise<PictureStatistics> {
  return cached('colours', index, request, async () => {
    const { mean, std, values, vectors, pictures } = await rgbStatistics(index, request);
    return { mean, std, values, vectors, pictures };
  });
}

/** The mean of each pixel needs more pictures than that of all: their noise is not averaged away. */
const meanSample = 10_000;

/** Of squares of `side` px. */
export async function meanOf(
  index: PictureIndex,
  side: number,
  request: StatisticsRequest,
): Promise<StoredMean> {
  const asked = { sample: meanSample, ...request, side };
  return cached('mean', index, asked, async () => storeMean(await meanPictureOf(index, asked)));
}

async function cached<T>(
  what: string,
  index: PictureIndex,
  request: StatisticsRequest,
  make: () => Promise<T>,
): Promise<T> {
  const { indices, seed, side, sample, onBadImage, cache = defaultIndexCache() } = request;
  if (index.length < cache.leastPictures) return make();
  const key = createHash('sha256')
    .update(JSON.stringify([what, index.path, indexFingerprint(index), seed, side, sample, onBadImage]))
    .update(new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength))
    .digest('hex')
    .slice(0, 24);
  const file = join(cache.folder, `${key}.${what}.json`);
  try {
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // A damaged one is made again.
  }
  const made = await make();
  try {
    makeFolder(cache.folder);
    writeFileAtomic(file, `${JSON.stringify(made)}\n`);
  } catch {
    // Without a place for it, it is made again next time.
  }
  return made;
}
