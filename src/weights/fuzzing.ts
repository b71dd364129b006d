// Fuzzing of every reader of other people's files: a seeded stream of damaged files, of which each must end in a result
// or in a UserError, within the memory that the file pays for. `fuzz.test.ts` runs a few, `fuzz.slow.test.ts` many.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readCifar } from '../data/cifar.ts';
import { readIdx, readIdxDataset } from '../data/idx.ts';
import { UserError } from '../errors.ts';
import { readNpy, writeNpy } from './npy.ts';
import { readWeights } from './read.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { damaged, zipArchive } from './testing.ts';
import { readFileAs } from './weights-file.ts';
import { readZip } from './zip.ts';

/** The bytes of what was read, for the memory check. */
type Read = (path: string) => number | Promise<number>;

interface Target {
  readonly name: string;
  /** Sound files to start from. */
  readonly originals: readonly Uint8Array[];
  readonly read: Read;
  /** Puts damaged bytes into the file that is read; default: they are the file. */
  readonly wrap?: (bytes: Buffer, original: number) => Buffer;
}

const slackBytes = 16 << 20;

function bytesOf(tensors: ReadonlyMap<string, { data: Float32Array }>): number {
  return tensors.values().reduce((sum, { data }) => sum + data.byteLength, 0);
}

function targets(folder: string): Target[] {
  const fixtures = join(import.meta.dirname, '../../test/fixtures/checkpoints');
  const path = join(folder, 'original');
  const made = (write: () => void): Uint8Array => {
    write();
    return readFileSync(path);
  };
  const data = Float32Array.from({ length: 24 }, (_, i) => i / 3);
  const tensors = new Map([
    ['conv1.weight', { shape: [2, 3, 2, 2], data }],
    ['fc.bias', { shape: [3], data: data.subarray(0, 3) }],
    ['step', { shape: [], data: data.subarray(0, 1) }],
  ]);
  const checkpoints = (format: string): Uint8Array[] =>
    ['types', 'views', 'nested', 'attribute', 'protocol-4'].map((name) =>
      readFileSync(join(fixtures, `${name}.${format}.pth`)),
    );
  const readTensors: Read = (file) => bytesOf(readWeights(file).tensors);
  const pictures = join(folder, 'pictures');
  writeFileSync(pictures, idx(5, 2, 2));
  const zips = checkpoints('zip');
  const parts = zips.map((bytes, i) => unpacked(join(folder, `${i}.zip`), bytes));
  return [
    {
      name: 'safetensors',
      originals: [made(() => writeSafetensors(path, tensors, { format: 'x' }))],
      read: (file) => bytesOf(readSafetensors(file).tensors),
    },
    {
      name: 'npy',
      originals: [made(() => writeNpy(path, [2, 3, 4], data))],
      read: (file) => readNpy(file).data.byteLength,
    },
    { name: 'PyTorch, legacy format', originals: checkpoints('legacy'), read: readTensors },
    { name: 'PyTorch, zip format', originals: zips, read: readTensors },
    {
      // Checksums would catch nearly all damage before the pickle is looked at.
      name: 'PyTorch, the pickle inside a sound archive',
      originals: parts.map((entries) => entries.find(([name]) => name.endsWith('data.pkl'))?.[1] as Buffer),
      wrap: (bytes, original) => {
        const entries = parts[original] as [string, Buffer][];
        return zipArchive(entries.map(([name, whole]) => [name, name.endsWith('data.pkl') ? bytes : whole]));
      },
      read: readTensors,
    },
    {
      name: 'idx, plain and gzipped',
      originals: [idx(3, 4, 4), idx(5), gzipSync(idx(3, 4, 4))],
      read: async (file) => {
        const { data: pixels } = await readIdx(file, 3);
        return pixels.byteLength;
      },
    },
    {
      name: 'idx, as labels of pictures',
      originals: [idx(5)],
      read: async (file) => {
        const set = await readIdxDataset(pictures, file, { name: 'x', split: 'test', path: file });
        return set.pixels.byteLength;
      },
    },
    {
      name: 'CIFAR',
      originals: [Buffer.alloc(3 * 3074, 1)],
      read: async (file) => {
        const about = { name: 'x', split: 'test', path: file, classes: ['a', 'b', 'c'] } as const;
        const set = await readCifar([file], { labelBytes: 2, labelOffset: 1 }, about);
        return set.pixels.byteLength;
      },
    },
  ];
}

function unpacked(path: string, bytes: Uint8Array): [string, Buffer][] {
  writeFileSync(path, bytes);
  const free = { spend: () => {} };
  return readFileAs(path, 'a test', (file, size) => {
    const zip = readZip(file, size, free);
    return [...zip.entries.values()].map((entry): [string, Buffer] => {
      const content = Buffer.alloc(entry.size);
      zip.open(entry)(content, 0);
      return [entry.name, content];
    });
  });
}

function idx(...sizes: number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header[2] = 8;
  header[3] = sizes.length;
  sizes.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis);
  });
  return Buffer.concat([
    header,
    Buffer.alloc(
      sizes.reduce((a, b) => a * b),
      3,
    ),
  ]);
}

/** Defines the tests: `mutations` per reader, the first of them seeded with 1. */
export function fuzzReaders(mutations: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'laurel-fuzz-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  describe(`${mutations} damaged files`, () => {
    it.each(targets(folder))('$name: a result or a sentence, within its memory', async (target) => {
      const path = join(folder, 'damaged');
      const counts = { read: 0, refused: 0 };
      const highest = process.resourceUsage().maxRSS;
      for (let seed = 1; seed <= mutations; seed++) {
        const original = seed % target.originals.length;
        const bytes = damaged(target.originals[original] as Uint8Array, seed);
        const file = target.wrap?.(bytes, original) ?? bytes;
        writeFileSync(path, file);
        try {
          const taken = await target.read(path);
          counts.read++;
          expect(taken, `seed ${seed}`).toBeLessThanOrEqual(3 * file.length + slackBytes);
        } catch (error) {
          if (!(error instanceof UserError)) {
            throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
          }
          counts.refused++;
          expect(error.message, `seed ${seed}`).toMatch(/^\S.{20,2000}$/s);
        }
      }
      // Both ends must have been reached, else the damage tests nothing.
      expect(counts.refused).toBeGreaterThan(mutations / 100);
      expect(counts.read).toBeGreaterThan(0);
      // The peak of the whole process, kB: garbage of small files, never a bomb.
      expect(process.resourceUsage().maxRSS - highest).toBeLessThan(400_000);
    });
  });
}
