// The pictures of an index decoded into memory, all at one size: for networks that take small pictures, and sets that
// fit. Short side to fit (or to `resize`), then the centre: torchvision's Resize and CenterCrop.
import { availableParallelism } from 'node:os';
import { allocateDataset, type Dataset } from '../../dataset.ts';
import { decodeBytes, decodeFile, type Raster, type Scaling, scaleRaster } from '../../raster.ts';
import type { Interpolation, Size } from '../../resample.ts';
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
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Fails with a UserError on a picture that cannot be decoded, by its name. */
export async function readIndex(index: PictureIndex, options: ReadIndexOptions): Promise<Dataset> {
  const { size, resize, interpolation = 'bilinear', signal, onProgress } = options;
  const { name, split, path, length, classes, undivided } = index;
  const dataset = allocateDataset({ name, split, path, length, channels: 3, ...size, classes, undivided });
  dataset.labels.set(index.labels);
  const least = resize === undefined ? size : { height: resize, width: resize };
  const store = openStore(index.store);
  const area = 3 * size.height * size.width;
  let next = 0;
  let done = 0;
  const decodeSome = async (): Promise<void> => {
    while (next < length) {
      signal?.throwIfAborted();
      const i = next++;
      const raster = await rasterOf(index, store, i, { least, interpolation });
      cutCentre(raster, size, dataset.pixels, i * area);
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
  return dataset;
}

async function rasterOf(index: PictureIndex, store: OpenStore, i: number, scaling: Scaling): Promise<Raster> {
  if (index.store.kind === 'files') return decodeFile(pictureName(index, i), 3, scaling);
  const stored = store.read(i);
  if (stored.kind === 'pixels') {
    const { data, height, width } = stored;
    return scaleRaster({ data, height, width, channels: 3, pixelStep: 3, planeStep: 1 }, scaling);
  }
  const { bytes } = stored;
  try {
    checkFormat(bytes);
    return await decoding(() => decodeBytes(bytes, 3, scaling));
  } catch (error) {
    const reason = badPictureReason(error);
    throw reason === undefined ? error : badPictureError(pictureName(index, i), reason);
  }
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
