// The mean of each pixel of the training pictures' central squares (AlexNet, section 2; ZFNet, section 3.1) as weights
// files carry it: bytes in base64, as part of how pictures are prepared. Half a grey level is lost by that, for
// training as for every test, so that both see the same numbers.
import type { MeanPicture } from '../data/pictures/render/transform.ts';

/** side x side x 3 bytes (R, G, B) in base64. */
export interface StoredMean {
  readonly side: number;
  readonly rgb: string;
}

export function storeMean({ side, values }: MeanPicture): StoredMean {
  const plane = side * side;
  const bytes = Buffer.alloc(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) bytes[3 * i + c] = Math.round(255 * (values[c * plane + i] as number));
  }
  return { side, rgb: bytes.toString('base64') };
}

const unpacked = new WeakMap<StoredMean, MeanPicture>();

/** Planes R, G, B for pixels in 0..1, over shared memory, so that threads get it without a copy. */
export function unpackMean(stored: StoredMean): MeanPicture {
  const known = unpacked.get(stored);
  if (known !== undefined) return known;
  const { side } = stored;
  const plane = side * side;
  const bytes = Buffer.from(stored.rgb, 'base64');
  const values = new Float32Array(new SharedArrayBuffer(4 * 3 * plane));
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) values[c * plane + i] = (bytes[3 * i + c] as number) / 255;
  }
  const mean = { side, values };
  unpacked.set(stored, mean);
  return mean;
}

/** Whether `value` is one, as metadata are read. */
export function isStoredMean(value: unknown): value is StoredMean {
  if (typeof value !== 'object' || value === null) return false;
  const { side, rgb } = value as Partial<StoredMean>;
  if (typeof side !== 'number' || !Number.isInteger(side) || typeof rgb !== 'string') return false;
  return Buffer.from(rgb, 'base64').length === 3 * side * side;
}
