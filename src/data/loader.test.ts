import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { Augmentation } from './augment.ts';
import { allocateDataset, type Dataset } from './dataset.ts';
import { createLoader, type Loader, type LoaderOptions } from './loader.ts';
import { permutation, randomStream } from './random.ts';

function pictures(length: number): Dataset {
  const dataset = allocateDataset({
    name: 'noise',
    split: 'train',
    path: 'memory',
    length,
    channels: 2,
    height: 6,
    width: 5,
    classes: ['a', 'b', 'c'],
  });
  const random = randomStream(7);
  for (let at = 0; at < dataset.pixels.length; at++) dataset.pixels[at] = Math.floor(random() * 256);
  for (let index = 0; index < length; index++) dataset.labels[index] = index % 3;
  return dataset;
}

const dataset = pictures(103);
const augmentation: Augmentation = { crop: { padding: 2 }, flip: true, rotation: 15 };
const open: Loader[] = [];

function loader(options: Partial<LoaderOptions> = {}, source = dataset): Loader {
  const made = createLoader(source, {
    batch: 10,
    shuffle: true,
    seed: 3,
    augmentation,
    workers: 0,
    ...options,
  });
  open.push(made);
  return made;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close()));
});

interface Copy {
  images: number[];
  labels: number[];
  indices: number[];
  count: number;
  index: number;
}

async function all(made: Loader, epoch = 0, fromBatch = 0): Promise<Copy[]> {
  const copies: Copy[] = [];
  for await (const { images, labels, indices, count, index } of made.epoch(epoch, fromBatch)) {
    copies.push({ images: [...images], labels: [...labels], indices: [...indices], count, index });
  }
  return copies;
}

describe('createLoader', () => {
  it.each([{ workers: 1 }, { workers: 1, ahead: 0 }, { workers: 2, ahead: 1 }, { workers: 3, ahead: 5 }])(
    'makes the same batches with %j as without threads',
    async (options) => {
      const inline = loader();
      const threaded = loader(options);
      for (const epoch of [0, 1]) expect(await all(threaded, epoch)).toEqual(await all(inline, epoch));
    },
  );

  it.each([0, 2])('goes on from any batch (%i workers)', async (workers) => {
    const made = loader({ workers });
    const whole = await all(made, 4);
    expect(await all(made, 4, 7)).toEqual(whole.slice(7));
    expect(await all(made, 4, 11)).toEqual([]);
    expect(await all(made, 4)).toEqual(whole);
  });

  it('visits the pictures in the order of the permutation, or as they come', async () => {
    const shuffled = (await all(loader(), 5)).flatMap(({ indices }) => indices);
    expect(shuffled).toEqual([...permutation(103, 3, 5)]);
    const straight = (await all(loader({ shuffle: false }), 5)).flatMap(({ indices }) => indices);
    expect(straight).toEqual(Array.from({ length: 103 }, (_, index) => index));
  });

  it('draws from a subset when given one, with the labels that belong to it', async () => {
    const indices = Uint32Array.from([5, 50, 7, 90]);
    const batches = await all(loader({ indices, batch: 3, workers: 1 }));
    expect(batches.map(({ count }) => count)).toEqual([3, 1]);
    const seen = batches.flatMap((batch) => batch.indices);
    expect([...seen].sort((a, b) => a - b)).toEqual([5, 7, 50, 90]);
    expect(batches.flatMap(({ labels }) => labels)).toEqual(seen.map((index) => index % 3));
  });

  it('augments a picture by its place in the data set, wherever it falls', async () => {
    const [batch] = await all(loader({ indices: Uint32Array.from([42]) }));
    const found = (await all(loader())).find(({ indices }) => indices.includes(42));
    const place = found?.indices.indexOf(42) ?? -1;
    expect(found?.images.slice(place * 60, (place + 1) * 60)).toEqual(batch?.images);
  });

  it.each([0, 1])('keeps, drops or pads the last batch (%i workers)', async (workers) => {
    const kept = (await all(loader({ workers }))).at(-1);
    expect([kept?.count, kept?.labels.length, kept?.images.length]).toEqual([3, 3, 3 * 60]);
    const dropping = loader({ workers, lastBatch: 'drop' });
    expect([dropping.batchesPerEpoch, dropping.picturesPerEpoch]).toEqual([10, 100]);
    expect((await all(dropping)).map(({ count }) => count)).toEqual(new Array(10).fill(10));
    const padding = loader({ workers, lastBatch: 'pad' });
    expect([padding.batchesPerEpoch, padding.picturesPerEpoch]).toEqual([11, 103]);
    await all(padding);
    const padded = (await all(padding)).at(-1);
    expect(padded).toEqual({
      count: 3,
      index: 10,
      images: [...(kept?.images ?? []), ...new Array(7 * 60).fill(0)],
      labels: [...(kept?.labels ?? []), ...new Array(7).fill(-1)],
      indices: [...(kept?.indices ?? []), ...new Array(7).fill(0xffffffff)],
    });
  });

  it('tells the shape of what it makes', () => {
    expect(loader({ augmentation: { pad: 3 } }).shape).toEqual([2, 12, 11]);
  });

  it('leaves a batch alone until the next one is asked for', async () => {
    for await (const batch of loader({ workers: 2, ahead: 1 }).epoch(0)) {
      const before = [...batch.images];
      await sleep(2);
      expect([...batch.images]).toEqual(before);
    }
  });

  it('makes batches ahead while this thread does something else', async () => {
    const made = loader({ workers: 1, ahead: 3 });
    const batches = made.epoch(0);
    await batches.next();
    // Nothing here lets the event loop run: what is ready afterwards was made without this thread's help.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    let ticks = 0;
    const counter = setImmediate(function tick() {
      ticks++;
      setImmediate(tick);
    });
    for (let taken = 0; taken < 3; taken++) await batches.next();
    clearImmediate(counter);
    expect(ticks).toBe(0);
    await batches.return();
  });

  it('can be left in the middle of an epoch, any number of times', async () => {
    const made = loader({ workers: 2, ahead: 3 });
    const expected = await all(loader(), 1);
    for (let round = 0; round < 20; round++) {
      for await (const batch of made.epoch(round)) if (batch.index === round % 5) break;
    }
    expect(await all(made, 1)).toEqual(expected);
  });

  it('refuses two epochs at once', async () => {
    const made = loader({ workers: 1 });
    const first = made.epoch(0);
    await first.next();
    await expect(made.epoch(1).next()).rejects.toThrow(/inside another epoch/);
    expect((await first.next()).value?.index).toBe(1);
  });

  it.each([0, 1])('fails instead of waiting forever when it is closed (%i workers)', async (workers) => {
    const made = loader({ workers });
    const batches = made.epoch(0);
    await batches.next();
    await made.close();
    await expect(batches.next()).rejects.toThrow(/closed/);
    await expect(made.epoch(0).next()).rejects.toThrow(/closed/);
  });

  it('leaves no thread behind', async () => {
    const running = () => (process.report.getReport() as unknown as { workers: unknown[] }).workers.length;
    // Network details may wait for a name server; the types of Node do not know the switch.
    Object.assign(process.report, { excludeNetwork: true });
    const before = running();
    const made = loader({ workers: 2 });
    await all(made);
    // One thread may have made every batch before the other was up.
    await expect.poll(running, { timeout: 10_000 }).toBe(before + 2);
    await made.close();
    expect(running()).toBe(before);
  });

  it('raises the error of a thread to whoever waits for a batch', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'laurel-loader-'));
    const program = join(folder, 'failing.mjs');
    writeFileSync(program, "throw new RangeError('no such luck');");
    const made = createLoader(dataset, { batch: 10, shuffle: false }, pathToFileURL(program));
    open.push(made);
    await expect(all(made)).rejects.toThrow('no such luck');
    await expect(all(made)).rejects.toThrow('no such luck');
    writeFileSync(program, 'process.exit(3);');
    const other = createLoader(dataset, { batch: 10, shuffle: false }, pathToFileURL(program));
    open.push(other);
    await expect(all(other)).rejects.toThrow(/ended with code 3/);
    await rm(folder, { recursive: true });
  });

  it.each([
    [{ batch: 0 }, /batch is 0/],
    [{ batch: 1.5 }, /batch is 1.5/],
    [{ workers: -1 }, /workers is -1/],
    [{ indices: Uint32Array.from([1, 103]) }, /picture 103 of 103/],
    [{ indices: new Uint32Array(0) }, /no pictures/],
    [{ batch: 104, lastBatch: 'drop' }, /batch of 104 is larger than the 103 pictures/],
    [{ augmentation: { normalise: { mean: [0], std: [1] } } }, /1 values of mean for 2 channels/],
  ] as [Partial<LoaderOptions>, RegExp][])('refuses %j', (options, message) => {
    expect(() => loader(options)).toThrow(message);
  });
});
