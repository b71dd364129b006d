import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PictureIndex, pictureName } from '../data/pictures/picture-index.ts';
import type { Engine } from '../engines/engine.ts';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import { unpackMean } from '../evaluate/mean-picture.ts';
import type { FormDescription } from '../nets/network.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { openLoaders } from './loaders.ts';
import type { TrainEvent, TrainOptions } from './options.ts';
import { openPictureData, transformsOf } from './picture-data.ts';
import { adjustRecipe } from './recipes/adjust.ts';
import { findRecipe } from './recipes/index.ts';
import { temporaryFolder } from './testing.ts';
import { train } from './trainer.ts';
import type { TrainingData, TrainingDataOptions } from './training-data.ts';

let folder: string;
let pictures: string;
beforeAll(async () => {
  folder = temporaryFolder();
  pictures = join(folder, 'stripes');
  // Three classes by the direction and colour of stripes, in sizes of their own; 24 to train on, 6 for the test.
  for (const [part, count] of [
    ['train', 8],
    ['val', 2],
  ] as const) {
    for (const [label, name] of ['across', 'down', 'plain'].entries()) {
      mkdirSync(join(pictures, part, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const [width, height] = [240 + 20 * i, 300 - 10 * i];
        const data = Buffer.alloc(3 * width * height);
        for (let y = 0, at = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const along = label === 0 ? y : label === 1 ? x : 0;
            for (let c = 0; c < 3; c++) data[at++] = 60 + 30 * c + 5 * i + ((along >> 4) % 2) * 90;
          }
        }
        const raw = { width, height, channels: 3 } as const;
        await sharp(data, { raw })
          .jpeg()
          .toFile(join(pictures, part, name, `${i}.jpg`));
      }
    }
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function request(changes: Partial<TrainingDataOptions> = {}): TrainingDataOptions {
  return {
    data: pictures,
    form: { channels: 3, height: 112, width: 112, classes: 1000 } as FormDescription,
    recipe: adjustRecipe(findRecipe('alexnet-2012'), { batch: 4 }),
    seed: 1,
    validation: 6,
    smoke: false,
    open: {},
    ...changes,
  };
}

describe('openPictureData', () => {
  let data: TrainingData;
  beforeAll(async () => {
    data = (await openPictureData(request())) as TrainingData;
  });

  it('divides an index without decoding its pictures', () => {
    expect([data.train.length, data.validation.length, data.test.length]).toEqual([18, 6, 6]);
    expect(data.trainSet).toMatchObject({
      name: 'stripes',
      classes: ['across', 'down', 'plain'],
      length: 24,
    });
    expect(data.testSet.length).toBe(6);
    expect(data.trainSet).not.toHaveProperty('pixels');
    expect(data.fingerprint).toMatch(/^[0-9a-f]{8}$/);
  });

  it('makes the recipe’s sizes, which are for crops of 224, the form’s', () => {
    expect(data.preprocessing).toMatchObject({
      channels: 3,
      height: 112,
      width: 112,
      pad: 0,
      resize: 128,
      range: 255,
    });
    expect(data.transforms?.train.train).toMatchObject({
      scale: { kind: 'short-side', least: 128, most: 128, square: true },
      flip: true,
      colour: {
        kind: 'pca',
        deviation: 0.1,
        values: data.statistics?.values,
        vectors: data.statistics?.vectors,
      },
    });
    expect(data.transforms?.plain).toMatchObject({
      train: null,
      resize: 128,
      size: { height: 112, width: 112 },
    });
  });

  it('takes mean and colours from the training pictures', () => {
    const { mean, values } = data.statistics as NonNullable<TrainingData['statistics']>;
    // Channels were drawn 30 levels apart.
    expect(255 * ((mean[1] as number) - (mean[0] as number))).toBeCloseTo(30, -0.5);
    // All colours lie on the grey diagonal, so that one component has nearly all of the variance.
    expect((values[0] as number) / ((values[1] as number) + 1e-9)).toBeGreaterThan(50);
    const picture = unpackMean(
      data.preprocessing.meanPicture as NonNullable<typeof data.preprocessing.meanPicture>,
    );
    expect(picture.side).toBe(128);
    const red = picture.values.subarray(0, 128 * 128);
    expect(red.reduce((sum, value) => sum + value, 0) / red.length).toBeCloseTo(mean[0] as number, 1);
  });

  it('knows the colours again from a stored run', async () => {
    const statistics = {
      mean: [0, 0, 0],
      std: [1, 1, 1],
      values: [1, 1, 1],
      vectors: [[], [], []],
      pictures: 1,
    };
    const { preprocessing } = data;
    const again = await openPictureData(request({ stored: { preprocessing, statistics } }));
    expect(again?.statistics).toBe(statistics);
    expect(again?.preprocessing).toBe(preprocessing);
    // A run that was started from memory goes on from memory.
    expect(await openPictureData(request({ stored: { preprocessing } }))).toBeUndefined();
  });

  it('leaves small forms, other channels and known data sets to memory', async () => {
    const form = (channels: number, side: number) =>
      ({ channels, height: side, width: side, classes: 10 }) as FormDescription;
    expect(await openPictureData(request({ form: form(3, 64) }))).toBeUndefined();
    expect(await openPictureData(request({ form: form(1, 112) }))).toBeUndefined();
    expect(await openPictureData(request({ data: 'cifar-100' }))).toBeUndefined();
  });

  it('gives batches, the same with threads and without, that are near zero on the mean', async () => {
    const { recipe } = request();
    const { preprocessing } = data;
    const config = { recipe, preprocessing, seed: 1 };
    const first = async (workers: number) => {
      const loaders = openLoaders({ config, data, workers });
      try {
        expect(loaders.trainLoader.shape).toEqual([3, 112, 112]);
        expect(loaders.trainLoader.batchesPerEpoch).toBe(5);
        expect(loaders.testLoader.picturesPerEpoch).toBe(6);
        for await (const batch of loaders.trainLoader.epoch(0)) return batch.images.slice();
        throw new Error('no batch');
      } finally {
        await Promise.all(Object.values(loaders).map((loader) => loader?.close()));
      }
    };
    const images = await first(0);
    expect(await first(2)).toEqual(images);
    const mean = images.reduce((sum, value) => sum + value, 0) / images.length;
    expect(Math.abs(mean)).toBeLessThan(20);
    // Pixels are in 0..255 less their mean.
    expect(Math.max(...images.subarray(0, 1000).map(Math.abs))).toBeGreaterThan(2);
  });

  it('passes the loaders of validation and test through again and again', async () => {
    const { recipe } = request();
    const { testLoader, trainLoader, validationLoader } = openLoaders({
      config: { recipe, preprocessing: data.preprocessing, seed: 1 },
      data,
      workers: 1,
    });
    const seen: number[][] = [];
    for (const epoch of [0, 1]) {
      const indices: number[] = [];
      for await (const batch of testLoader.epoch(epoch))
        indices.push(...batch.indices.subarray(0, batch.count));
      seen.push(indices);
    }
    expect(seen).toEqual([
      [0, 1, 2, 3, 4, 5],
      [0, 1, 2, 3, 4, 5],
    ]);
    await Promise.all([testLoader, trainLoader, validationLoader].map((loader) => loader?.close()));
  });

  it('drops the mean of each pixel where crops are cut otherwise', async () => {
    const recipe = adjustRecipe(findRecipe('torchvision'), { batch: 4 });
    const other = await openPictureData(request({ recipe, preprocessing: data.preprocessing }));
    expect(other?.preprocessing.meanPicture).toBeUndefined();
    expect(other?.preprocessing.normalise).toEqual(data.preprocessing.normalise);
    const statistics = data.statistics as NonNullable<TrainingData['statistics']>;
    const { train: crop } = transformsOf(recipe, 'x', { ...data.preprocessing, resize: 128 }, statistics);
    expect(crop.train?.scale).toEqual({ kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 });
  });
});

const { engine: oneDnn } = tryCreateOneDnnEngine({ threads: 1 });

describe.skipIf(oneDnn === undefined)('a training on pictures that stay on disk (needs oneDNN)', () => {
  const options = (changes: Partial<TrainOptions> = {}): TrainOptions => ({
    network: 'resnet18',
    form: 'imagenet',
    data: pictures,
    // The mean of each pixel, PCA colour, an average of the weights.
    recipe: 'alexnet-2012',
    overrides: { batch: 4, epochs: 2, learningRate: 1e-3, initial: 'he', ema: 0.5, lastBatch: 'drop' },
    engine: oneDnn as Engine,
    dtype: 'f32',
    out: join(folder, `run-${runs++}`),
    // Nine pictures are left to train on: two steps an epoch.
    validation: 15,
    workers: 1,
    warnings: false,
    ...changes,
  });
  let runs = 0;

  it('leaves weights that a test prepares pictures for in the same way, and goes on to the bit', async () => {
    const straight = await train(options());
    expect(straight).toMatchObject({
      status: 'finished',
      protocol: {
        pictures: { train: 9, validation: 15, test: 6 },
        crops: 'one view per picture: the centre 224x224 of a short side of 256',
      },
    });
    const config = JSON.parse(readFileSync(join(straight.out, 'config.json'), 'utf8'));
    expect(config.statistics.values).toHaveLength(3);
    const tested = await evaluate({
      network: 'resnet18',
      weights: straight.weights.last as string,
      data: pictures,
      engine: oneDnn as Engine,
      dtype: 'f32',
    });
    expect(tested.n).toBe(6);
    expect(tested.loss).toBeCloseTo(straight.testLoss as number, 4);
    const controller = new AbortController();
    const first = options({
      signal: controller.signal,
      onEvent: (event) =>
        event.type === 'step' && event.epoch === 1 && event.step === 1 && controller.abort(),
    });
    expect((await train(first)).status).toBe('interrupted');
    const { network, out, engine } = first;
    const resumed = await train({ network, out, engine, resume: true, warnings: false });
    const bytesOf = (path: string | null) =>
      [...readSafetensors(path as string).tensors].map(
        ([name, { data }]) =>
          `${name} ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}`,
      );
    expect(bytesOf(resumed.weights.last)).toEqual(bytesOf(straight.weights.last));
    expect(resumed.testLoss).toBe(straight.testLoss);
  }, 120_000);

  it('refuses a bad picture by name, or counts what it skips', async () => {
    const many = join(folder, 'many');
    const jpeg = readFileSync(join(pictures, 'train', 'across', '0.jpg'));
    for (const name of ['a', 'b']) {
      mkdirSync(join(many, name), { recursive: true });
      for (let i = 0; i < 60; i++) writeFileSync(join(many, name, `${i}.jpg`), jpeg);
    }
    const steps = { data: many, recipe: 'fast', validation: 0 };
    const recipe = adjustRecipe(findRecipe('fast'), { batch: 4 });
    const form = { channels: 3, height: 224, width: 224, classes: 1000 } as FormDescription;
    const data = (await openPictureData(
      request({ data: many, recipe, form, validation: 0 }),
    )) as TrainingData;
    // The first picture that the first epoch visits.
    const { trainLoader } = openLoaders({
      config: { recipe, preprocessing: data.preprocessing, seed: 1 },
      data,
      workers: 0,
    });
    let bad = '';
    for await (const { indices } of trainLoader.epoch(0)) {
      bad = pictureName(data.trainSet as PictureIndex, indices[0] as number);
      break;
    }
    writeFileSync(bad, jpeg.subarray(0, 200));
    const given = { ...steps, overrides: { batch: 4, steps: 1 } };
    await expect(train(options(given))).rejects.toThrow(`${bad} cannot be used`);
    const notes: string[] = [];
    const onEvent = (event: TrainEvent) => event.type === 'note' && notes.push(event.message);
    const result = await train(options({ ...given, onBadImage: 'skip', onEvent }));
    expect(result).toMatchObject({ status: 'finished', skippedPictures: 1 });
    expect(notes.filter((note) => note.startsWith(`Skipped ${bad}: `))).toHaveLength(1);
  }, 120_000);
});
