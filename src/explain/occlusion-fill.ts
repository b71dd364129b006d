// What a covered part of a picture is filled with, in the space of pictures and not of normalised numbers: a grey of
// 128, black, the mean of the data, or the picture itself out of focus. Normalisation is linear in each channel, so that
// the blurred picture may be computed from the network's input.
import { type Preprocessing, unitNormalisation } from '../evaluate/preprocessing.ts';

/** `gray`: byte 128; `mean`: the data's mean, 0 after normalisation; `black`: byte 0; `blur`: a Gaussian blur. */
export type Fill = 'gray' | 'mean' | 'black' | 'blur';
export const fills: readonly Fill[] = ['gray', 'mean', 'black', 'blur'];

/** A picture's size as the network sees it, px, padding included. */
export interface PictureSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/**
 * The whole of `image` (C x H x W, normalised) as it is where it is covered; squares are cut from it.
 * `size`: of the square, px; a blur has a quarter of it as its standard deviation, so that nothing of that size is left.
 */
export function filledPicture(
  image: Float32Array,
  { channels, height, width }: PictureSize,
  preprocessing: Preprocessing,
  fill: Fill,
  size: number,
): Float32Array {
  const plane = height * width;
  const { mean, std } = unitNormalisation(preprocessing);
  const filled = new Float32Array(image.length);
  for (let c = 0; c < channels; c++) {
    const [start, end] = [c * plane, (c + 1) * plane];
    if (fill === 'blur') {
      filled.set(blurred(image.subarray(start, end), height, width, Math.max(1, size / 4)), start);
    } else if (fill !== 'mean') {
      const pixel = fill === 'gray' ? 128 / 255 : 0;
      filled.fill((pixel - (mean[c] as number)) / (std[c] as number), start, end);
    }
  }
  return filled;
}

/** A plane blurred by a Gaussian of that standard deviation, px, cut at 3 of them; weighed anew at the borders. */
function blurred(plane: Float32Array, height: number, width: number, deviation: number): Float32Array {
  const reach = Math.ceil(3 * deviation);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, k) =>
    Math.exp(-(((k - reach) / deviation) ** 2) / 2),
  );
  const pass = (from: ArrayLike<number>, length: number, step: number, lines: number, lineStep: number) => {
    const to = new Float64Array(height * width);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < length; i++) {
        let [sum, total] = [0, 0];
        for (let k = Math.max(0, i - reach); k <= Math.min(length - 1, i + reach); k++) {
          const weight = weights[k - i + reach] as number;
          sum += weight * (from[line * lineStep + k * step] as number);
          total += weight;
        }
        to[line * lineStep + i * step] = sum / total;
      }
    }
    return to;
  };
  const rows = pass(plane, width, 1, height, width);
  return Float32Array.from(pass(rows, height, width, width, 1));
}

interface Part {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** Copies a rectangle of C x H x W pixels; parts outside the picture are refused by the caller. */
export function copyPart(
  to: Float32Array,
  offset: number,
  from: Float32Array,
  size: PictureSize,
  part: Part,
): void {
  for (const [start, end] of rowsOf(size, part)) to.set(from.subarray(start, end), offset + start);
}

/** Whether two pictures of C x H x W pixels are equal inside a rectangle. */
export function isSame(a: Float32Array, b: Float32Array, size: PictureSize, part: Part): boolean {
  for (const [start, end] of rowsOf(size, part)) {
    for (let at = start; at < end; at++) if (a[at] !== b[at]) return false;
  }
  return true;
}

/** Where the rows of a rectangle of C x H x W pixels begin and end, channel by channel. */
function* rowsOf(
  { channels, height, width }: PictureSize,
  { top, left, bottom, right }: Part,
): Generator<readonly [start: number, end: number], void, undefined> {
  for (let c = 0; c < channels; c++) {
    for (let y = top; y < bottom; y++) {
      const row = (c * height + y) * width;
      yield [row + left, row + right];
    }
  }
}
