import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Loader } from '../loader.ts';
import { epochOrder } from './epoch-order.ts';
import { madeUpJpeg, madeUpPixels, smallTransform, writeIndex } from './loader-testing.ts';
import { openPictures } from './open.ts';
import { packPictures } from './pack/pack.ts';
import type { PictureIndex } from './picture-index.ts';
import { createPictureLoader, type PictureLoaderOptions } from './picture-loader.ts';
import { noCache, writeTar } from './sources/testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-picture-loader-'));
const open: Loader[] = [];
let index: PictureIndex;
let good: Record<string, Buffer>;

beforeAll(async () => {
  good = {};
  for (let i = 0; i < 23; i++) good[`a/${i}.jpg`] = await madeUpJpeg(50 + i, 60 - i, i);
  index = writeIndex(join(folder, 'good'), good);
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close()));
});

function loader(options: Partial<PictureLoaderOptions> = {}, source = index): Loader {
  const made = createPictureLoader(source, {
    batch: 5,
    transform: smallTransform,
    seed: 3,
    shuffle: true,
    workers: 0,
    onBadImage: 'fail',
    ...options,
  });
  open.push(made);
  return made;
}

interface Copy {
  readonly images: number[];
  readonly labels: number[];
  readonly indices: number[];
  readonly count: number;
  readonly share: number | undefined;
}

async function all(made: Loader, epoch = 0, fromBatch = 0): Promise<Copy[]> {
  const copies: Copy[] = [];
  for await (const { images, labels, indices, count, share } of made.epoch(epoch, fromBatch)) {
    copies.push({ images: [...images], labels: [...labels], indices: [...indices], count, share });
  }
  return copies;
}

describe('createPictureLoader', () => {
  it.each([{ workers: 1 }, { workers: 2, ahead: 0 }, { workers: 3, ahead: 4 }])(
    'makes the same batches with %j as without threads',
    async (options) => {
      const shared = {
        transform: {
          ...smallTransform,
          train: { ...smallTransform.train, erase: { probability: 0.5 } } as never,
        },
        mix: { mixup: 0.2, cutmix: 1 },
      };
      const inline = loader(shared);
      const threaded = loader({ ...shared, ...options });
      for (const epoch of [0, 1]) expect(await all(threaded, epoch)).toEqual(await all(inline, epoch));
    },
  );

  it.each([0, 2])('goes on from any batch (%i workers)', async (workers) => {
    const made = loader({ workers });
    const whole = await all(made, 4);
    expect(whole.map(({ count }) => count)).toEqual([5, 5, 5, 5, 3]);
    expect(await all(made, 4, 3)).toEqual(whole.slice(3));
    expect(await all(made, 4, 5)).toEqual([]);
    expect(await all(made, 5)).not.toEqual(whole);
  });

  it('visits the pictures in their order, with their labels', async () => {
    const subset = Uint32Array.of(20, 3, 7, 11, 2, 9, 1);
    const batches = await all(loader({ indices: subset }), 2);
    const order = batches.flatMap(({ indices }) => indices);
    expect(order).toEqual([...epochOrder(index, subset, 3, 2)]);
    expect(batches.flatMap(({ labels }) => labels)).toEqual(order.map((picture) => picture % 2));
    const straight = await all(loader({ indices: subset, shuffle: false, lastBatch: 'pad' }), 2);
    expect(straight.flatMap(({ indices }) => indices)).toEqual([
      ...subset,
      0xffffffff,
      0xffffffff,
      0xffffffff,
    ]);
    expect(straight[1]?.images.slice(2 * 3072).every((value) => value === 0)).toBe(true);
    expect(loader({ lastBatch: 'drop' })).toMatchObject({
      batchesPerEpoch: 4,
      picturesPerEpoch: 20,
      shape: [3, 32, 32],
    });
  });

  it('shows a picture alike wherever it stands', async () => {
    const alone = await all(loader({ indices: Uint32Array.of(7), batch: 1 }), 2);
    const batches = await all(loader(), 2);
    const batch = batches.find(({ indices }) => indices.includes(7)) as Copy;
    const place = batch.indices.indexOf(7);
    expect(batch.images.slice(place * 3072, (place + 1) * 3072)).toEqual(alone[0]?.images);
  });

  it('refuses transforms and options that make no sense', () => {
    const bad = { ...smallTransform, resize: 20 };
    expect(() => loader({ transform: bad })).toThrow(
      'short side before the crop is 20; expected a whole number of px of at least 32',
    );
    expect(() => loader({ batch: 0 })).toThrow('batch is 0');
    expect(() => loader({ lastBatch: 'drop', batch: 50 })).toThrow('Choose a batch of at most 23');
    expect(() => loader({ mix: { mixup: Number.NaN, cutmix: 0 } })).toThrow('The alpha of mixup is NaN');
  });
});

/** Kinds of files that training sets hold, as (name, bytes, what is said of it, or undefined where it is fine). */
const raw = { width: 48, height: 40, channels: 3 as const };
const image = () => sharp(madeUpPixels(48, 40, 2), { raw });
const frames = (format: 'gif' | 'webp') =>
  sharp(Buffer.concat([madeUpPixels(48, 40, 2), madeUpPixels(48, 40, 9)]), {
    raw: { ...raw, height: 80, pageHeight: 40 } as never,
  })
    [format]()
    .toBuffer();
const grey16 = () => {
  const samples = Uint16Array.from({ length: 48 * 40 }, (_, i) => (i * 34) % 65536);
  return sharp(samples, { raw: { width: 48, height: 40, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
};
const kinds: readonly (readonly [
  kind: string,
  name: string,
  make: () => Promise<Uint8Array>,
  refusal?: RegExp,
])[] = [
  ['grey', 'x.jpg', () => image().toColourspace('b-w').jpeg().toBuffer()],
  ['CMYK', 'x.jpg', () => image().toColourspace('cmyk').jpeg().toBuffer()],
  ['16-bit colour PNG', 'x.png', () => image().toColourspace('rgb16').png().toBuffer()],
  ['16-bit grey PNG', 'x.png', grey16],
  ['palette PNG', 'x.png', () => image().png({ palette: true }).toBuffer()],
  ['PNG with alpha', 'x.png', () => image().ensureAlpha(0.5).png().toBuffer()],
  ['progressive JPEG', 'x.jpg', () => image().jpeg({ progressive: true }).toBuffer()],
  ['EXIF-rotated', 'x.jpg', () => image().withMetadata({ orientation: 8 }).jpeg().toBuffer()],
  ['animated GIF', 'x.gif', () => frames('gif')],
  ['animated WebP', 'x.webp', () => frames('webp')],
  ['PNG named JPEG', 'x.jpg', () => image().png().toBuffer()],
  [
    'JPEG with bytes after its end',
    'x.jpg',
    async () => Buffer.concat([await image().jpeg().toBuffer(), Buffer.alloc(50)]),
  ],
  ['zero-byte', 'x.jpg', async () => new Uint8Array(0), /x\.jpg cannot be used: it is empty \(0 bytes\)/],
  [
    'truncated JPEG',
    'x.jpg',
    async () => (await image().jpeg().toBuffer()).subarray(0, -60),
    /x\.jpg cannot be used: it is cut off or damaged/,
  ],
  [
    'truncated PNG',
    'x.png',
    async () => (await image().png().toBuffer()).subarray(0, 900),
    /x\.png cannot be used: it is cut off or damaged/,
  ],
  [
    'JPEG of three bytes',
    'x.jpg',
    async () => Uint8Array.of(0xff, 0xd8, 0xff),
    /x\.jpg cannot be used: it is cut off or damaged/,
  ],
  [
    'text named JPEG',
    'x.jpg',
    async () => new TextEncoder().encode('not a picture'),
    /x\.jpg cannot be used: it is no JPEG, PNG, WebP, GIF, TIFF or AVIF file/,
  ],
  [
    'web page named JPEG',
    'x.jpg',
    async () => new TextEncoder().encode('<!DOCTYPE html><p>404'),
    /whatever its name says \(it looks like a web page/,
  ],
  [
    'PNG bomb',
    'x.png',
    async () => {
      const bytes = Buffer.from(await image().png().toBuffer());
      bytes.writeUInt32BE(40_000, 16);
      bytes.writeUInt32BE(40_000, 20);
      bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
      return bytes;
    },
    /x\.png cannot be used: it has more than the 100 million pixels/,
  ],
  [
    'JPEG bomb',
    'x.jpg',
    async () => {
      const bytes = Buffer.from(await image().jpeg().toBuffer());
      const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
      bytes.writeUInt16BE(40_000, frame + 5);
      bytes.writeUInt16BE(40_000, frame + 7);
      return bytes;
    },
    /x\.jpg cannot be used: it would be 40000x40000 px when decoded, more than the 100 million pixels/,
  ],
];

describe('a picture file that is', () => {
  it.each(kinds.map(([kind, name, make, refusal]) => ({ kind, name, make, refusal })))(
    '$kind',
    async ({ kind, name, make, refusal }) => {
      const bytes = await make();
      const source = writeIndex(join(folder, kind), {
        'a/0.jpg': good['a/0.jpg'] as Buffer,
        [`b/${name}`]: bytes,
      });
      for (const transform of [smallTransform, { ...smallTransform, train: null }]) {
        const options = { transform, shuffle: false };
        if (refusal === undefined) {
          const [batch] = await all(loader(options, source));
          const values = batch?.images.slice(3072) as number[];
          expect(values.every(Number.isFinite)).toBe(true);
          expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(1);
          continue;
        }
        await expect(all(loader(options, source))).rejects.toThrow(refusal);
        const told: string[] = [];
        const skipping = loader(
          {
            ...options,
            onBadImage: 'skip',
            onBad: (file, reason) => told.push(`${file} cannot be used: ${reason}`),
          },
          source,
        );
        // One of two is more than 1 %.
        await expect(all(skipping)).rejects.toThrow(
          /1 of the first 3 pictures of the epoch cannot be used, more than 1 %/,
        );
        expect(told).toEqual([expect.stringMatching(refusal)]);
      }
    },
  );

  it('the first frame of an animation', async () => {
    const source = writeIndex(join(folder, 'frames'), {
      'a/x.webp': await frames('webp'),
      'b/x.png': await image().png().toBuffer(),
    });
    const [batch] = await all(
      loader({ transform: { ...smallTransform, train: null }, shuffle: false }, source),
    );
    const [first, second] = [0, 1].map((i) => batch?.images.slice(i * 3072, (i + 1) * 3072) as number[]);
    const difference =
      (first as number[]).reduce((sum, x, i) => sum + Math.abs(x - (second?.[i] as number)), 0) / 3072;
    expect(difference).toBeLessThan(0.4);
  });
});

describe('other stores', () => {
  it('are read by threads too, and tars name archive and member', async () => {
    const path = join(folder, 'shards', 'train-0.tar');
    const members: Record<string, Uint8Array> = {};
    for (let i = 0; i < 12; i++) {
      members[`${i}.jpg`] = good[`a/${i}.jpg`] as Buffer;
      members[`${i}.cls`] = new TextEncoder().encode(`${i % 2}`);
    }
    writeTar(path, members);
    const shards = (await openPictures(path, 'train', { cache: noCache })) as PictureIndex;
    const inline = await all(loader({}, shards), 1);
    expect(await all(loader({ workers: 2 }, shards), 1)).toEqual(inline);
    const seen = inline.flatMap(({ indices }) => indices).sort((x, y) => x - y);
    expect(seen).toEqual(Array.from({ length: shards.length }, (_, i) => i));
    expect(seen.length).toBeGreaterThan(8);

    const out = join(folder, 'loader.pack');
    await packPictures([shards], { out, side: 40 });
    const pack = (await openPictures(out, 'train', { cache: noCache })) as PictureIndex;
    const packed = await all(loader({}, pack), 1);
    expect(await all(loader({ workers: 2 }, pack), 1)).toEqual(packed);
    expect(await all(loader({}, pack), 1)).not.toEqual(await all(loader({}, pack), 2));

    const bad = join(folder, 'shards', 'train-1.tar');
    writeTar(bad, { ...members, '3.jpg': new TextEncoder().encode('no picture') });
    const broken = (await openPictures(bad, 'train', { cache: noCache })) as PictureIndex;
    await expect(all(loader({}, broken))).rejects.toThrow(
      /train-1\.tar:3\.jpg cannot be used: it is no JPEG/,
    );
  });
});

describe('close', () => {
  it('ends threads that are decoding, and the process after them', async () => {
    const source = writeIndex(join(folder, 'closed'), { 'a/x.jpg': await madeUpJpeg(900, 700, 1) });
    const program = `
      import { createPictureLoader } from ${JSON.stringify(new URL('./picture-loader.ts', import.meta.url).href)};
      import { smallTransform, writeIndex } from ${JSON.stringify(new URL('./loader-testing.ts', import.meta.url).href)};
      import { readFileSync } from 'node:fs';
      const root = ${JSON.stringify(source.path)};
      const index = writeIndex(root, { 'a/x.jpg': readFileSync(root + '/a/x.jpg') });
      for (let round = 0; round < 2; round++) {
        const indices = new Uint32Array(400);
        const options = { batch: 12, transform: smallTransform, shuffle: true, workers: 3, indices, onBadImage: 'fail' };
        const loader = createPictureLoader(index, options);
        const batches = loader.epoch(0);
        await batches.next();
        const waiting = batches.next().catch((error) => error.message);
        await new Promise((resolve) => setTimeout(resolve, 15 * round));
        await loader.close();
        await waiting;
      }
      console.log('all closed');
    `;
    const file = join(folder, 'close.mjs');
    writeFileSync(file, program);
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    expect(stdout).toBe('all closed\n');
  });
});

describe('bad pictures', () => {
  /** `count` pictures, of which the `bad` ones are empty. */
  async function some(name: string, count: number, bad: readonly number[]): Promise<PictureIndex> {
    const bytes = good['a/0.jpg'] as Buffer;
    return writeIndex(
      join(folder, name),
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`${i}.jpg`, bad.includes(i) ? new Uint8Array(0) : bytes]),
      ),
    );
  }

  it('are replaced by another picture of the epoch, always the same, and told once', async () => {
    const source = await some('replaced', 300, [17, 200]);
    const told: string[] = [];
    const skip = { onBadImage: 'skip', batch: 50 } as const;
    const inline = await all(loader({ ...skip, onBad: (name) => told.push(name) }, source), 1);
    const order = epochOrder(
      source,
      Uint32Array.from({ length: 300 }, (_, i) => i),
      3,
      1,
    );
    const visited = inline.flatMap(({ indices }) => indices);
    const replaced = visited.flatMap((picture, place) => (picture === order[place] ? [] : [order[place]]));
    expect(replaced.sort()).toEqual([17, 200]);
    expect(inline.flatMap(({ labels }) => labels)).toEqual(visited.map((picture) => picture % 2));
    expect(told.map((name) => name.slice(-7)).sort()).toEqual(['/17.jpg', '200.jpg']);
    const threaded = loader({ ...skip, workers: 3, onBad: (name) => told.push(name) }, source);
    expect(await all(threaded, 1)).toEqual(inline);
    await all(threaded, 2);
    expect(told.length).toBe(4);
    // And from the middle of the epoch.
    expect(await all(threaded, 1, 3)).toEqual(inline.slice(3));
  });

  it('end the epoch when they are more than 1 % of a thousand, or of the epoch', async () => {
    const source = await some('too many', 300, [1, 2, 3, 4]);
    await expect(all(loader({ onBadImage: 'skip', batch: 50 }, source))).rejects.toThrow(
      /4 of the first \d+ pictures of the epoch cannot be used, more than 1 %; the last one is .*\.jpg \(it is empty \(0 bytes\)\)/,
    );
    const fewer = await some('few', 400, [1, 2, 3, 4]);
    expect((await all(loader({ onBadImage: 'skip', batch: 50 }, fewer))).length).toBe(8);
  });

  it.each([0, 2])(
    'fail by the name of the first of the batch, and the loader goes on (%i workers)',
    async (workers) => {
      const source = await some('failing', 40, [12, 11, 17]);
      const made = loader({ workers, shuffle: false }, source);
      await expect(all(made)).rejects.toThrow(
        /failing\/11\.jpg cannot be used: it is empty.*--on-bad-image skip/,
      );
      expect((await all(made, 0, 4)).length).toBe(4);
    },
  );

  it('name files that are gone', async () => {
    const source = await some('gone', 4, []);
    rmSync(join(folder, 'gone', '2.jpg'));
    await expect(all(loader({ shuffle: false }, source))).rejects.toThrow(/gone\/2\.jpg/);
  });

  it('are not what defects are', async () => {
    const broken = { ...index, labels: undefined } as unknown as PictureIndex;
    const made = loader({ shuffle: false, onBadImage: 'skip' }, broken);
    await expect(all(made)).rejects.toThrow(TypeError);
  });
});
