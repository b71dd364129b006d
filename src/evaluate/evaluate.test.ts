import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { temporaryFolder, writeSyntheticIdx } from '../train/testing.ts';
import { train } from '../train/trainer.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { classify } from './classify.ts';
import { evaluate } from './evaluate.ts';

const engine = createReferenceEngine();
let folder: string;
let shapes: string;
let run: string;
let weights: string;
let trained: Awaited<ReturnType<typeof train>>;

beforeAll(async () => {
  folder = temporaryFolder();
  shapes = writeSyntheticIdx(join(folder, 'shapes'), { train: 40, test: 11, classes: 4 });
  run = join(folder, 'run');
  trained = await train({
    network: 'lenet',
    form: 'article',
    data: shapes,
    engine,
    dtype: 'f32',
    out: run,
    recipe: 'lenet',
    overrides: { epochs: 4, batch: 8, learningRate: 0.03, flip: false },
    validation: 0,
    workers: 0,
  });
  weights = trained.weights.last as string;
}, 30_000);
afterAll(() => rmSync(folder, { recursive: true }));

const given = () => ({ network: 'lenet', weights, data: shapes, engine, dtype: 'f32' }) as const;

describe('evaluate', () => {
  it('learnt what it was taught', () => {
    expect(trained.testTop1Error).toBeLessThan(40);
  });

  it('gives the trainer’s own test, whatever the batch', async () => {
    for (const batch of [1, 4, 11, 100]) {
      const result = await evaluate({ ...given(), batch });
      expect(result.n).toBe(11);
      expect(result.top1Error).toBe(trained.testTop1Error);
      expect(result.top5Error).toBe(0);
      expect(result.loss).toBeCloseTo(trained.testLoss as number, 5);
    }
  });

  it('counts by class and by confusion', async () => {
    const { confusion, perClass, n, top1Error, protocol } = await evaluate(given());
    expect(perClass.map(({ n: count }) => count)).toEqual([3, 3, 3, 2]);
    expect(confusion.flat().reduce((sum, count) => sum + count, 0)).toBe(n);
    const right = confusion.reduce((sum, row, label) => sum + (row[label] as number), 0);
    expect(top1Error).toBeCloseTo((100 * (n - right)) / n, 10);
    const wrong = perClass.reduce(
      (sum, { n: count, top1Error: error }) => sum + (count * (error ?? 0)) / 100,
      0,
    );
    expect(wrong).toBeCloseTo(n - right, 10);
    expect(protocol).toMatchObject({ dtype: 'f32', engine: { name: 'reference' }, batch: 11 });
  });

  it('tests the training pictures too, and takes a run folder for weights and network', async () => {
    const result = await evaluate({
      weights: run,
      data: shapes,
      split: 'train',
      engine,
      dtype: 'f32',
    });
    expect(result).toMatchObject({ n: 40, network: 'lenet', form: 'article', weights });
  });

  it('takes files of other programs, whose pictures are prepared as a training would', async () => {
    const foreign = join(folder, 'foreign.safetensors');
    writeSafetensors(foreign, readSafetensors(weights).tensors);
    const result = await evaluate({ ...given(), weights: foreign, form: 'article' });
    expect(result.top1Error).toBe(trained.testTop1Error);
    expect(result.loss).toBeCloseTo(trained.testLoss as number, 5);
  });

  it('draws on request', async () => {
    const figures = { confusion: join(folder, 'c.png'), predictions: join(folder, 'p.png') };
    await evaluate({ ...given(), figures });
    expect(existsSync(figures.confusion) && existsSync(figures.predictions)).toBe(true);
  });

  it('stops on a signal', async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const cut = evaluate({ ...given(), batch: 4, signal: controller.signal, onProgress });
    await expect(cut).rejects.toThrow(/abort/i);
  });

  it('says what does not fit', async () => {
    await expect(evaluate({ ...given(), network: 'resnet18' })).rejects.toThrow(
      /holds weights of lenet, not of resnet18/,
    );
    await expect(evaluate({ ...given(), form: 'imagenet' })).rejects.toThrow(
      /holds weights of lenet in its form 'article', not 'imagenet'/,
    );
    const other = join(folder, 'other.safetensors');
    writeSafetensors(other, new Map([['fc1.weight', { shape: [2], data: new Float32Array(2) }]]));
    await expect(evaluate({ ...given(), weights: other })).rejects.toThrow(
      /other.* does not fit the network/,
    );
    await expect(evaluate({ ...given(), weights: join(folder, 'none') })).rejects.toThrow(
      /Cannot read .*none/,
    );
    await expect(evaluate({ ...given(), weights: shapes })).rejects.toThrow(/a folder without checkpoints/);
    const three = writeSyntheticIdx(join(folder, 'three'), { classes: 3 });
    await expect(evaluate({ ...given(), data: three })).rejects.toThrow(/has 4 classes, but three has 3/);
    const small = writeSyntheticIdx(join(folder, 'small'), { size: 20 });
    await expect(evaluate({ ...given(), data: small })).rejects.toThrow(/pictures of small are 1x20x20/);
    const cut = join(folder, 'cut.safetensors');
    writeFileSync(cut, readFileSync(weights).subarray(0, 5000));
    await expect(evaluate({ ...given(), weights: cut })).rejects.toThrow(/truncated/);
    const nameless = join(folder, 'nameless.safetensors');
    writeSafetensors(nameless, readSafetensors(weights).tensors);
    await expect(evaluate({ ...given(), network: undefined, weights: nameless })).rejects.toThrow(
      /does not say which network/,
    );
  });
});

describe('classify', () => {
  /** The first test picture of a class, as a PNG of twice its size. */
  async function picture(label: number): Promise<string> {
    const bytes = readFileSync(join(shapes, 't10k-images-idx3-ubyte')).subarray(
      16 + label * 784,
      800 + label * 784,
    );
    const path = join(folder, `${label}.png`);
    const raw = { width: 28, height: 28, channels: 1 } as const;
    await sharp(bytes, { raw }).resize(56, 56, { kernel: 'nearest' }).png().toFile(path);
    return path;
  }

  it('answers as the test does', async () => {
    const images = await Promise.all([0, 1, 2, 3].map(picture));
    const results = await classify({ weights, images, engine, dtype: 'f32' });
    expect(results.map(({ file }) => file)).toEqual(images);
    const { confusion } = await evaluate(given());
    const certain = [0, 1, 2, 3].filter((label) => {
      const row = confusion[label] as number[];
      return row[label] === row.reduce((sum, count) => sum + count, 0);
    });
    expect(certain.length).toBeGreaterThan(0);
    for (const label of certain)
      expect(results[label]?.top[0]).toMatchObject({ class: String(label), index: label });
    for (const { top } of results) {
      expect(top).toHaveLength(4);
      expect(top.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
      const order = top.map(({ probability }) => probability);
      expect(order).toEqual(order.toSorted((a, b) => b - a));
    }
  });

  it('does not depend on the other pictures of a batch', async () => {
    const images = Array.from({ length: 18 }, () => join(folder, '0.png'));
    await picture(0);
    const results = await classify({ weights, images, engine, dtype: 'f32', top: 1 });
    expect(results).toHaveLength(18);
    for (const { top } of results) expect(top).toEqual(results[0]?.top);
  });

  it('takes colour, transparency and other sizes for a grey network', async () => {
    const path = join(folder, 'colour.png');
    const create = {
      width: 90,
      height: 40,
      channels: 4,
      background: { r: 200, g: 10, b: 90, alpha: 0.5 },
    } as const;
    await sharp({ create }).png().toFile(path);
    const [result] = await classify({ weights, images: [path], engine, dtype: 'f32', top: 2 });
    expect(result?.top).toHaveLength(2);
  });

  it('names the file that is no picture, and what else is missing', async () => {
    const text = join(folder, 'text.jpg');
    writeFileSync(text, 'no picture');
    const call = (images: string[], changes = {}) =>
      classify({ weights, images, engine, dtype: 'f32', ...changes });
    await expect(call([text])).rejects.toThrow(/text\.jpg is not a picture that can be read/);
    await expect(call([join(folder, 'none.png')])).rejects.toThrow(/There is no file .*none\.png/);
    await expect(call([])).rejects.toThrow(/No pictures to classify/);
    mkdirSync(join(folder, 'folder.png'));
    await expect(call([join(folder, 'folder.png')])).rejects.toThrow(/folder\.png is not a picture/);
    const foreign = join(folder, 'foreign.safetensors');
    writeSafetensors(foreign, readSafetensors(weights).tensors);
    const unnamed = { weights: foreign, network: 'lenet', form: 'article' };
    await expect(call([text], unnamed)).rejects.toThrow(/does not say which classes/);
    await expect(call([text], { ...unnamed, data: 'mnits' })).rejects.toThrow(/'mnits'\. Did you mean mnist/);
  });
});
