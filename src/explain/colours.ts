// Numbers as colours, the same way in every view. Projections are pictures: zero is mid-grey and the scale is
// symmetric, so that a colour channel above or below 128 is its sign. Signed maps go from blue over near white to
// vermilion, also with zero in the middle. Unsigned ones use the figures' perceptually uniform scale.
import { oklabToRgb, type Rgb, rgbToOklab, sequential } from '../figures/colour.ts';

export interface PictureShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Order of three channels; default RGB. */
  readonly order?: 'RGB' | 'BGR' | undefined;
}

export interface SignedPicture {
  /** Interleaved bytes, height x width x 3. */
  readonly rgb: Uint8Array;
  /** The magnitude that is drawn as black or white; 1 where every value is zero. */
  readonly scale: number;
  /** Share of the values that lie beyond it and are clipped. */
  readonly clipped: number;
}

/** Share of a projection's nonzero values that the scale must hold; the few largest would leave the others grey. */
const held = 0.995;

/**
 * A projection (C x H x W) as a picture: byte 128 is zero, 128 + 127 v / scale a value v. One channel is drawn grey,
 * three in colour, and of any other number the mean. `scale`: default the 99.5th percentile of the nonzero magnitudes.
 */
export function signedPicture(
  pixels: ArrayLike<number>,
  { channels, height, width, order = 'RGB' }: PictureShape,
  options: { readonly scale?: number } = {},
): SignedPicture {
  const scale = options.scale ?? contrast(pixels);
  const plane = height * width;
  const rgb = new Uint8Array(3 * plane);
  const byte = (value: number): number => Math.round(128 + 127 * Math.min(1, Math.max(-1, value / scale)));
  for (let at = 0; at < plane; at++) {
    if (channels === 3) {
      for (let c = 0; c < 3; c++) {
        rgb[3 * at + (order === 'RGB' ? c : 2 - c)] = byte(pixels[c * plane + at] as number);
      }
    } else {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += pixels[c * plane + at] as number;
      rgb.fill(byte(sum / channels), 3 * at, 3 * at + 3);
    }
  }
  let beyond = 0;
  for (let i = 0; i < pixels.length; i++) if (Math.abs(pixels[i] as number) > scale) beyond++;
  return { rgb, scale, clipped: pixels.length === 0 ? 0 : beyond / pixels.length };
}

/** The symmetric scale for signed values: the magnitude that all but a few of the nonzero ones keep below. */
export function contrast(values: ArrayLike<number>): number {
  const magnitudes = Float64Array.from(values, Math.abs).filter((value) => value > 0 && value < Infinity);
  magnitudes.sort();
  return magnitudes[Math.min(magnitudes.length - 1, Math.floor(held * magnitudes.length))] ?? 1;
}

const ends = {
  below: rgbToOklab([0, 82, 148]),
  middle: rgbToOklab([247, 247, 245]),
  above: rgbToOklab([184, 66, 0]),
};

const divergingTable = Array.from({ length: 257 }, (_, step): Rgb => {
  const t = (step - 128) / 128;
  const end = t < 0 ? ends.below : ends.above;
  const mix = (i: 0 | 1 | 2): number => ends.middle[i] + Math.abs(t) * (end[i] - ends.middle[i]);
  return oklabToRgb([mix(0), mix(1), mix(2)]);
});

/** The colour of a signed quantity in -1..1 (clamped): blue below zero, near white at it, vermilion above. */
export function diverging(t: number): Rgb {
  const inside = Math.min(1, Math.max(-1, Number.isNaN(t) ? 0 : t));
  return divergingTable[Math.round(128 + 128 * inside)] as Rgb;
}

/** A signed map, interleaved RGB; `scale` (default: the largest magnitude, 1 for zeros) has the colours at the ends. */
export function divergingMap(
  values: ArrayLike<number>,
  options: { readonly scale?: number } = {},
): { rgb: Uint8Array; scale: number } {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i] as number);
    if (magnitude > largest && magnitude < Infinity) largest = magnitude;
  }
  const scale = options.scale ?? (largest || 1);
  return { rgb: paint(values, (value) => diverging(value / scale)), scale };
}

/** An unsigned map, interleaved RGB; the colours run from `min` to `max` (default: the values' own). */
export function sequentialMap(
  values: ArrayLike<number>,
  options: { readonly min?: number; readonly max?: number } = {},
): { rgb: Uint8Array; min: number; max: number } {
  let [least, most] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const { min = least === Infinity ? 0 : least, max = most === -Infinity ? 0 : most } = options;
  const span = max - min || 1;
  return { rgb: paint(values, (value) => sequential((value - min) / span)), min, max };
}

function paint(values: ArrayLike<number>, colour: (value: number) => Rgb): Uint8Array {
  const rgb = new Uint8Array(3 * values.length);
  for (let i = 0; i < values.length; i++) rgb.set(colour(values[i] as number), 3 * i);
  return rgb;
}
