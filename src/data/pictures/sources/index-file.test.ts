import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { epochOrder } from '../epoch-order.ts';
import { openPictures } from '../open.ts';
import { indexFingerprint, type PictureIndex } from '../picture-index.ts';
import { eagerCache, scratchFolder, told, writeTar, writeTree } from './testing.ts';

const scratch = scratchFolder();
let count = 0;
function place() {
  const root = join(scratch, `${count}`);
  const folder = join(scratch, `cache-${count++}`);
  const notes: string[] = [];
  const open = (split: 'train' | 'test' = 'train') =>
    openPictures(root, split, { cache: eagerCache(folder), onNote: (note) => notes.push(note) });
  const stored = (): string => join(folder, readdirSync(folder)[0] as string);
  return { root, folder, notes, open, stored };
}

/** Whether the next opening takes the index that is stored. */
async function isStored(open: () => Promise<PictureIndex | undefined>, stored: string): Promise<boolean> {
  const before = readFileSync(stored);
  const fingerprint = indexFingerprint((await open()) as PictureIndex);
  return before.equals(readFileSync(stored)) && fingerprint.length === 8;
}

describe('a stored index', () => {
  it('is the one that was listed, in memory that threads share', async () => {
    const { root, open, notes, stored } = place();
    writeTree(root, ['train/a/1.png', 'train/b/ü/2.png', 'val/b/3.png']);
    const first = (await open()) as PictureIndex;
    const second = (await open()) as PictureIndex;
    expect(second).toEqual(first);
    expect(second.labels.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(indexFingerprint(second)).toBe(indexFingerprint(first));
    expect(told(await open('test'))).toEqual(['b/3.png: b']);
    expect(await isStored(open, stored())).toBe(true);
    expect(notes).toEqual([]);
  });

  it('is made again when a folder or an archive has changed', async () => {
    const { root, open } = place();
    writeTree(root, ['train/a/1.png', 'train/b/deep/2.png']);
    await open();
    const later = new Date(Date.now() + 10_000);
    writeTree(root, ['train/b/deep/3.png']);
    utimesSync(join(root, 'train/b/deep'), later, later);
    expect((await open())?.length).toBe(3);
    writeTree(root, ['train/c/4.png']);
    utimesSync(join(root, 'train'), later, later);
    expect((await open())?.classes).toEqual(['a', 'b', 'c']);
    const shards = place();
    writeTar(join(shards.root, 'x.tar'), { 'a.jpg': 'x', 'a.cls': '0' });
    await shards.open();
    writeTar(join(shards.root, 'x.tar'), { 'a.jpg': 'x', 'a.cls': '0', 'b.jpg': 'y', 'b.cls': '1' });
    utimesSync(join(shards.root, 'x.tar'), later, later);
    expect(told(await shards.open())).toEqual(['a.jpg: 0', 'b.jpg: 1']);
    expect(shards.notes).toEqual([]);
  });

  it.each([
    ['truncated', (bytes: Buffer) => bytes.subarray(0, bytes.length - 8), /truncated/],
    ['damaged', (bytes: Buffer) => bytes.fill(1, bytes.length - 6), /damaged \(wrong checksum\)/],
    ['of another version', (bytes: Buffer) => bytes.fill('9', 13, 14), /another version/],
    ['cut in its description', (bytes: Buffer) => bytes.fill(0, 30, 40), /description cannot be read/],
    ['empty', () => Buffer.alloc(0), /truncated/],
  ])('that is %s is made again, with a note', async (_, damage, words) => {
    const { root, open, notes, stored } = place();
    writeTree(root, ['train/a/1.png', 'train/b/2.png']);
    const first = await open();
    writeFileSync(stored(), damage(readFileSync(stored())));
    expect(await open()).toEqual(first);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(words);
    expect(await open()).toEqual(first);
    expect(notes).toHaveLength(1);
  });

  it('that cannot be written is no failure', async () => {
    const { root } = place();
    writeTree(root, ['train/a/1.png']);
    const notes: string[] = [];
    const cache = eagerCache(join(root, 'train/a/1.png/folder'));
    const index = await openPictures(root, 'train', { cache, onNote: (note) => notes.push(note) });
    expect(index?.length).toBe(1);
    expect(notes.join()).toMatch(/could not be stored, so it is made again next time/);
  });

  it('is not written of folders that changed a moment ago', async () => {
    const { root, folder } = place();
    writeTree(root, ['train/a/1.png']);
    await openPictures(root, 'train', { cache: { folder, leastPictures: 0, settleMs: 60_000 } });
    expect(() => readdirSync(folder)).toThrow(/ENOENT/);
  });
});

describe('epochOrder', () => {
  const shards = (number: number, each: number) =>
    ({
      store: {
        kind: 'tar',
        mixed: true,
        file: Uint16Array.from({ length: number * each }, (_, i) => Math.floor(i / each)),
      },
    }) as unknown as PictureIndex;
  const all = (length: number) => Uint32Array.from({ length }, (_, i) => i);

  it('visits each picture once, in another order every epoch, the same for the same seed', () => {
    for (const index of [shards(7, 500), { store: { kind: 'files' } } as unknown as PictureIndex]) {
      const orders = [0, 0, 1].map((epoch) => epochOrder(index, all(3500), 5, epoch));
      expect(orders[0]).toEqual(orders[1]);
      expect(orders[0]).not.toEqual(orders[2]);
      expect(orders[0]?.toSorted()).toEqual(all(3500));
      expect(epochOrder(index, all(3500), 6, 0)).not.toEqual(orders[0]);
      const some = Uint32Array.of(3, 999, 2000);
      expect(epochOrder(index, some, 5, 0).toSorted()).toEqual(some);
    }
  });

  it('goes forwards through a few shards at a time', () => {
    const each = 5000;
    const order = epochOrder(shards(20, each), all(20 * each), 1, 0);
    const position = (i: number): number => i % each;
    // In a window as long as the buffer, only neighbouring shards are open.
    for (let at = 0; at + 1000 <= order.length; at += 10_000) {
      const open = new Set([...order.subarray(at, at + 1000)].map((i) => Math.floor(i / each)));
      expect(open.size).toBeLessThan(12);
    }
    // On average each shard is read from its beginning to its end.
    const firstSeen = new Map<number, { sum: number; n: number }>();
    const visits = new Map<number, number>();
    for (const i of order) {
      const shard = Math.floor(i / each);
      const visit = visits.get(shard) ?? 0;
      visits.set(shard, visit + 1);
      const half = visit < each / 2 ? -1 : 1;
      const entry = firstSeen.get(shard) ?? { sum: 0, n: 0 };
      firstSeen.set(shard, { sum: entry.sum + half * position(i), n: entry.n + 1 });
    }
    for (const { sum } of firstSeen.values()) expect(sum / each).toBeGreaterThan(500);
    // And it is mixed: neighbours in the order are seldom neighbours in the shard.
    let neighbours = 0;
    for (let at = 1; at < order.length; at++) if (order[at] === (order[at - 1] as number) + 1) neighbours++;
    expect(neighbours / order.length).toBeLessThan(0.01);
  });
});
