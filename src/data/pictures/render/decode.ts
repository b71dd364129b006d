// A stored picture becomes the bytes that its draw needs. Of a plain JPEG the header tells the size, so the draw comes
// first. It is decoded by libjpeg-turbo where that is installed, else by sharp, of which only what the draw shows
// leaves the decoder; a picture at least three times too large is shrunk inside the decoder (libjpeg gives a half, a
// quarter or an eighth of the size; libvips wants the rest of a factor of 1.5 for itself). Everything else (PNG, WebP,
// GIF, turned by EXIF, CMYK, without an end) is decoded whole and upright. Colour profiles are ignored and
// transparency becomes black, as in raster.ts.
import sharp, { type Sharp } from 'sharp';
import { mostPixels } from '../../raster.ts';
import type { Interpolation, Size } from '../../resample.ts';
import { BadPicture, checkFormat, checkPixels, decoding } from './bad-picture.ts';
import type { Part, PictureDraw } from './draw.ts';
import { readJpegHeader } from './jpeg-header.ts';
import { filterReach, type PixelBytes } from './paint.ts';
import { type JpegDecoder, turboJpeg } from './turbo-jpeg.ts';

/** Pixels, and which of them the draw shows. */
export interface DecodedPart {
  readonly pixels: PixelBytes;
  readonly part: Part;
  readonly draw: PictureDraw;
}

/**
 * Decodes what `draw` shows of an encoded picture. `draw` is told the picture's upright size. What is no promise has
 * pixels that are to be used before the next call. Throws BadPicture: empty, no picture, too large, cut off or damaged.
 */
export function decodePart(
  bytes: Uint8Array,
  draw: (size: Size) => PictureDraw,
  shown: Size,
  interpolation: Interpolation,
  decoder: JpegDecoder | undefined = turboJpeg(),
): DecodedPart | Promise<DecodedPart> {
  checkFormat(bytes);
  const header = readJpegHeader(bytes);
  if (header !== undefined) checkPixels(header);
  if (header?.complete && header.orientation === 1 && header.components !== 4) {
    const drawn = draw(header);
    const shrink = Math.min(header.height / drawn.scaled.height, header.width / drawn.scaled.width);
    if (shrink >= 3) return shrunk(bytes, drawn, shown, interpolation);
    const pixels = decoder?.(bytes, header);
    return pixels === undefined
      ? cut(bytes, header, drawn, interpolation)
      : { pixels, part: drawn.part, draw: drawn };
  }
  return whole(bytes, draw);
}

async function whole(bytes: Uint8Array, draw: (size: Size) => PictureDraw): Promise<DecodedPart> {
  const pixels = await rawPixels(() => open(bytes).autoOrient().flatten());
  checkPixels(pixels);
  const drawn = draw(pixels);
  return { pixels, part: drawn.part, draw: drawn };
}

/** The whole picture is scaled, shrunk by the decoder on the way, and the crop taken at its own size. */
async function shrunk(
  bytes: Uint8Array,
  draw: PictureDraw,
  shown: Size,
  interpolation: Interpolation,
): Promise<DecodedPart> {
  const { part, scaled } = draw;
  const width = Math.max(shown.width, Math.round(scaled.width));
  const height = Math.max(shown.height, Math.round(scaled.height));
  const left = Math.min(Math.round((part.left * shown.width) / part.width), width - shown.width);
  const top = Math.min(Math.round((part.top * shown.height) / part.height), height - shown.height);
  const kernel = interpolation === 'bicubic' ? 'cubic' : 'linear';
  const pixels = await rawPixels(() =>
    open(bytes)
      .resize({ width, height, fit: 'fill', kernel })
      .extract({ left, top, width: shown.width, height: shown.height }),
  );
  return { pixels, part: { top: 0, left: 0, ...shown }, draw };
}

/** The part, and as many pixels around it as the filter reaches. */
async function cut(
  bytes: Uint8Array,
  size: Size,
  draw: PictureDraw,
  interpolation: Interpolation,
): Promise<DecodedPart> {
  const { part, scaled, cutFirst } = draw;
  const reach = (from: number, to: number): number =>
    cutFirst ? 0 : filterReach[interpolation] * Math.max(1, from / to) + 1;
  const [down, across] = [reach(size.height, scaled.height), reach(size.width, scaled.width)];
  const top = Math.max(0, Math.floor(part.top - down));
  const left = Math.max(0, Math.floor(part.left - across));
  const height = Math.min(size.height, Math.ceil(part.top + part.height + down)) - top;
  const width = Math.min(size.width, Math.ceil(part.left + part.width + across)) - left;
  const all = height === size.height && width === size.width;
  const pixels = await rawPixels(() => {
    const image = open(bytes);
    return all ? image : image.extract({ left, top, width, height });
  });
  if (pixels.height !== height || pixels.width !== width) {
    throw new BadPicture(`its header says ${size.width}x${size.height} px, but it holds another size`);
  }
  return { pixels, part: { ...part, top: part.top - top, left: part.left - left }, draw };
}

function open(bytes: Uint8Array): Sharp {
  return sharp(bytes, { failOn: 'error', ignoreIcc: true, limitInputPixels: mostPixels });
}

async function rawPixels(pipeline: () => Sharp): Promise<PixelBytes> {
  const { data, info } = await decoding(() =>
    pipeline().toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }),
  );
  const { height, width, channels } = info;
  if (channels === 1 || channels === 3) return { data, channels, height, width };
  throw new BadPicture(`it has ${channels} channels, expected grey or RGB`);
}
