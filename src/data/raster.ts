// Pictures as bytes at a wanted scale. Files are decoded upright (EXIF), what is transparent on black, grey or RGB
// (CMYK becomes RGB), by sharp's own threads, so that a batch is decoded while the engine computes another one.
//
// Which resampling: where a picture shrinks, sharp's `linear` and `cubic` kernels are the triangle and the Catmull-Rom
// filter widened by the factor, as PIL's BILINEAR and BICUBIC (torchvision's Resize) have them; measured on
// photographs they agree within one grey level on 99 % of pixels (shrinking to less than half, sharp averages whole
// pixels first, and the two differ by 0.1 to 0.8 levels on average). Where a picture grows, libvips shifts it by a part of a
// pixel, so that `resample.ts` does it instead. Colour profiles are ignored, as PIL does: the published weights were
// trained on pixels that were read so.
import { existsSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { UserError } from '../errors.ts';
import { type Interpolation, resample, type Size } from './resample.ts';

/** Bytes of a picture: channel c of pixel (y, x) at `c planeStep + (y width + x) pixelStep`. */
export interface Raster extends Size {
  readonly channels: number;
  readonly data: Uint8Array;
  readonly pixelStep: number;
  readonly planeStep: number;
}

export interface Scaling {
  /** The picture becomes as small as this fits into it: equal sides mean "short side", px. */
  readonly least: Size;
  readonly interpolation: Interpolation;
}

/** Pictures in memory, as data sets have them. */
export function planarRaster(data: Uint8Array, channels: number, { height, width }: Size): Raster {
  return { channels, height, width, data, pixelStep: 1, planeStep: height * width };
}

/** The size of a picture at a scale, px, its proportions kept to the nearest pixel. */
export function scaledSize({ height, width }: Size, { least }: Scaling): Size {
  const factor = Math.max(least.height / height, least.width / width);
  return {
    height: Math.max(least.height, Math.round(height * factor)),
    width: Math.max(least.width, Math.round(width * factor)),
  };
}

/**
 * Decodes a picture file at a scale, to exactly `scaledSize` of its own. `channels` is 1 (grey) or 3 (RGB); `original`
 * is the file's size where it is known, so that the header need not be read first.
 * Throws a UserError that names the file when it is missing or no picture.
 */
export async function decodeFile(
  path: string,
  channels: number,
  scaling: Scaling,
  original?: Size,
): Promise<Raster> {
  if (channels !== 1 && channels !== 3) {
    throw new UserError(
      `The network takes pictures of ${channels} channels; files give 1 (grey) or 3 (RGB).`,
    );
  }
  const size = original ?? (await fileSize(path));
  return reading(path, () => {
    const upright = sharp(path, { failOn: 'error', ignoreIcc: true }).autoOrient().flatten();
    return scaled(upright, channels, scaling, size);
  });
}

/** Pictures of more pixels are refused before they are decoded: ImageNet's largest has 61 million. */
export const mostPixels = 100_000_000;

/** What a picture file holds, decoded as `decodeFile` does; at most `mostPixels`. Throws libvips' own error. */
export async function decodeBytes(bytes: Uint8Array, channels: 1 | 3, scaling: Scaling): Promise<Raster> {
  const options = { failOn: 'error', ignoreIcc: true, limitInputPixels: mostPixels } as const;
  const { autoOrient } = await sharp(bytes, options).metadata();
  return scaled(sharp(bytes, options).autoOrient().flatten(), channels, scaling, autoOrient);
}

/** Height and width of a picture file, upright, px, from its header. Throws as `decodeFile` does. */
export async function fileSize(path: string): Promise<Size> {
  return reading(path, async () => {
    const { autoOrient } = await sharp(path).metadata();
    return { height: autoOrient.height, width: autoOrient.width };
  });
}

/** A picture in memory at a scale; itself where it has that size. */
export async function scaleRaster(raster: Raster, scaling: Scaling): Promise<Raster> {
  const { height, width, channels } = raster;
  const wanted = scaledSize(raster, scaling);
  if (wanted.height === height && wanted.width === width) return raster;
  const raw = { width, height, channels: channels as 1 | 3 };
  return scaled(sharp(interleave(raster), { raw }), channels, scaling, raster);
}

/** A part of a raster as a picture of its own, at another size. */
export function resizedPart(
  raster: Raster,
  part: { readonly top: number; readonly left: number } & Size,
  size: Size,
  interpolation: Interpolation,
): Raster {
  const { channels, pixelStep, planeStep, width } = raster;
  const data = raster.data.subarray((part.top * width + part.left) * pixelStep);
  const { height, width: partWidth } = part;
  const rowStep = width * pixelStep;
  const pixels = { data, channels, height, width: partWidth, rowStep, pixelStep, planeStep };
  return interleavedRaster(resample(pixels, size, interpolation), channels, size);
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  if (!existsSync(path)) throw new UserError(`There is no file ${path}. Check the path.`);
  try {
    return await read();
  } catch (error) {
    const cause = (error as Error).message.trim().split('\n')[0];
    throw new UserError(
      `${path} is not a picture that can be read: ${cause}. Give a JPEG, PNG or WebP file.`,
      { cause: error },
    );
  }
}

/** Both factors are given: sharp's own `outside` uses one for both sides, which shifts the picture by the rounding. */
async function scaled(image: Sharp, channels: number, scaling: Scaling, original: Size): Promise<Raster> {
  const target = scaledSize(original, scaling);
  const shrinks = target.height <= original.height && target.width <= original.width;
  const kernel = scaling.interpolation === 'bicubic' ? 'cubic' : 'linear';
  const sized = shrinks ? image.resize({ ...target, fit: 'fill', kernel, fastShrinkOnLoad: false }) : image;
  const { data, info } = await sized
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const got = interleavedRaster(data, info.channels, info);
  if (shrinks) return got;
  const whole = { top: 0, left: 0, height: got.height, width: got.width };
  return resizedPart(got, whole, target, scaling.interpolation);
}

function interleavedRaster(data: Uint8Array, channels: number, { height, width }: Size): Raster {
  return { channels, height, width, data, pixelStep: channels, planeStep: 1 };
}

function interleave({ data, channels, height, width, pixelStep, planeStep }: Raster): Uint8Array {
  const result = new Uint8Array(channels * height * width);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < channels; c++) {
      result[i * channels + c] = data[c * planeStep + i * pixelStep] as number;
    }
  }
  return result;
}
