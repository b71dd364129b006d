// Parts of pictures, each of the size of its box, as one array: what stands behind a sheet, as NumPy's files have it.
import type { Box } from './layer.ts';

export interface Part {
  /** C x H x W of the box. */
  readonly values: Float32Array | Uint8Array;
  readonly box: Box;
}

export function sizeOf({ top, left, bottom, right }: Box): { height: number; width: number } {
  return { height: bottom - top, width: right - left };
}

/** N x C x H x W of the largest, each in the upper left, zeros around it. */
export function stack(parts: readonly Part[]): { shape: readonly number[]; data: Float32Array } {
  const sizes = parts.map(({ box }) => sizeOf(box));
  const height = Math.max(...sizes.map((size) => size.height));
  const width = Math.max(...sizes.map((size) => size.width));
  const first = parts[0] as Part;
  const channels = first.values.length / ((sizes[0]?.height ?? 1) * (sizes[0]?.width ?? 1));
  const data = new Float32Array(parts.length * channels * height * width);
  for (const [i, { values }] of parts.entries()) {
    const own = sizes[i] as { height: number; width: number };
    for (let row = 0; row < channels * own.height; row++) {
      const channel = Math.floor(row / own.height);
      const start = ((i * channels + channel) * height + (row % own.height)) * width;
      data.set(values.subarray(row * own.width, (row + 1) * own.width), start);
    }
  }
  return { shape: [parts.length, channels, height, width], data };
}

/** The numbers of all parts, one after another. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
