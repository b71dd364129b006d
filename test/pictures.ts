// A small data set in the MNIST family's format: ten classes of 28x28 pictures that a network can tell apart.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

const side = 28;

/** A bright band whose height and width tell the class, over a grain that differs from picture to picture. */
export function bandPicture(label: number, index: number): Uint8Array {
  return Uint8Array.from({ length: side * side }, (_, at) => {
    const [row, column] = [Math.floor(at / side), at % side];
    const inBand = Math.abs(row - (3 + 5 * (label % 5))) <= 2 && (label < 5 || column < side / 2);
    return (inBand ? 200 : 20) + ((at * 31 + index * 17 + row * index) % 40);
  });
}

/** Writes idx files with `train` and `test` pictures into `folder`. */
export function writeBands(
  folder: string,
  count: { train: number; test: number } = { train: 320, test: 60 },
): void {
  mkdirSync(folder, { recursive: true });
  for (const [split, name] of [
    ['train', 'train'],
    ['test', 't10k'],
  ] as const) {
    const n = count[split];
    const offset = split === 'test' ? 100_000 : 0;
    const pixels = Array.from({ length: n }, (_, i) => bandPicture(i % 10, i + offset));
    writeFileSync(
      join(folder, `${name}-images-idx3-ubyte`),
      Buffer.concat([header(3, n, side, side), ...pixels]),
    );
    const labels = Uint8Array.from({ length: n }, (_, i) => i % 10);
    writeFileSync(join(folder, `${name}-labels-idx1-ubyte`), Buffer.concat([header(1, n), labels]));
  }
}

function header(axes: number, ...sizes: number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * sizes.length);
  bytes.set([0, 0, 8, axes]);
  sizes.forEach((size, i) => {
    bytes.writeUInt32BE(size, 4 + 4 * i);
  });
  return bytes;
}

/** Writes a picture of that class as PNG. */
export async function writeBandPng(path: string, label: number): Promise<void> {
  await sharp(bandPicture(label, 777), { raw: { width: side, height: side, channels: 1 } })
    .png()
    .toFile(path);
}
