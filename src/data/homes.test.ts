import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheFolder, datasetSearchPaths, downloadFolder, findDataset } from './homes.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'laurel-homes-'));
});
afterEach(() => rm(root, { recursive: true }));

async function put(folder: string, ...names: string[]): Promise<void> {
  await mkdir(join(root, folder), { recursive: true });
  for (const name of names) await writeFile(join(root, folder, name), '');
}

describe('cacheFolder', () => {
  it('is where each system keeps caches', () => {
    expect(cacheFolder({}, 'linux')).toBe(join(homedir(), '.cache/laurel/data'));
    expect(cacheFolder({ XDG_CACHE_HOME: '/x' }, 'linux')).toBe(join('/x', 'laurel/data'));
    expect(cacheFolder({ XDG_CACHE_HOME: '/x' }, 'darwin')).toBe(
      join(homedir(), 'Library/Caches/laurel/data'),
    );
    expect(cacheFolder({ LOCALAPPDATA: '/l' }, 'win32')).toBe(join('/l', 'laurel/data'));
  });
});

describe('findDataset', () => {
  it('looks into $LAUREL_DATA, then the cache, in this order', async () => {
    const environment = {
      LAUREL_DATA: join(root, 'own'),
      XDG_CACHE_HOME: join(root, 'cache'),
      LOCALAPPDATA: '',
    };
    expect(datasetSearchPaths('cifar-100', environment).slice(0, 3)).toEqual([
      join(root, 'own/cifar-100'),
      join(root, 'own'),
      join(cacheFolder(environment), 'cifar-100'),
    ]);
    expect(findDataset('cifar-100', undefined, environment)).toBeUndefined();
    const cached = join(cacheFolder(environment), 'cifar-100');
    await mkdir(cached, { recursive: true });
    for (const name of ['train.bin', 'test.bin']) await writeFile(join(cached, name), '');
    expect(findDataset('cifar-100', undefined, environment)).toEqual({ path: cached });
    await put('own', 'train.bin', 'test.bin');
    expect(findDataset('cifar-100', undefined, environment)).toEqual({ path: join(root, 'own') });
    await put('own/cifar-100', 'train.bin');
    expect(findDataset('cifar-100', 'train', environment)).toEqual({ path: join(root, 'own/cifar-100') });
    expect(findDataset('cifar-100', undefined, environment)).toEqual({ path: join(root, 'own') });
  });

  it('knows the folders that archives and torchvision put around the files, and gzipped idx files', async () => {
    const environment = {
      LAUREL_DATA: root,
      XDG_CACHE_HOME: join(root, 'none'),
      LOCALAPPDATA: join(root, 'none'),
    };
    await put('cifar-10/cifar-10-batches-bin', 'test_batch.bin');
    expect(findDataset('cifar-10', 'test', environment)?.path).toBe(
      join(root, 'cifar-10/cifar-10-batches-bin'),
    );
    expect(findDataset('cifar-10', 'train', environment)).toBeUndefined();
    await put('MNIST/raw', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte.gz');
    expect(findDataset('mnist', 'test', environment)?.path).toBe(join(root, 'MNIST/raw'));
  });

  it('does not find what it does not know', () => {
    expect(findDataset('imagenet')).toBeUndefined();
  });
});

describe('downloadFolder', () => {
  it('is $LAUREL_DATA where that is set, else the cache', () => {
    expect(downloadFolder('mnist', { LAUREL_DATA: '/d' })).toBe(join('/d', 'mnist'));
    expect(downloadFolder('mnist', { XDG_CACHE_HOME: '/x', LOCALAPPDATA: '/x' })).toBe(
      join(cacheFolder({ XDG_CACHE_HOME: '/x', LOCALAPPDATA: '/x' }), 'mnist'),
    );
  });
});
