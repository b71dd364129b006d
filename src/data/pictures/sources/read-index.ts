// The pictures of an index decoded into memory, all at one size: for networks that take small pictures, and sets that
// fit. Short side to fit (or to `resize`), then the centre: torchvision's Resize and CenterCrop.
import { availableParallelism } from 'node:os';
import { UserError } from '../../../errors.ts';
import { allocateDataset, type Dataset } from '../../dataset.ts';
import { decodeBytes, type Raster, type Scaling, scaleRaster } from '../../raster.ts';
import type { Interpolation, Size } from '../../resample.ts';
import { tooMany } from '../bad-limit.ts';
import { type PictureIndex, pictureName } from '../picture-index.ts';
import { type OpenStore, openStore } from '../picture-store.ts';
import { badPictureError, badPictureReason, checkFormat, decoding } from '../render/bad-picture.ts';

export interface ReadIndexOptions {
  /** Of the decoded pictures, px. */
  readonly size: Size;
  /** Short side before the centre is cut, px; default: as small as the centre fits. */
  readonly resize?: number | undefined;
  /** Default bilinear. */
  readonly interpolation?: Interpolation | undefined;
  /** 'skip': pictures that cannot be decoded are left out, up to 1 % of them. Default 'fail'. */
  readonly onBadImage?: 'fail' | 'skip' | undefined;
  /** Called for each picture that is left out. */
  readonly onBad?: ((name: string, reason: string) => void) | undefined;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Fails with a UserError on a picture that cannot be decoded, by its name, or on too many that are left out. */
export async function readIndex(index: PictureIndex, options: ReadIndexOptions): Promise<Dataset> {
  const { size, resize, interpolation = 'bilinear', signal, onProgress } = options;
  const { name, split, path, length, classes, undivided } = index;
  const dataset = allocateDataset({ name, split, path, length, channels: 3, ...size, classes, undivided });
  dataset.labels.set(index.labels);
  const least = resize === undefined ? size : { height: resize, width: resize };
  const store = openStore(index.store);
  const area = 3 * size.height * size.width;
  const bad = new Set<number>();
  const refuse = (i: number, error: unknown): void => {
    const reason = badPictureReason(error);
    if (reason === undefined) throw error;
    const picture = pictureName(index, i);
    if (options.onBadImage !== 'skip') {
      throw badPictureError(picture, reason, options.onBadImage !== undefined);
    }
    bad.add(i);
    if (tooMany(bad.size, length, length)) {
      throw new UserError(
        `${path}: ${bad.size} of ${length} pictures cannot be used, more than 1 %; the last one is ${picture} ` +
          `(${reason}). Something is wrong with the data; mend or remove these files.`,
      );
    }
    options.onBad?.(picture, reason);
  };
  let next = 0;
  let done = 0;
  const decodeSome = async (): Promise<void> => {
    while (next < length) {
      signal?.throwIfAborted();
      const i = next++;
      try {
        const raster = await rasterOf(store, i, { least, interpolation });
        cutCentre(raster, size, dataset.pixels, i * area);
      } catch (error) {
        refuse(i, error);
      }
      onProgress?.(++done, length);
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, decodeSome));
  } finally {
    // After a failure the others stop at their next picture.
    next = length;
    store.close();
  }
  return bad.size === 0 ? dataset : without(dataset, bad, area);
}

/** The others, moved together in the same memory. */
function without(dataset: Dataset, left: ReadonlySet<number>, area: number): Dataset {
  const { pixels, labels } = dataset;
  let length = 0;
  for (let i = 0; i < dataset.length; i++) {
    if (left.has(i)) continue;
    pixels.copyWithin(length * area, i * area, (i + 1) * area);
    labels[length++] = labels[i] as number;
  }
  return {
    ...dataset,
    length,
    pixels: pixels.subarray(0, length * area),
    labels: labels.subarray(0, length),
  };
}

async function rasterOf(store: OpenStore, i: number, scaling: Scaling): Promise<Raster> {
  const stored = store.read(i);
  if (stored.kind === 'pixels') {
    const { data, height, width } = stored;
    return scaleRaster({ data, height, width, channels: 3, pixelStep: 3, planeStep: 1 }, scaling);
  }
  const { bytes } = stored;
  checkFormat(bytes);
  return decoding(() => decodeBytes(bytes, 3, scaling));
}

/** Writes the centre of a raster, which is at least that large, as planar RGB bytes to `pixels` from `offset` on. */
function cutCentre(raster: Raster, { height, width }: Size, pixels: Uint8Array, offset: number): void {
  const { data, pixelStep, planeStep, channels } = raster;
  const top = Math.floor((raster.height - height) / 2);
  const left = Math.floor((raster.width - width) / 2);
  for (let channel = 0; channel < 3; channel++) {
    // A grey file gives one channel.
    const source = Math.min(channel, channels - 1) * planeStep;
    let at = offset + channel * height * width;
    for (let y = 0; y < height; y++) {
      let from = source + ((top + y) * raster.width + left) * pixelStep;
      for (let x = 0; x < width; x++, from += pixelStep) pixels[at++] = data[from] as number;
    }
  }
}
