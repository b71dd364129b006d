import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { imagenetNames } from '../../imagenet-classes.ts';
import { openPictures } from '../open.ts';
import type { TarStore } from '../picture-index.ts';
import { openStore } from '../picture-store.ts';
import { noCache, scratchFolder, told, writeTar, writeTree } from './testing.ts';

const scratch = scratchFolder();
let count = 0;
const fresh = (): string => join(scratch, `${count++}`);
const open = (path: string, split: 'train' | 'test' = 'train', notes: string[] = []) =>
  openPictures(path, split, { cache: noCache, onNote: (note) => notes.push(note) });

const meta = fileURLToPath(new URL('./fixtures/meta.mat', import.meta.url));
/** The devkit's numbers of n02100735, n01440764 and n02119789, which ImageNet calls so. */
const truth = '2\n3\n1\n';
const names = ['English setter', 'tench', 'kit fox'];
const valName = (n: number): string => `ILSVRC2012_val_0000000${n}.JPEG`;
const valFiles = [1, 2, 3].map((n) => `val/${valName(n)}`);
const expected = names.map((name, i) => `${valName(i + 1)}: ${name}`);

function devkit(folder: string): void {
  writeTree(folder, { 'data/ILSVRC2012_validation_ground_truth.txt': truth });
  copyFileSync(meta, join(folder, 'data/meta.mat'));
}

describe('the validation pictures of ILSVRC', () => {
  it('get their classes from the devkit, unpacked or as it is downloaded', async () => {
    const root = writeTree(fresh(), valFiles);
    await expect(open(root, 'test')).rejects.toThrow(
      /nothing that says their classes: put ILSVRC2012_devkit/,
    );
    devkit(join(root, 'ILSVRC2012_devkit_t12'));
    const index = await open(root, 'test');
    expect(told(index)).toEqual(expected);
    expect(index?.classes).toEqual(imagenetNames);
    execFileSync('tar', [
      '-czf',
      join(root, 'ILSVRC2012_devkit_t12.tar.gz'),
      '-C',
      root,
      'ILSVRC2012_devkit_t12',
    ]);
    rmSync(join(root, 'ILSVRC2012_devkit_t12'), { recursive: true });
    expect(told(await open(root, 'test'))).toEqual(expected);
  });

  it('get them from the lists of Kaggle and Caffe too', async () => {
    const root = writeTree(fresh(), [
      ...valFiles.map((file) => `ILSVRC/Data/CLS-LOC/${file}`),
      'ILSVRC/Data/CLS-LOC/test/ILSVRC2012_test_00000001.JPEG',
    ]);
    const rows = ['n02100735', 'n01440764', 'n02119789'].map(
      (wnid, i) => `${valName(i + 1).slice(0, -5)},${wnid} 1 2 3 4 ${wnid} 5 6 7 8 \n`,
    );
    writeFileSync(join(root, 'LOC_val_solution.csv'), `ImageId,PredictionString\n${rows.join('')}`);
    expect(told(await open(root, 'test'))).toEqual(expected);
    expect(told(await open(join(root, 'ILSVRC/Data/CLS-LOC'), 'test'))).toEqual(expected);
    const caffe = writeTree(fresh(), valFiles);
    writeFileSync(join(caffe, 'val.txt'), `${valName(1)} 212\n${valName(2)} 0\n${valName(3)} 278\n`);
    expect(told(await open(caffe, 'test'))).toEqual(expected);
  });

  it('have the classes that are trained; others are left out, and said to be', async () => {
    const root = writeTree(fresh(), [...valFiles, 'train/n01440764/a.JPEG', 'train/n02119789/b.JPEG']);
    devkit(root);
    const notes: string[] = [];
    expect(told(await open(root, 'test', notes))).toEqual([expected[1], expected[2]]);
    expect((await open(root, 'test'))?.classes).toEqual(['tench', 'kit fox']);
    expect(notes.join()).toMatch(/1 pictures of .*val are of classes that are not trained/);
  });

  it('are refused with a devkit that lacks its meaning, or that says too little', async () => {
    const root = writeTree(fresh(), valFiles);
    writeFileSync(join(root, 'ILSVRC2012_validation_ground_truth.txt'), truth);
    await expect(open(root, 'test')).rejects.toThrow(/whose meaning is in meta\.mat/);
    writeFileSync(join(root, 'meta.mat'), readFileSync(meta).subarray(0, 300));
    await expect(open(root, 'test')).rejects.toThrow(/meta\.mat cannot be read/);
    copyFileSync(meta, join(root, 'meta.mat'));
    writeFileSync(join(root, 'ILSVRC2012_validation_ground_truth.txt'), '2\n3\n');
    await expect(open(root, 'test')).rejects.toThrow(/the class of ILSVRC2012_val_00000003\.JPEG is not in/);
    writeFileSync(join(root, 'ILSVRC2012_validation_ground_truth.txt'), '2\n999\n1\n');
    await expect(open(root, 'test')).rejects.toThrow(/line 2 is '999', which is no class/);
  });

  it('of Tiny ImageNet are read in its own layout', async () => {
    const root = writeTree(fresh(), [
      'train/n01440764/images/n01440764_0.JPEG',
      'train/n02119789/images/n02119789_0.JPEG',
      'val/images/val_0.JPEG',
      'test/images/test_0.JPEG',
    ]);
    writeFileSync(join(root, 'val/val_annotations.txt'), 'val_0.JPEG\tn02119789\t0\t32\t44\t62\n');
    expect(told(await open(root))).toEqual([
      'n01440764/images/n01440764_0.JPEG: tench',
      'n02119789/images/n02119789_0.JPEG: kit fox',
    ]);
    expect(told(await open(root, 'test'))).toEqual(['val_0.JPEG: kit fox']);
  });
});

describe('the archives of ILSVRC', () => {
  const classTars = (root: string): void => {
    writeTar(join(root, 'n02119789.tar'), { 'n02119789_1.JPEG': 'fox one', 'n02119789_2.JPEG': 'fox two' });
    writeTar(join(root, 'n01440764.tar'), { 'n01440764_9.JPEG': 'tench' });
  };
  const bytesOf = (store: TarStore): string[] => {
    const open = openStore(store);
    return Array.from(store.sizes, (_, i) =>
      Buffer.from((open.read(i) as { bytes: Uint8Array }).bytes).toString(),
    );
  };

  it('are read in place: one per class, or all in one', async () => {
    const root = fresh();
    classTars(join(root, 'train'));
    const single = await open(root);
    expect(told(single)).toEqual([
      'n01440764/n01440764_9.JPEG: tench',
      'n02119789/n02119789_1.JPEG: kit fox',
      'n02119789/n02119789_2.JPEG: kit fox',
    ]);
    expect(bytesOf(single?.store as TarStore)).toEqual(['tench', 'fox one', 'fox two']);
    const nested = fresh();
    writeTree(nested, ['val/x.txt']);
    const tars = ['n02119789.tar', 'n01440764.tar'];
    execFileSync('tar', [
      '-cf',
      join(nested, 'ILSVRC2012_img_train.tar'),
      '-C',
      join(root, 'train'),
      ...tars,
    ]);
    for (const path of [nested, join(nested, 'ILSVRC2012_img_train.tar')]) {
      const whole = await open(path);
      expect(told(whole)?.toSorted()).toEqual(told(single));
      expect(bytesOf(whole?.store as TarStore)).toEqual(['fox one', 'fox two', 'tench']);
      expect(whole?.store).toMatchObject({ files: [expect.any(String)] });
    }
    writeTar(join(nested, 'ILSVRC2012_img_val.tar'), { [valName(2)]: 'tench', [valName(3)]: 'fox' });
    devkit(nested);
    const test = await open(nested, 'test');
    expect(told(test)).toEqual([expected[1], expected[2]]);
    expect(test?.classes).toEqual(single?.classes);
    expect(bytesOf(test?.store as TarStore)).toEqual(['tench', 'fox']);
  });

  it('that are damaged inside are refused by name and place', async () => {
    const root = fresh();
    classTars(join(root, 'train'));
    const path = join(root, 'ILSVRC2012_img_train.tar');
    const tars = ['n02119789.tar', 'n01440764.tar'];
    execFileSync('tar', ['-cf', path, '-C', join(root, 'train'), ...tars]);
    rmSync(join(root, 'train'), { recursive: true });
    const bytes = readFileSync(path);
    bytes[512 + 2] = 0;
    writeFileSync(path, bytes);
    await expect(open(root)).rejects.toThrow(/ILSVRC2012_img_train\.tar is damaged, .*at byte 512/);
  });
});
