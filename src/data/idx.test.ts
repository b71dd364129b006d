import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIdx, readIdxDataset } from './idx.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'laurel-idx-'));
});
afterAll(() => rm(folder, { recursive: true }));

const images = Buffer.from([
  0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
]);
const labels = Buffer.from([0, 0, 8, 1, 0, 0, 0, 2, 1, 0]);

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

const description = { name: 'tiny', split: 'train', path: 'here' } as const;

describe('readIdxDataset', () => {
  it('reads plain and gzipped files alike, into shared memory', async () => {
    for (const pack of [(bytes: Buffer) => bytes, (bytes: Buffer) => gzipSync(bytes)]) {
      const dataset = await readIdxDataset(
        await file('images', pack(images)),
        await file('labels', pack(labels)),
        description,
      );
      expect(dataset).toMatchObject({ ...description, length: 2, channels: 1, height: 2, width: 3 });
      expect([...dataset.pixels]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
      expect([...dataset.labels]).toEqual([1, 0]);
      expect(dataset.classes).toEqual(['0', '1']);
      expect(dataset.pixels.buffer).toBeInstanceOf(SharedArrayBuffer);
      expect(dataset.labels.buffer).toBeInstanceOf(SharedArrayBuffer);
    }
  });

  it('refuses a label out of range, and names the picture', async () => {
    const paths = [await file('i', images), await file('l', labels.with(8, 7) as Buffer)] as const;
    await expect(readIdxDataset(...paths, { ...description, classes: ['a', 'b'] })).rejects.toThrow(
      /l: picture 0 has label 7, but tiny has 2 classes \(0 to 1\)/,
    );
  });

  it('refuses as many labels as there are not pictures', async () => {
    const one = Buffer.from([0, 0, 8, 1, 0, 0, 0, 1, 1]);
    const paths = [await file('i', images), await file('l', one)] as const;
    await expect(readIdxDataset(...paths, description)).rejects.toThrow(/2 pictures and .* 1 labels/);
  });

  it('refuses a file of no pictures', async () => {
    const none = Buffer.from([0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3]);
    const paths = [await file('i', none), await file('l', Buffer.from([0, 0, 8, 1, 0, 0, 0, 0]))] as const;
    await expect(readIdxDataset(...paths, description)).rejects.toThrow(/holds no pictures \(0x2x3\)/);
  });
});

describe('readIdx', () => {
  it.each([
    ['cut', images.subarray(0, -1), /cut is truncated: it holds 27 bytes \(unpacked\), its header says 28/],
    ['cut in the header', images.subarray(0, 9), /is truncated: it holds 9 bytes .* says 16/],
    ['longer', Buffer.concat([images, labels]), /38 bytes, but its header \(2x2x3\) says 28/],
    ['cut.gz', gzipSync(images).subarray(0, -12), /cut.gz is truncated or damaged: .*unexpected end of file/],
    ['text', Buffer.from('<html>'), /is not an idx file: it starts with 3c 68 74 6d, expected 00 00 08 03/],
    ['empty', Buffer.alloc(0), /is not an idx file: it starts with nothing/],
    ['floats', images.with(2, 13) as Buffer, /type 0x0d with 3 dimensions, expected type 0x08/],
    ['labels', labels, /type 0x08 with 1 dimensions, .* with 3. Images and labels may have been swapped/],
  ])('refuses a file that is %s', async (name, bytes, message) => {
    const failure = expect(readIdx(await file(name, bytes), 3)).rejects;
    await failure.toThrow(message);
    await failure.toMatchObject({ name: 'UserError', exitCode: 1 });
  });

  it('names a file that is not there', async () => {
    await expect(readIdx(join(folder, 'absent'), 3)).rejects.toThrow(/Cannot read .*absent: no such file/);
  });
});
