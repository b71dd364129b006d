import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openPictures } from '../open.ts';
import type { TarStore } from '../picture-index.ts';
import { openStore } from '../picture-store.ts';
import { expandBraces } from './shards.ts';
import { noCache, scratchFolder, told, writeTar } from './testing.ts';

const scratch = scratchFolder();
let count = 0;
const fresh = (): string => join(scratch, `${count++}`);
const open = (path: string, split: 'train' | 'test' = 'train', notes: string[] = []) =>
  openPictures(path, split, { cache: noCache, onNote: (note) => notes.push(note) });

describe('shards', () => {
  it('give the picture of each sample with its label, whatever stands beside them', async () => {
    const root = fresh();
    const long = `${'deep/'.repeat(40)}0004`;
    writeTar(join(root, 'train-000000.tar'), {
      '0001.jpg': 'one',
      '0001.cls': '3',
      '0001.txt': 'a caption',
      '0002.cls': '0\n',
      '0002.seg.png': 'no picture of its own',
      '0002.PNG': 'two',
      '0003.json': '{"label": 1, "more": "x"}',
      '0003.webp': 'three',
      [`${long}.jpg`]: 'four',
      [`${long}.cls`]: '2',
      '0005.txt': 'no picture',
    });
    writeTar(join(root, 'train-000001.tar'), { '0001.jpeg': 'five', '0001.cls': '1' }, '--format=pax');
    const index = await open(root);
    expect(told(index)).toEqual([
      '0001.jpg: 3',
      '0002.PNG: 0',
      '0003.webp: 1',
      `${long}.jpg: 2`,
      '0001.jpeg: 1',
    ]);
    expect(index?.undivided).toBe(false);
    const store = openStore(index?.store as TarStore);
    const texts = Array.from({ length: 5 }, (_, i) =>
      Buffer.from((store.read(i) as { bytes: Uint8Array }).bytes).toString(),
    );
    expect(texts).toEqual(['one', 'two', 'three', 'four', 'five']);
    store.close();
  });

  it('are divided by the words in their names, with the classes of the training shards', async () => {
    const root = fresh();
    writeTar(join(root, 'in1k-train-0.tar'), { 'a.jpg': '', 'a.cls': '2' });
    writeTar(join(root, 'in1k-validation-0.tar'), { 'b.jpg': 'x', 'b.cls': '1' });
    const notes: string[] = [];
    expect(told(await open(root, 'train', notes))).toEqual(['a.jpg: 2']);
    expect(notes.join()).toMatch(/1 of 1 pictures are empty files, .*in1k-train-0\.tar:a\.jpg the first/);
    expect(await open(root, 'test')).toMatchObject({ classes: ['0', '1', '2'], undivided: false });
    writeFileSync(join(root, 'classes.txt'), 'cat\ndog\nkit fox\n');
    expect(told(await open(root, 'test'))).toEqual(['b.jpg: dog']);
    writeTar(join(root, 'in1k-validation-1.tar'), { 'b.jpg': 'x', 'b.cls': '3' });
    await expect(open(root, 'test')).rejects.toThrow(/label 3, but the training shards have 3 classes/);
  });

  it('are named by a pattern with braces', async () => {
    const root = fresh();
    for (const n of [8, 9, 10]) {
      writeTar(join(root, `train-${`${n}`.padStart(2, '0')}.tar`), { 'a.jpg': 'x', 'a.cls': `class ${n}` });
    }
    const index = await open(join(root, 'train-{08..10}.tar'), 'test');
    expect(index).toMatchObject({ undivided: true, classes: ['class 10', 'class 8', 'class 9'] });
    expect(Array.from(index?.labels ?? [])).toEqual([1, 2, 0]);
    await expect(open(join(root, 'train-{08..11}.tar'))).rejects.toThrow(/1 of its 4 archives are not there/);
    expect(expandBraces('{a,b}-{9..10}.tar')).toEqual(['a-9.tar', 'a-10.tar', 'b-9.tar', 'b-10.tar']);
    expect(() => expandBraces('{3..1}.tar')).toThrow(/does not count up/);
  });

  it('that are damaged are refused by name and place', async () => {
    const root = fresh();
    const path = join(root, 'a.tar');
    writeTar(path, { 'a.jpg': 'x'.repeat(3000), 'a.cls': '1', 'b.jpg': 'y', 'b.cls': '0' });
    const whole = readFileSync(path);
    truncateSync(path, 2000);
    await expect(open(root)).rejects.toThrow(
      /a\.tar is truncated: a\.jpg at byte 0 goes beyond its end at byte 2000/,
    );
    writeFileSync(path, whole.subarray(0, 512 * 9));
    const notes: string[] = [];
    expect((await open(root, 'train', notes))?.length).toBe(1);
    expect(notes.join()).toMatch(/a\.tar has no end mark; it may have been cut off/);
    const wrong = Buffer.from(whole);
    wrong[512 * 7 + 3] = 0x58;
    writeFileSync(path, wrong);
    await expect(open(root)).rejects.toThrow(/a\.tar is damaged, or no tar archive: .*checksum at byte 3584/);
    writeFileSync(path, gzipSync(whole));
    await expect(open(root)).rejects.toThrow(/a\.tar is compressed.*gunzip/);
    writeTar(path, { 'a.jpg': 'x', 'b.jpg': 'y', 'b.cls': '0' });
    await expect(open(root)).rejects.toThrow(
      /the sample a at byte 512 has no label: expected a\.cls or a\.json/,
    );
    writeTar(path, { 'a.jpg': 'x', 'a.cls': 'cat', 'b.jpg': 'y', 'b.cls': '0' });
    await expect(open(root)).rejects.toThrow(/b\.cls at byte \d+ has the class '0', while others are/);
    writeTar(path, { 'readme.md': 'x' });
    await expect(open(root)).rejects.toThrow(/holds no samples: expected members like/);
  });

  it('that were cut since they were indexed are found when they are read', async () => {
    const path = join(fresh(), 'a.tar');
    writeTar(path, { 'a.jpg': 'x'.repeat(3000), 'a.cls': '1' });
    const store = openStore((await open(path))?.store as TarStore);
    truncateSync(path, 1000);
    expect(() => store.read(0)).toThrow(/a\.tar: picture a\.jpg at byte 512: the archive ends inside it/);
  });
});
