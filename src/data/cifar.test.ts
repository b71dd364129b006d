import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCifar } from './cifar.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'laurel-cifar-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Records with these label bytes; every pixel of the n-th record of the file is `first` + n. */
function records(labels: number[][], first: number): Buffer {
  return Buffer.concat(
    labels.map((label, n) => Buffer.concat([Buffer.from(label), Buffer.alloc(3072, first + n)])),
  );
}

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

const description = { name: 'tiny', split: 'test', path: 'here', classes: ['a', 'b', 'c'] } as const;
const ten = { labelBytes: 1, labelOffset: 0 } as const;

describe('readCifar', () => {
  it('joins files of one label per record', async () => {
    const files = [await file('1', records([[2], [0]], 10)), await file('2', records([[1]], 20))];
    const dataset = await readCifar(files, ten, description);
    expect(dataset).toMatchObject({ ...description, length: 3, channels: 3, height: 32, width: 32 });
    expect([...dataset.labels]).toEqual([2, 0, 1]);
    expect([0, 3071, 3072, 6143, 6144, 9215].map((at) => dataset.pixels[at])).toEqual([
      10, 10, 11, 11, 20, 20,
    ]);
    expect(dataset.pixels.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('takes the coarse or the fine label of records with both', async () => {
    const files = [
      await file(
        'both',
        records(
          [
            [0, 2],
            [1, 1],
          ],
          5,
        ),
      ),
    ];
    for (const [labelOffset, expected] of [
      [0, [0, 1]],
      [1, [2, 1]],
    ] as const) {
      const dataset = await readCifar(files, { labelBytes: 2, labelOffset }, description);
      expect([...dataset.labels]).toEqual(expected);
      expect([...new Set(dataset.pixels)]).toEqual([5, 6]);
    }
  });

  it('refuses a label out of range, and names file and record', async () => {
    const files = [await file('good', records([[0], [1]], 0)), await file('bad', records([[0], [3]], 0))];
    await expect(readCifar(files, ten, description)).rejects.toThrow(
      /bad: record 1 has label 3, but tiny has 3 classes/,
    );
  });

  it.each([
    ['cut', records([[0], [1]], 0).subarray(0, -1), 6145],
    ['empty', Buffer.alloc(0), 0],
    ['other', Buffer.from('not pictures at all'), 19],
  ])('refuses a file that is %s', async (name, bytes, size) => {
    await expect(readCifar([await file(name, bytes)], ten, description)).rejects.toThrow(
      `${name} is truncated or not in CIFAR's binary form: ${size} bytes, expected a multiple of 3073`,
    );
  });

  it('names a file that is not there', async () => {
    await expect(readCifar([join(folder, 'absent')], ten, description)).rejects.toThrow(
      /Cannot read .*absent: no such file/,
    );
  });
});
