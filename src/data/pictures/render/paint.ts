// A part of a picture in bytes becomes a normalised crop in f32 in one go: rows are mixed first, then columns, then
// scale and shift, with no bytes in between (PIL rounds twice on the way; the difference is at most one grey level).
// The filters are those of resample.ts. This is the definition, in double precision; paint-fast.ts does the same with vectors.
import type { Interpolation, Size } from '../../resample.ts';
import type { Part } from './draw.ts';

/** Interleaved bytes, 1 (grey) or 3 (RGB) to a pixel. */
export interface PixelBytes extends Size {
  readonly data: Uint8Array;
  readonly channels: number;
}

/** Where a crop goes: planes of `size` in `output` from `offset` on, each byte times `scale` plus `shift`. */
export interface Target {
  readonly output: Float32Array;
  readonly offset: number;
  readonly size: Size;
  /** Of each plane: the channel it shows. */
  readonly channels: readonly [number, number, number];
  /** Of each plane. */
  readonly scale: readonly [number, number, number];
  readonly shift: readonly [number, number, number];
  readonly mirror: boolean;
}

/**
 * Writes the part of `pixels`, resized to the target's size. The filter looks at pixels beyond the part where there
 * are any, as if the whole picture had been resized; with `cutFirst` it does not, as if the part had been cut out.
 */
export function paintPart(
  pixels: PixelBytes,
  part: Part,
  cutFirst: boolean,
  interpolation: Interpolation,
  target: Target,
): void {
  const { output, offset, size, mirror } = target;
  const { data, channels } = pixels;
  const down = planTaps(0, part.top, part.height, pixels.height, size.height, cutFirst, interpolation);
  const across = planTaps(1, part.left, part.width, pixels.width, size.width, cutFirst, interpolation);
  const from = across.first[0] as number;
  const last = size.width - 1;
  const length = ((across.first[last] as number) + (across.counts[last] as number) - from) * channels;
  if (row.length < length) row = new Float64Array(length);
  const pitch = pixels.width * channels;
  const plane = size.height * size.width;
  for (let y = 0; y < size.height; y++) {
    const start = (down.first[y] as number) * pitch + from * channels;
    mixRows(data, start, pitch, length, down.weights, y * down.most, down.counts[y] as number);
    const at = offset + y * size.width + (mirror ? last : 0);
    if (channels === 1) mixGrey(output, at, plane, across, from, size.width, target);
    else mixColour(output, at, plane, across, from, size.width, target);
  }
}

/** One row of the part's columns, mixed from several rows of the picture. */
let row = new Float64Array(0);

function mixRows(
  data: Uint8Array,
  start: number,
  pitch: number,
  length: number,
  weights: Float64Array,
  firstWeight: number,
  count: number,
): void {
  const sums = row;
  const w0 = weights[firstWeight] as number;
  if (count === 1) {
    for (let i = 0, a = start; i < length; i++, a++) sums[i] = w0 * (data[a] as number);
    return;
  }
  const w1 = weights[firstWeight + 1] as number;
  let done = 2;
  if (count === 2) {
    for (let i = 0, a = start, b = start + pitch; i < length; i++, a++, b++) {
      sums[i] = w0 * (data[a] as number) + w1 * (data[b] as number);
    }
  } else {
    const w2 = weights[firstWeight + 2] as number;
    done = 3;
    for (let i = 0, a = start, b = a + pitch, c = b + pitch; i < length; i++, a++, b++, c++) {
      sums[i] = w0 * (data[a] as number) + w1 * (data[b] as number) + w2 * (data[c] as number);
    }
  }
  for (; done + 1 < count; done += 2) {
    const wa = weights[firstWeight + done] as number;
    const wb = weights[firstWeight + done + 1] as number;
    for (let i = 0, a = start + done * pitch, b = a + pitch; i < length; i++, a++, b++) {
      sums[i] = (sums[i] as number) + wa * (data[a] as number) + wb * (data[b] as number);
    }
  }
  if (done < count) {
    const wa = weights[firstWeight + done] as number;
    for (let i = 0, a = start + done * pitch; i < length; i++, a++) {
      sums[i] = (sums[i] as number) + wa * (data[a] as number);
    }
  }
}

function mixColour(
  output: Float32Array,
  start: number,
  plane: number,
  taps: Taps,
  from: number,
  width: number,
  { channels, scale, shift, mirror }: Target,
): void {
  const sums = row;
  const { first, counts, weights, most } = taps;
  const step = mirror ? -1 : 1;
  // The plane of each channel: which of them comes first does not matter to the sums.
  const r = channels.indexOf(0);
  const g = channels.indexOf(1);
  const b = channels.indexOf(2);
  const [scaleR, scaleG, scaleB] = [scale[r] as number, scale[g] as number, scale[b] as number];
  const [shiftR, shiftG, shiftB] = [shift[r] as number, shift[g] as number, shift[b] as number];
  let atR = start + r * plane;
  let atG = start + g * plane;
  let atB = start + b * plane;
  for (let x = 0; x < width; x++) {
    const count = counts[x] as number;
    let at = 3 * ((first[x] as number) - from);
    let weight = x * most;
    // Where nothing shrinks there are two taps; written out, they are half of the loop's time saved.
    const w0 = weights[weight] as number;
    let red = w0 * (sums[at] as number);
    let green = w0 * (sums[at + 1] as number);
    let blue = w0 * (sums[at + 2] as number);
    if (count > 1) {
      const w1 = weights[weight + 1] as number;
      red += w1 * (sums[at + 3] as number);
      green += w1 * (sums[at + 4] as number);
      blue += w1 * (sums[at + 5] as number);
      const end = weight + count;
      for (weight += 2, at += 6; weight < end; weight++, at += 3) {
        const w = weights[weight] as number;
        red += w * (sums[at] as number);
        green += w * (sums[at + 1] as number);
        blue += w * (sums[at + 2] as number);
      }
    }
    output[atR] = red * scaleR + shiftR;
    output[atG] = green * scaleG + shiftG;
    output[atB] = blue * scaleB + shiftB;
    atR += step;
    atG += step;
    atB += step;
  }
}

function mixGrey(
  output: Float32Array,
  start: number,
  plane: number,
  taps: Taps,
  from: number,
  width: number,
  { scale, shift, mirror }: Target,
): void {
  const { first, counts, weights, most } = taps;
  for (let x = 0, place = start; x < width; x++, place += mirror ? -1 : 1) {
    const at = (first[x] as number) - from;
    let grey = 0;
    for (let k = 0; k < (counts[x] as number); k++) {
      grey += (weights[x * most + k] as number) * (row[at + k] as number);
    }
    for (let c = 0; c < 3; c++)
      output[place + c * plane] = grey * (scale[c] as number) + (shift[c] as number);
  }
}

/** Of each output pixel: the first input pixel, how many, and their weights, `most` places to a pixel. */
export interface Taps {
  readonly first: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Float64Array;
  readonly most: number;
}

/** Memory of the taps of rows and columns, used again for every picture. */
const memory = [newTaps(0, 0), newTaps(0, 0)];

function newTaps(size: number, weights: number): Omit<Taps, 'most'> {
  return {
    first: new Int32Array(size),
    counts: new Int32Array(size),
    weights: new Float64Array(weights),
  };
}

/** Pixels that the filter reaches to each side where nothing shrinks. */
export const filterReach: Readonly<Record<Interpolation, number>> = { bilinear: 1, bicubic: 2 };

/** The taps of one axis (0: rows, 1: columns); they are valid until the next call for that axis. */
export function planTaps(
  axis: 0 | 1,
  start: number,
  length: number,
  input: number,
  size: number,
  cutFirst: boolean,
  interpolation: Interpolation,
): Taps {
  const factor = length / size;
  const stretch = Math.max(1, factor);
  const reach = filterReach[interpolation] * stretch;
  const most = Math.ceil(2 * reach) + 1;
  let taps = memory[axis] as Omit<Taps, 'most'>;
  if (taps.first.length < size || taps.weights.length < size * most) {
    taps = newTaps(size, size * most);
    memory[axis] = taps;
  }
  const { first, counts, weights } = taps;
  const [lowest, highest] = cutFirst ? [start, start + length] : [0, input];
  for (let i = 0; i < size; i++) {
    const centre = start + (i + 0.5) * factor;
    // A part whose edge is the picture's own may miss it by a rounding error.
    const begin = Math.min(Math.max(lowest, Math.floor(centre - reach + 0.5)), highest - 1);
    const end = Math.max(begin + 1, Math.min(highest, Math.floor(centre + reach + 0.5)));
    let sum = 0;
    for (let k = begin; k < end; k++) {
      const weight = filterWeight((k + 0.5 - centre) / stretch, interpolation);
      weights[i * most + k - begin] = weight;
      sum += weight;
    }
    for (let k = 0; k < end - begin; k++) {
      const place = i * most + k;
      weights[place] = sum === 0 ? 1 / (end - begin) : (weights[place] as number) / sum;
    }
    first[i] = begin;
    counts[i] = end - begin;
  }
  return { first, counts, weights, most };
}

/** The triangle, and Keys' cubic with a = -1/2. */
function filterWeight(distance: number, interpolation: Interpolation): number {
  const x = Math.abs(distance);
  if (interpolation === 'bilinear') return x < 1 ? 1 - x : 0;
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}
