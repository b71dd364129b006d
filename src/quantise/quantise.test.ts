// The whole way: weights in full precision, pictures, a file of eight bits, and what evaluation, classification, ONNX
// and the reference engine make of it. On the published GoogLeNet where it is at hand.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { type Classification, classify } from '../evaluate/classify.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import { exportOnnx } from '../evaluate/export-onnx.ts';
import { inferenceGraph } from '../evaluate/inference.ts';
import { buildModel, openModel, weightsFor } from '../evaluate/model.ts';
import { encodeModelInfo } from '../evaluate/preprocessing.ts';
import { markOutput } from '../graph/graph.ts';
import { elementCount } from '../graph/tensor.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork } from '../nets/network.ts';
import { livelyWeights, relativeError, runOnnx, wave } from '../weights/onnx/testing.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { quantise } from './quantise.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-quantise-'));
const pictures = join(folder, 'pictures');
const weights = join(folder, 'f32.safetensors');
const out = join(folder, 'int8.safetensors');
const classes = ['dark', 'light'];
const preprocessing = {
  channels: 3,
  height: 32,
  width: 32,
  pad: 0,
  normalise: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
};

beforeAll(async () => {
  const values = wave(3 * 32 * 32);
  for (const [c, name] of classes.entries()) {
    mkdirSync(join(pictures, name), { recursive: true });
    for (let i = 0; i < 5; i++) {
      const pixels = Uint8Array.from(
        values,
        (value, at) => 128 + 50 * c + 70 * value * Math.sin(at / (i + 3)),
      );
      const raw = { width: 32, height: 32, channels: 3 } as const;
      await sharp(pixels, { raw })
        .png()
        .toFile(join(pictures, name, `${i}.png`));
    }
  }
  const { graph } = buildNetwork(findNetwork('resnet20'), { form: 'cifar', classes: 2 });
  const tensors = new Map(
    [...livelyWeights(graph)].map(([name, data]) => {
      const shape = graph.states.get(name)?.shape ?? [];
      return [name, { shape, data }] as const;
    }),
  );
  const info = { network: 'resnet20', form: 'cifar', dataset: pictures, classes, preprocessing } as const;
  writeSafetensors(weights, tensors, encodeModelInfo(info));
  await quantise({ weights, data: pictures, pictures: 8, out });
});
afterAll(() => rmSync(folder, { recursive: true }));

const files = (): string[] =>
  classes.flatMap((name) => readdirSync(join(pictures, name)).map((file) => join(pictures, name, file)));

function largestDifference(a: readonly Classification[], b: readonly Classification[]): number {
  const of = (answer: Classification | undefined, index: number): number =>
    answer?.top.find((each) => each.index === index)?.probability ?? Number.NaN;
  return Math.max(
    ...a.flatMap((answer, i) =>
      answer.top.map(({ index, probability }) => Math.abs(probability - of(b[i], index))),
    ),
  );
}

describe('a quantised file', () => {
  it('is a quarter of the size, and says how it came about', () => {
    expect(statSync(out).size).toBeLessThan(statSync(weights).size / 3);
    const { metadata, storedTypes, tensors } = readSafetensors(out);
    expect(JSON.parse(metadata.quantization ?? '')).toMatchObject({ method: 'mse', pictures: 8 });
    expect(storedTypes?.get('layer1.0.conv1.weight')).toBe('i8');
    expect(storedTypes?.get('conv1.weight')).toBe('f32');
    expect([...tensors.keys()].some((name) => name.includes('running_mean'))).toBe(false);
  });

  it('answers nearly as the weights that it was made of, on every engine', async () => {
    const images = files();
    const ask = { images, weightsCache: false };
    const expected = await classify({ ...ask, weights });
    const got = await classify({ ...ask, weights: out });
    const reference = await classify({ ...ask, weights: out, engine: 'reference', dtype: 'f32' });
    expect(largestDifference(got, expected)).toBeLessThan(0.1);
    // Single codes fall to the other side where sums are taken in another order.
    expect(largestDifference(got, reference)).toBeLessThan(0.02);
  });

  it('is tested like any other', async () => {
    const { n } = await evaluate({ weights: out, data: pictures });
    expect(n).toBe(10);
  });

  it('means the same to onnxruntime', async () => {
    const file = join(folder, 'int8.onnx');
    exportOnnx({ weights: out, out: file });
    const model = openModel({ weights: out });
    const network = buildModel(model, 2, preprocessing, 1);
    markOutput('logits', network.logits);
    const { graph, weights: fixed } = inferenceGraph(model, network);
    const { shape } = network.images;
    const data = wave(elementCount(shape));
    const expected = createReferenceEngine().compile(graph, { weights: fixed }).run({ images: data });
    const got = await runOnnx(readFileSync(file), { shape, data });
    expect(relativeError(got.logits?.data ?? [], expected.logits as Float32Array)).toBeLessThan(0.02);
  });

  it('is refused where full precision is wanted', async () => {
    const model = openModel({ weights: out });
    const network = buildModel(model, 2, preprocessing, 1);
    expect(() => weightsFor(model, network)).toThrow('holds quantised weights');
    await expect(quantise({ weights: out, data: pictures, out: `${out}2` })).rejects.toThrow(
      'is quantised already',
    );
  });
});

describe('quantising', () => {
  it('needs a layer behind a ReLU', async () => {
    const { graph } = buildNetwork(findNetwork('lenet'), { classes: 2 });
    const tensors = new Map(
      [...livelyWeights(graph)].map(
        ([name, data]) => [name, { shape: graph.states.get(name)?.shape ?? [], data }] as const,
      ),
    );
    const lenet = join(folder, 'lenet.safetensors');
    const normalise = { mean: [0.5], std: [0.25] };
    const info = {
      network: 'lenet',
      form: 'imagenet',
      dataset: pictures,
      classes,
      preprocessing: { ...preprocessing, channels: 1, normalise },
    } as const;
    writeSafetensors(lenet, tensors, encodeModelInfo(info));
    await expect(quantise({ weights: lenet, data: pictures, out: `${out}2` })).rejects.toThrow(
      'lenet has no layer to quantise',
    );
  });
});

const shared = join(import.meta.dirname, '../../../shared/data');
const published = join(shared, 'googlenet-bvlc.safetensors');
const samples = join(shared, 'imagenet-samples');

describe.skipIf(!existsSync(published) || !existsSync(samples))(
  'the published GoogLeNet (skipped where it is not at hand)',
  () => {
    it('finds the same class in nearly all pictures', { timeout: 120_000 }, async () => {
      const file = join(folder, 'googlenet.safetensors');
      await quantise({ network: 'googlenet', weights: published, data: samples, pictures: 8, out: file });
      const images = readdirSync(samples)
        .slice(0, 1000)
        .filter((_, i) => i % 60 === 0)
        .flatMap((name) => readdirSync(join(samples, name)).map((each) => join(samples, name, each)));
      const ask = { images, weightsCache: false, dtype: 'f32' } as const;
      const expected = await classify({ ...ask, network: 'googlenet', weights: published });
      const got = await classify({ ...ask, weights: file });
      const same = got.filter(({ top }, i) => top[0]?.index === expected[i]?.top[0]?.index).length;
      expect(same).toBeGreaterThanOrEqual(images.length - 2);
    });
  },
);
