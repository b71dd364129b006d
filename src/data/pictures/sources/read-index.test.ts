import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Dataset, Split } from '../../dataset.ts';
import { openPictures } from '../open.ts';
import { type ReadIndexOptions, readIndex } from './read-index.ts';
import { noCache } from './testing.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'laurel-folder-'));
});
afterEach(() => rm(root, { recursive: true }));

async function picture(name: string, colour: string, width = 8, height = 8): Promise<void> {
  const path = join(root, name);
  await mkdir(dirname(path), { recursive: true });
  await sharp({ create: { width, height, channels: 3, background: colour } }).toFile(path);
}

const size = { height: 4, width: 4 };

/** Colour of the first pixel of each picture. */
function colours(dataset: { length: number; pixels: Uint8Array }): number[][] {
  return Array.from({ length: dataset.length }, (_, index) =>
    [0, 16, 32].map((plane) => dataset.pixels[index * 48 + plane] as number),
  );
}

async function read(path: string, split: Split, options: ReadIndexOptions): Promise<Dataset> {
  const index = await openPictures(path, split, { cache: noCache });
  if (index === undefined) throw new Error('no pictures');
  return readIndex(index, options);
}

describe('readIndex', () => {
  it('reads one folder per class, classes and pictures in order', async () => {
    await picture('zebra/b.png', '#ff0000');
    await picture('zebra/a.webp', '#000000');
    await picture('ant/x.PNG', '#0000ff');
    await writeFile(join(root, 'ant/notes.txt'), 'no picture');
    await writeFile(join(root, 'ant/._x.png'), 'no picture either');
    const seen: number[] = [];
    const dataset = await read(root, 'train', { size, onProgress: (done) => seen.push(done) });
    expect(dataset).toMatchObject({
      length: 3,
      channels: 3,
      height: 4,
      width: 4,
      undivided: true,
      path: root,
    });
    expect(dataset.classes).toEqual(['ant', 'zebra']);
    expect([...dataset.labels]).toEqual([0, 1, 1]);
    expect(colours(dataset)).toEqual([
      [0, 0, 255],
      [0, 0, 0],
      [255, 0, 0],
    ]);
    expect(seen).toEqual([1, 2, 3]);
  });

  it.each(['test', 'val'])('keeps train and %s apart, with the classes of train', async (name) => {
    await picture('train/a/1.png', '#010101');
    await picture('train/b/1.png', '#020202');
    await picture(`${name}/b/1.png`, '#030303');
    const train = await read(root, 'train', { size });
    expect(colours(train)).toEqual([
      [1, 1, 1],
      [2, 2, 2],
    ]);
    const test = await read(root, 'test', { size });
    expect(colours(test)).toEqual([[3, 3, 3]]);
    expect([test.classes, [...test.labels], test.undivided]).toEqual([['a', 'b'], [1], false]);
  });

  it('fits the short side and takes the centre', async () => {
    const stripes = Buffer.alloc(24 * 8 * 3);
    for (let y = 0; y < 8; y++) stripes.fill(200, (y * 24 + 8) * 3, (y * 24 + 16) * 3);
    await mkdir(join(root, 'a'));
    await sharp(stripes, { raw: { width: 24, height: 8, channels: 3 } }).toFile(join(root, 'a/wide.png'));
    const { pixels } = await read(root, 'train', { size: { height: 8, width: 8 } });
    expect([...new Set(pixels)]).toEqual([200]);
  });

  it('turns pictures upright, makes grey ones RGB and puts transparent ones on black', async () => {
    await mkdir(join(root, 'a'));
    const half = Buffer.alloc(8 * 8 * 3);
    for (let y = 0; y < 8; y++) half.fill(255, y * 24, y * 24 + 12);
    await sharp(half, { raw: { width: 8, height: 8, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .toFile(join(root, 'a/1.png'));
    await sharp(Buffer.alloc(64, 77), { raw: { width: 8, height: 8, channels: 1 } })
      .toColourspace('b-w')
      .toFile(join(root, 'a/2.png'));
    await sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 255, g: 9, b: 9, alpha: 0 } },
    }).toFile(join(root, 'a/3.png'));
    const dataset = await read(root, 'train', { size: { height: 8, width: 8 } });
    // Orientation 6: the left half of the stored picture is the upper half of the shown one.
    expect(Array.from({ length: 8 }, (_, y) => dataset.pixels[y * 8 + 7])).toEqual([
      255, 255, 255, 255, 0, 0, 0, 0,
    ]);
    expect([...new Set(dataset.pixels.subarray(192, 384))]).toEqual([77]);
    expect([...new Set(dataset.pixels.subarray(384))]).toEqual([0]);
  });

  it('names the picture that is no picture, or a truncated one', async () => {
    await picture('a/1.png', '#010101');
    await writeFile(join(root, 'a/2.jpg'), 'this is text');
    await expect(read(root, 'train', { size })).rejects.toThrow(
      /2\.jpg cannot be used: it is no JPEG, .* Remove or replace it\.$/,
    );
    const whole = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#123' } })
      .jpeg()
      .toBuffer();
    await writeFile(join(root, 'a/2.jpg'), whole.subarray(0, whole.length - 40));
    await expect(read(root, 'train', { size })).rejects.toThrow(
      /2\.jpg cannot be used: it is cut off or damaged/,
    );
  });

  it('leaves bad pictures out where it is asked to, up to 1 %', async () => {
    for (let i = 0; i < 99; i++) await picture(`a/${100 + i}.png`, '#010101');
    await picture('b/1.png', '#020202');
    await writeFile(join(root, 'a/150.png'), '');
    await expect(read(root, 'train', { size, onBadImage: 'fail' })).rejects.toThrow(
      /150\.png cannot be used: it is empty .*--on-bad-image skip/,
    );
    const left: string[] = [];
    const onBad = (name: string, reason: string) => left.push(`${name.slice(root.length)}: ${reason}`);
    const dataset = await read(root, 'train', { size, onBadImage: 'skip', onBad });
    expect(left).toEqual(['/a/150.png: it is empty (0 bytes)']);
    expect(dataset.length).toBe(99);
    expect([...dataset.labels]).toEqual([...new Array(98).fill(0), 1]);
    expect(colours(dataset).at(-1)).toEqual([2, 2, 2]);
    expect(dataset.pixels).toHaveLength(99 * 48);
    await writeFile(join(root, 'a/151.png'), 'text');
    await expect(read(root, 'train', { size, onBadImage: 'skip' })).rejects.toThrow(
      /2 of 100 pictures cannot be used, more than 1 %/,
    );
  });
});
