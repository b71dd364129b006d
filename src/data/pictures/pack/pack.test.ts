import { execFileSync } from 'node:child_process';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openPictures, splitsAt } from '../open.ts';
import { type PackStore, type PictureIndex, pictureName } from '../picture-index.ts';
import { openStore } from '../picture-store.ts';
import { noCache, picture, scratchFolder, told, writeTree } from '../sources/testing.ts';
import { packPictures } from './pack.ts';
import { verifyPack } from './verify.ts';
import { checkRoom } from './writer.ts';

const scratch = scratchFolder();
let count = 0;
const fresh = (): string => join(scratch, `${count++}`);
const open = async (path: string, split: 'train' | 'test' = 'train'): Promise<PictureIndex> =>
  (await openPictures(path, split, { cache: noCache })) as PictureIndex;

async function tree(): Promise<string> {
  return writeTree(fresh(), {
    'train/red/1.jpg': await picture('#f00', 80, 60),
    'train/red/small.jpg': await picture('#800', 20, 10),
    'train/blue/2.jpg': await picture('#00f', 60, 120),
    'val/blue/3.jpg': await picture('#008', 61, 60),
  });
}

async function both(root: string): Promise<PictureIndex[]> {
  return [await open(root), await open(root, 'test')];
}

describe('a pack', () => {
  it('holds what was packed: pictures at their size, names, classes, splits', async () => {
    const root = await tree();
    const out = `${fresh()}.pack`;
    const seen: number[] = [];
    const result = await packPictures(await both(root), {
      out,
      side: 30,
      onProgress: (done) => seen.push(done),
    });
    expect(result).toMatchObject({ pictures: 4, skipped: 0, classes: 2, bytes: statSync(out).size });
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(splitsAt(out)).toEqual(['train', 'test']);
    const train = await open(out);
    expect(told(train)).toEqual(told(await open(root)));
    expect(train).toMatchObject({ undivided: false, name: (await open(root)).name });
    const store = openStore(train.store);
    const sizes = train.labels.length;
    const pictures = Array.from({ length: sizes }, (_, i) => store.read(i));
    expect(
      pictures.map((each) => each.kind === 'pixels' && [each.width, each.height, each.data.length]),
    ).toEqual([
      [30, 60, 5400],
      [40, 30, 3600],
      [20, 10, 600],
    ]);
    const [blue] = pictures;
    if (blue?.kind !== 'pixels') throw new Error('not raw');
    expect([...blue.data.subarray(0, 3)].map((value) => Math.round(value / 255))).toEqual([0, 0, 1]);
    const test = await open(out, 'test');
    expect(told(test)).toEqual(['blue/3.jpg: blue']);
    expect(pictureName(test, 0)).toBe(`${out}:blue/3.jpg`);
    expect((openStore(test.store).read(0) as { width: number }).width).toBe(31);
    expect(await verifyPack(out)).toBe(4);
  });

  it('has the pixels that decoding gives, upright, grey as RGB, transparent on black, sixteen bits as eight', async () => {
    const noise = Buffer.from(Array.from({ length: 50 * 40 * 3 }, (_, i) => (i * 7919) % 251));
    const raw = { width: 50, height: 40, channels: 3 } as const;
    const root = writeTree(fresh(), {
      'a/1.png': await sharp(noise, { raw }).png().toBuffer(),
      'a/2.png': await sharp(noise, { raw }).withMetadata({ orientation: 6 }).png().toBuffer(),
      'a/3.png': await sharp(noise.subarray(0, 2000), { raw: { ...raw, channels: 1 } })
        .toColourspace('b-w')
        .png()
        .toBuffer(),
      'a/4.png': await sharp({ create: { ...raw, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0 } } })
        .png()
        .toBuffer(),
      'a/5.png': await sharp(noise, { raw }).toColourspace('rgb16').png().toBuffer(),
      'a/6.jpg': await sharp(noise, { raw }).toColourspace('cmyk').jpeg().toBuffer(),
    });
    const out = `${fresh()}.pack`;
    await packPictures([await open(root)], { out, side: 256 });
    const index = await open(out);
    expect(index.undivided).toBe(true);
    const store = openStore(index.store);
    const data = (i: number): Uint8Array => (store.read(i) as { data: Uint8Array }).data;
    expect(Buffer.from(data(0)).equals(noise)).toBe(true);
    const turned = store.read(1) as { width: number; height: number; data: Uint8Array };
    expect([turned.width, turned.height]).toEqual([40, 50]);
    // A quarter turn clockwise: the first pixel of the last row becomes the first.
    expect([...turned.data.subarray(0, 3)]).toEqual([...noise.subarray(39 * 150, 39 * 150 + 3)]);
    expect([...data(2).subarray(0, 6)]).toEqual([0, 0, 0, 138, 138, 138]);
    expect([...new Set(data(3))]).toEqual([0]);
    expect(
      Math.max(...data(4).map((value, i) => Math.abs(value - (noise[i] as number)))),
    ).toBeLessThanOrEqual(1);
    expect(data(5)).toHaveLength(6000);
  });

  it('of JPEG pictures is smaller, and packs again from a raw one', async () => {
    const root = await tree();
    const [raw, jpeg] = [`${fresh()}.pack`, `${fresh()}.pack`];
    await packPictures(await both(root), { out: raw, side: 60 });
    await packPictures([await open(raw), await open(raw, 'test')], { out: jpeg, side: 30, format: 'jpeg' });
    expect(statSync(jpeg).size).toBeLessThan(statSync(raw).size);
    const index = await open(jpeg);
    const stored = openStore(index.store).read(1);
    if (stored.kind !== 'encoded') throw new Error('not encoded');
    expect(await sharp(stored.bytes).metadata()).toMatchObject({ format: 'jpeg', width: 40, height: 30 });
    expect(told(index)).toEqual(told(await open(root)));
  });

  it('that is damaged is refused, with the picture where it is one', async () => {
    const out = `${fresh()}.pack`;
    await packPictures(await both(await tree()), { out, side: 30 });
    const whole = readFileSync(out);
    const spoil = (at: number): void => {
      writeFileSync(out, whole);
      const file = openSync(out, 'r+');
      writeSync(file, Buffer.of((whole[at] as number) ^ 1), 0, 1, at);
      closeSync(file);
    };
    const { starts } = (await open(out)).store as PackStore;
    spoil((starts[1] as number) + 5);
    const store = openStore((await open(out)).store);
    store.read(0);
    expect(() => store.read(1)).toThrow(/picture red\/1\.jpg at byte \d+ is damaged \(wrong checksum\)/);
    await expect(verifyPack(out)).rejects.toThrow(/red\/1\.jpg at byte \d+ is damaged/);
    spoil(whole.length - 100);
    await expect(open(out)).rejects.toThrow(/\.pack is damaged: .*Pack the data again/);
    spoil(whole.length - 30);
    await expect(open(out)).rejects.toThrow(/its last bytes have a wrong checksum/);
    spoil(3);
    await expect(open(out)).rejects.toThrow(/is no pack that `laurel pack` made/);
    writeFileSync(out, whole);
    truncateSync(out, whole.length - 64);
    await expect(open(out)).rejects.toThrow(/its end is missing/);
    writeFileSync(out, Buffer.concat([whole.subarray(0, 64), whole.subarray(128)]));
    await expect(open(out)).rejects.toThrow(/bytes of/);
  });

  it('that shrank since it was opened is not mapped', async () => {
    const out = `${fresh()}.pack`;
    await packPictures(await both(await tree()), { out });
    const { store } = await open(out);
    truncateSync(out, 1000);
    expect(() => openStore(store)).toThrow(/is truncated: it has 1000 bytes/);
  });

  it('of one split says so when the other is asked for', async () => {
    const out = `${fresh()}.pack`;
    await packPictures([await open(await tree())], { out });
    await expect(open(out, 'test')).rejects.toThrow(
      /no pictures for the split 'test', only for 'train'.*--split/,
    );
  });
});

describe('packing', () => {
  it('stops at a bad picture, or leaves a few out, and leaves nothing behind', async () => {
    const root = await tree();
    writeTree(root, { 'train/red/text.jpg': 'this is text', 'train/red/void.jpg': '' });
    const out = join(fresh(), 'x.pack');
    await expect(packPictures(await both(root), { out })).rejects.toThrow(
      /red\/text\.jpg cannot be used: it is no/,
    );
    expect(readdirSync(join(out, '..'))).toEqual([]);
    const notes: string[] = [];
    const skipping = { out, onBadImage: 'skip', onNote: (note: string) => notes.push(note) } as const;
    await expect(packPictures(await both(root), skipping)).rejects.toThrow(
      /2 of 6 .* more than 1 %; .*void\.jpg/,
    );
    execFileSync('rm', [join(root, 'train/red/void.jpg')]);
    const result = await packPictures(await both(root), skipping);
    expect(result).toMatchObject({ pictures: 4, skipped: 1 });
    expect((await open(out)).length).toBe(3);
    expect((await open(out, 'test')).length).toBe(1);
  });

  it('leaves nothing when it is stopped, and removes what a killed run left', async () => {
    const root = await tree();
    const out = join(fresh(), 'x.pack');
    writeTree(join(out, '..'), { 'x.pack.999999999.part': 'half' });
    const stop = new AbortController();
    const notes: string[] = [];
    const packing = packPictures(await both(root), {
      out,
      signal: stop.signal,
      onProgress: () => stop.abort(),
      onNote: (note) => notes.push(note),
    });
    await expect(packing).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(join(out, '..'))).toEqual([]);
    expect(notes.join()).toMatch(/Removed .*x\.pack\.999999999\.part/);
  });

  it('refuses a disk without room before it writes', () => {
    const settings = { side: 256, format: 'raw', quality: 95 } as const;
    expect(() => checkRoom(join(scratch, 'x.pack'), 1e18, settings, 1e6)).toThrow(
      /need about 1000000 TB \(raw\), but .* free.*--format jpeg/,
    );
    expect(() => checkRoom(join(scratch, 'x.pack'), 1000, settings, 10)).not.toThrow();
  });
});
