// Folders of made-up pictures for the tests of the loader, and an index of them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { randomStream } from '../random.ts';
import type { PictureIndex } from './picture-index.ts';
import type { PictureTransform } from './render/transform.ts';

/** RGB bytes of a smooth picture with some noise, fixed by `seed`. */
export function madeUpPixels(width: number, height: number, seed: number): Uint8Array {
  const random = randomStream(seed);
  const [a, b, c] = [random() * 0.1, random() * 0.1, random() * 6];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++, at++) {
        data[at] = 128 + 90 * Math.sin(a * x + b * y + c + 2 * channel) + 30 * (random() - 0.5);
      }
    }
  }
  return data;
}

export async function madeUpJpeg(width: number, height: number, seed: number): Promise<Buffer> {
  const raw = { width, height, channels: 3 as const };
  return sharp(madeUpPixels(width, height, seed), { raw })
    .jpeg({ quality: 92 })
    .toBuffer();
}

/** Writes files (name to bytes) under `root` and returns their index; picture i is of class i % 2. */
export function writeIndex(root: string, files: Readonly<Record<string, Uint8Array>>): PictureIndex {
  const names = Object.keys(files);
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
  const encoded = names.map((name) => new TextEncoder().encode(name));
  const total = encoded.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(new SharedArrayBuffer(total));
  const ends = new Uint32Array(new SharedArrayBuffer(4 * names.length));
  const labels = new Int32Array(new SharedArrayBuffer(4 * names.length));
  let end = 0;
  for (const [i, name] of encoded.entries()) {
    bytes.set(name, end);
    end += name.length;
    ends[i] = end;
    labels[i] = i % 2;
  }
  return {
    name: 'made up',
    split: 'train',
    path: root,
    length: names.length,
    classes: ['a', 'b'],
    labels,
    store: { kind: 'files', root, names: bytes, ends },
  };
}

const usual = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Short side 40, centre 32; in training, parts of varying area and mirror images. */
export const smallTransform: PictureTransform = {
  size: { height: 32, width: 32 },
  resize: 40,
  interpolation: 'bilinear',
  normalise: usual,
  train: { scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 }, flip: true },
};
