// Small idx data sets for tests: each class is a bright square at a place of its own, in noise, so that a network
// learns them in a few steps.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomStream } from '../data/random.ts';

export interface SyntheticOptions {
  readonly train?: number;
  readonly test?: number;
  readonly classes?: number;
  /** Height and width, px; default 28. */
  readonly size?: number;
  /** Changes every picture. */
  readonly seed?: number;
}

/** Writes the four idx files into `folder` and gives it back. */
export function writeSyntheticIdx(folder: string, options: SyntheticOptions = {}): string {
  const { train = 40, test = 20, classes = 4, size = 28, seed = 7 } = options;
  mkdirSync(folder, { recursive: true });
  for (const [stem, count] of [
    ['train', train],
    ['t10k', test],
  ] as const) {
    const random = randomStream(seed, count, stem.length);
    const pixels = Buffer.alloc(count * size * size);
    const labels = Buffer.alloc(count);
    for (let picture = 0; picture < count; picture++) {
      const label = picture % classes;
      labels[picture] = label;
      const centreY = size * (label % 2 === 0 ? 0.3 : 0.7);
      const centreX = size * (0.15 + (0.7 * Math.floor(label / 2)) / Math.max(1, Math.ceil(classes / 2) - 1));
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) {
          const bright = Math.abs(y - centreY) < size / 8 && Math.abs(x - centreX) < size / 8;
          pixels[(picture * size + y) * size + x] = Math.floor((bright ? 180 : 0) + 70 * random());
        }
      }
    }
    writeFileSync(join(folder, `${stem}-images-idx3-ubyte`), idx([count, size, size], pixels));
    writeFileSync(join(folder, `${stem}-labels-idx1-ubyte`), idx([count], labels));
  }
  return folder;
}

function idx(sizes: readonly number[], data: Buffer): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header[2] = 8;
  header[3] = sizes.length;
  for (const [axis, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([header, data]);
}

/** A folder of its own for a test. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'laurel-train-'));
}
