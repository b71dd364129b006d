import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { channelStatistics } from './dataset.ts';
import { findDataset, knownDataset, knownDatasets, openDataset } from './datasets.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'laurel-data-'));
  vi.stubEnv('LAUREL_DATA', root);
  vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'));
  vi.stubEnv('LOCALAPPDATA', join(root, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});

async function put(name: string, bytes: Uint8Array): Promise<void> {
  await mkdir(join(root, name, '..'), { recursive: true });
  await writeFile(join(root, name), bytes);
}

async function putIdx(folder: string, prefix: string, labels: number[], suffix = ''): Promise<void> {
  const pack = (bytes: Buffer) => (suffix === '.gz' ? gzipSync(bytes) : bytes);
  const count = [0, 0, 0, labels.length];
  const images = Buffer.from([
    0,
    0,
    8,
    3,
    ...count,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    1,
    ...labels.map((label) => label * 10),
  ]);
  await put(`${folder}/${prefix}-images-idx3-ubyte${suffix}`, pack(images));
  await put(
    `${folder}/${prefix}-labels-idx1-ubyte${suffix}`,
    pack(Buffer.from([0, 0, 8, 1, ...count, ...labels])),
  );
}

function cifar(...labels: number[][]): Buffer {
  return Buffer.concat(labels.map((label) => Buffer.concat([Buffer.from(label), Buffer.alloc(3072, 128)])));
}

describe('openDataset by name', () => {
  it('opens CIFAR-100 with fine or coarse labels', async () => {
    await put('cifar-100/train.bin', cifar([19, 99], [0, 1]));
    const fine = await openDataset('cifar-100', 'train');
    expect([fine.name, fine.path, [...fine.labels], fine.classes[99]]).toEqual([
      'cifar-100',
      join(root, 'cifar-100'),
      [99, 1],
      'worm',
    ]);
    const coarse = await openDataset('cifar-100', 'train', { labels: 'coarse' });
    expect([[...coarse.labels], coarse.classes.length, coarse.classes[19]]).toEqual([
      [19, 0],
      20,
      'vehicles_2',
    ]);
  });

  it('opens CIFAR-10 from its five files', async () => {
    for (const number of [1, 2, 3, 4, 5]) await put(`cifar-10/data_batch_${number}.bin`, cifar([number]));
    expect([...(await openDataset('cifar-10', 'train')).labels]).toEqual([1, 2, 3, 4, 5]);
  });

  it('opens MNIST, gzipped or not', async () => {
    await putIdx('mnist', 'train', [5, 0, 4, 1, 9], '.gz');
    await putIdx('mnist', 't10k', [3, 3]);
    expect([...(await openDataset('mnist', 'train')).pixels]).toEqual([50, 0, 40, 10, 90]);
    expect((await openDataset('mnist', 'test')).classes).toHaveLength(10);
  });

  it('tells Fashion-MNIST from MNIST, whose files have the same names', async () => {
    await putIdx('.', 'train', [9, 0, 0, 3, 0]);
    await expect(openDataset('mnist', 'train')).rejects.toThrow(/holds Fashion-MNIST, expected MNIST/);
    expect((await openDataset('fashion-mnist', 'train')).classes[9]).toBe('Ankle boot');
  });

  it('refuses a label out of range', async () => {
    await put('cifar-100/test.bin', cifar([0, 0], [3, 100]));
    await expect(openDataset('cifar-100', 'test')).rejects.toThrow(
      /test.bin: record 1 has label 100, but cifar-100 has 100 classes \(0 to 99\)/,
    );
    await put('cifar-100/test.bin', cifar([20, 0]));
    await expect(openDataset('cifar-100', 'test', { labels: 'coarse' })).rejects.toThrow(
      /label 20, .* 20 classes/,
    );
  });

  it('refuses coarse labels where there are none', async () => {
    await putIdx('mnist', 'train', [1]);
    await expect(openDataset('mnist', 'train', { labels: 'coarse' })).rejects.toMatchObject({ exitCode: 2 });
  });

  it('says what to put where when the data are not here', async () => {
    const failure = openDataset('cifar-10', 'train', { download: false });
    await expect(failure).rejects.toMatchObject({ name: 'UserError', exitCode: 1 });
    const { message } = (await failure.catch((error: unknown) => error)) as Error;
    expect(message).toContain(`CIFAR-10 is not on this machine (looked in ${join(root, 'cifar-10')}`);
    expect(message).toContain(`put them into ${join(root, 'cifar-10')}`);
    expect(message).toContain('https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz');
    expect(message).toContain('data_batch_1.bin');
  });

  it('refuses an unknown name with the nearest ones', async () => {
    const failure = expect(openDataset('cifar100', 'train')).rejects;
    await failure.toMatchObject({ exitCode: 2 });
    await failure.toThrow(/'cifar100' is neither .* Did you mean cifar-100, cifar-10/);
  });
});

describe('openDataset by path', () => {
  it('recognises CIFAR by its files', async () => {
    await put('mine/train.bin', cifar([0, 7]));
    expect(await openDataset(join(root, 'mine'), 'train')).toMatchObject({ name: 'cifar-100', length: 1 });
    await put('ten/test_batch.bin', cifar([7]));
    expect(await openDataset(join(root, 'ten'), 'test')).toMatchObject({ name: 'cifar-10', length: 1 });
  });

  it('recognises MNIST by its labels, and counts the classes of any other idx set over both splits', async () => {
    await putIdx('a', 't10k', [7, 2, 1, 0, 4]);
    expect((await openDataset(join(root, 'a'), 'test')).name).toBe('mnist');
    await putIdx('letters', 'train', [0, 1]);
    await putIdx('letters', 't10k', [2, 11]);
    const letters = await openDataset(join(root, 'letters'), 'train');
    expect([letters.name, letters.classes.length]).toEqual(['letters', 12]);
  });

  it('recognises folders of pictures, and resizes them', async () => {
    await mkdir(join(root, 'pets/cat'), { recursive: true });
    await sharp({ create: { width: 9, height: 9, channels: 3, background: '#fff' } }).toFile(
      join(root, 'pets/cat/1.jpg'),
    );
    expect(await openDataset(join(root, 'pets'), 'train')).toMatchObject({
      name: 'pets',
      height: 224,
      width: 224,
    });
    const size = { height: 5, width: 6 };
    const progress: unknown[] = [];
    const small = await openDataset(join(root, 'pets'), 'test', {
      size,
      onProgress: (step) => progress.push(step),
    });
    expect(small).toMatchObject({ ...size, classes: ['cat'], undivided: true });
    expect(progress).toEqual([{ activity: 'decode', item: 'pets', done: 1, total: 1, unit: 'pictures' }]);
  });

  it.each([
    ['missing', 'x/missing', 2, /there is no such folder/],
    ['a file', 'x/file', 2, /is a file, and none of these: a pack/],
    ['a folder of something else', 'x', 1, /holds nothing that Laurel recognises/],
    ['CIFAR for Python', 'python', 1, /in its Python form \(test_batch, batches.meta\)/],
    [
      'without the split',
      'half',
      1,
      /has the 'test' files of a data set like CIFAR-10, but not .* data_batch_1.bin/,
    ],
  ])('refuses a path that is %s', async (_, path, exitCode, message) => {
    await put('x/file', Buffer.from('text'));
    await put('python/test_batch', Buffer.from('pickle'));
    await put('python/batches.meta', Buffer.from('pickle'));
    await put('half/test_batch.bin', cifar([7]));
    const failure = expect(openDataset(join(root, path), 'train')).rejects;
    await failure.toThrow(message);
    await failure.toMatchObject({ name: 'UserError', exitCode });
  });
});

describe('knownDatasets', () => {
  it('are described consistently', () => {
    for (const known of knownDatasets) {
      expect(knownDataset(known.name)).toBe(known);
      expect([known.mean.length, known.std.length]).toEqual([known.channels, known.channels]);
      for (const { md5 } of known.downloads) expect(md5).toMatch(/^[0-9a-f]{32}$/);
    }
    expect(knownDatasets.map(({ classes }) => new Set(classes).size)).toEqual([10, 10, 10, 100]);
    expect(new Set(knownDataset('cifar-100')?.coarseClasses).size).toBe(20);
  });
});

describe.each([
  ['fashion-mnist', 60_000, 3],
  ['cifar-100', 50_000, 6],
] as const)('the real %s', (name, length, digits) => {
  // Where this machine has no complete copy (see `laurel doctor`), there is nothing to compare with.
  vi.unstubAllEnvs();
  const path = findDataset(name)?.path;
  it.skipIf(path === undefined)('has the published statistics and a full set of labels', async () => {
    const dataset = await openDataset(path as string, 'train');
    const known = knownDataset(name);
    expect([dataset.name, dataset.length]).toEqual([name, length]);
    const { mean, std } = channelStatistics(dataset);
    for (const [channel, value] of mean.entries()) {
      expect(value).toBeCloseTo(known?.mean[channel] as number, digits);
      expect(std[channel]).toBeCloseTo(known?.std[channel] as number, digits);
    }
    const counts = new Int32Array(dataset.classes.length);
    for (const label of dataset.labels) counts[label] = (counts[label] as number) + 1;
    expect(new Set(counts)).toEqual(new Set([length / dataset.classes.length]));
  });
});
