import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../data/datasets.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { UserError } from '../errors.ts';
import { openModel } from '../evaluate/model.ts';
import { encodeModelInfo } from '../evaluate/preprocessing.ts';
import { datasetSource } from '../evaluate/sources.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork } from '../nets/network.ts';
import { temporaryFolder, writeSyntheticIdx } from '../train/testing.ts';
import { readNpy, readNpyTyped } from '../weights/npy.ts';
import { livelyWeights } from '../weights/onnx/testing.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { type ExtractRequest, type ExtractResult, extractFeatures } from './features.ts';
import { frozenFeatures } from './probe-features.ts';
import { modelSubject } from './scan.ts';

const chelsea = fileURLToPath(new URL('../../test/fixtures/photos/chelsea.png', import.meta.url));

let folder: string;
let shapes: string;
let weights: string;
beforeAll(() => {
  folder = temporaryFolder();
  shapes = writeSyntheticIdx(join(folder, 'shapes'), { train: 11, test: 6, classes: 4 });
  weights = join(folder, 'lenet.safetensors');
  const network = buildNetwork(findNetwork('lenet'), { classes: 4 });
  const values = livelyWeights(network.graph);
  const tensors = [...network.graph.states].map(([name, { shape }]) => {
    return [name, { shape, data: values.get(name) as Float32Array }] as const;
  });
  const preprocessing = {
    channels: 1,
    height: 28,
    width: 28,
    pad: 2,
    normalise: { mean: [0.3], std: [0.4] },
  };
  const info = { network: 'lenet', form: network.form, classes: ['a', 'b', 'c', 'd'], dataset: 'shapes' };
  writeSafetensors(weights, new Map(tensors), encodeModelInfo({ ...info, preprocessing }));
});
afterAll(() => rmSync(folder, { recursive: true }));

let runs = 0;
const extract = (request: Partial<ExtractRequest> = {}): Promise<ExtractResult> =>
  extractFeatures({
    weights,
    data: shapes,
    layers: ['conv1', 'fc1'],
    engine: createReferenceEngine(),
    dtype: 'f32',
    out: join(folder, `out-${runs++}`),
    ...request,
  });

describe('features for other programs', () => {
  it('are what the layers give, a row for each picture in its order, whatever the batch', async () => {
    const result = await extract({ split: 'test', batch: 4 });
    const dataset = await openDataset(shapes, 'test');
    const model = openModel({ weights });
    const [conv1, fc1] = await frozenFeatures({
      subject: modelSubject(model, 4, model.info?.preprocessing as never),
      source: datasetSource(
        dataset,
        Uint32Array.from(dataset.labels, (_, i) => i),
      ),
      layers: ['conv1', 'fc1'],
      limit: 1e6,
      engine: createReferenceEngine(),
      dtype: 'f32',
      batch: 6,
    });
    const maps = readNpy(join(result.out, 'conv1.npy'));
    expect(maps.shape).toEqual([6, 6, 28, 28]);
    expect(Buffer.from(maps.data.buffer).equals(Buffer.from((conv1 as Float32Array).buffer))).toBe(true);
    const rows = readNpy(join(result.out, 'fc1.npy'));
    expect(rows.shape).toEqual([6, fc1 ? fc1.length / 6 : 0]);
    expect(Array.from(rows.data)).toEqual(Array.from(fc1 as Float32Array));
    const labels = readNpyTyped(join(result.out, 'labels.npy'));
    expect(labels).toMatchObject({ type: 'i32', shape: [6] });
    expect(Array.from(labels.data)).toEqual(Array.from(dataset.labels));
  });

  it('say in an index what they are', async () => {
    const { out, seconds, ...index } = await extract({ pool: 'average' });
    expect(JSON.parse(readFileSync(join(out, 'index.json'), 'utf8'))).toEqual(index);
    expect(index).toMatchObject({
      net: 'lenet',
      pictures: 17,
      splits: [
        { split: 'train', first: 0, count: 11 },
        { split: 'test', first: 11, count: 6 },
      ],
      layers: [
        { layer: 'conv1', file: 'conv1.npy', shape: [17, 6] },
        { layer: 'fc1', file: 'fc1.npy', shape: [17, 120] },
      ],
      pool: 'average',
      labels: 'labels.npy',
      dtype: 'f32',
    });
    expect(index.classes).toHaveLength(4);
    expect(seconds).toBeGreaterThan(0);
    const names = readFileSync(join(out, 'names.txt'), 'utf8').split('\n');
    expect(names).toHaveLength(18);
    expect([names[0], names[11], names[17]]).toEqual(['shapes train 0', 'shapes test 0', '']);
    expect(readdirSync(out).sort()).toEqual([
      'conv1.npy',
      'fc1.npy',
      'index.json',
      'labels.npy',
      'names.txt',
    ]);
  });

  it('are averaged over positions where that is asked for', async () => {
    const [whole, mean] = [
      await extract({ split: 'test' }),
      await extract({ split: 'test', pool: 'average' }),
    ];
    const maps = readNpy(join(whole.out, 'conv1.npy'));
    const means = readNpy(join(mean.out, 'conv1.npy'));
    for (const [i, value] of means.data.entries()) {
      const map = maps.data.subarray(784 * i, 784 * (i + 1));
      expect(value).toBeCloseTo(map.reduce((sum, each) => sum + each, 0) / 784, 5);
    }
    expect(Array.from(readNpy(join(mean.out, 'fc1.npy')).data)).toEqual(
      Array.from(readNpy(join(whole.out, 'fc1.npy')).data),
    );
  });

  it('are those of files too, which have no labels', async () => {
    const { out, labels, classes } = await extract({
      data: undefined,
      images: [chelsea, chelsea],
      layers: ['pixels'],
    });
    expect([labels, classes]).toEqual([null, []]);
    const pixels = readNpy(join(out, 'pixels.npy'));
    expect(pixels.shape).toEqual([2, 1, 32, 32]);
    expect(pixels.data.subarray(0, 1024)).toEqual(pixels.data.subarray(1024));
    expect(readFileSync(join(out, 'names.txt'), 'utf8')).toBe(`${chelsea}\n${chelsea}\n`);
    expect(readdirSync(out).sort()).toEqual(['index.json', 'names.txt', 'pixels.npy']);
  });

  it('leave nothing behind when they are stopped', async () => {
    const controller = new AbortController();
    const out = join(folder, 'stopped');
    const progress: number[] = [];
    const onProgress = (done: number): void => {
      progress.push(done);
      controller.abort();
    };
    const attempt = extract({ out, batch: 2, signal: controller.signal, onProgress });
    await expect(attempt).rejects.toMatchObject({ name: 'AbortError' });
    expect(progress).toEqual([2]);
    expect(readdirSync(out)).toEqual([]);
  });

  it.each<[string, () => Partial<ExtractRequest>, RegExp]>([
    ['a slip in a layer', () => ({ layers: ['conv9'] }), /has no layer 'conv9'\. Did you mean conv1/],
    ['a layer named twice', () => ({ layers: ['conv1', 'conv1'] }), /named twice/],
    ['no layer', () => ({ layers: [] }), /--layer/],
    ['no pictures', () => ({ data: undefined }), /No pictures\. Name a data set/],
    ['two sources', () => ({ images: [chelsea] }), /Two sources of pictures/],
    ['a file that is none', () => ({ data: undefined, images: [shapes] }), /shapes/],
  ])('refuse %s', async (_, request, message) => {
    const attempt = extract(request());
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toThrow(UserError);
  });
});
