import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork, type Form } from '../nets/network.ts';
import { temporaryFolder, writeSyntheticIdx } from '../train/testing.ts';
import { train } from '../train/trainer.ts';
import { readNpy } from '../weights/npy.ts';
import { layerActivations } from './activations.ts';
import { findLayer } from './layer.ts';
import { grouped, type ProbeRequest, probe } from './probe.ts';
import { openProbeData } from './probe-data.ts';
import { frozenFeatures, rowShape, standardise } from './probe-features.ts';
import { defaultPoints, namedPoints } from './probe-layers.ts';
import { makeProbe } from './probe-open.ts';
import { inputsOf } from './scan-input.ts';
import { noisePictures, tinyNetwork, tinySubject } from './top-testing.ts';

const reference = createReferenceEngine();
const native = tryCreateOneDnnEngine({ threads: 1 }).engine;
const engines = [
  ['the reference engine', reference],
  ['oneDNN', native],
] as const;
const subject = tinySubject();
const { source } = noisePictures(14);
const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

function defaults(name: string, form?: Form): string {
  const network = buildNetwork(findNetwork(name), form === undefined ? {} : { form });
  return defaultPoints(network)
    .map(({ layer }) => layer)
    .join(' ');
}

describe('the layers of a probe', () => {
  it('are those of table 7 for the networks of the paper', () => {
    expect(defaults('zfnet')).toBe('pixels norm1 norm2 relu3 relu4 pool5 relu6 relu7 fc8');
    expect(defaults('alexnet')).toBe('pixels pool1 pool2 relu3 relu4 pool5 relu6 relu7 fc8');
  });

  it('are blocks where a network has branches, never a branch', () => {
    expect(defaults('resnet20')).toMatch(/^pixels .*layer1\.0 layer1\.1 layer1 layer2\.0/);
    expect(defaults('resnet20')).not.toContain('conv2');
    expect(defaults('googlenet')).not.toContain('branch');
    expect(defaults('googlenet')).toContain('inception4a inception4b');
  });

  it('are named in the order given, each once', () => {
    const network = tinyNetwork(1);
    expect(namedPoints(network, ['fc', 'pixels']).map(({ layer }) => layer)).toEqual(['fc', 'pixels']);
    expect(() => namedPoints(network, ['frst'])).toThrow("has no layer 'frst'. Did you mean first");
    expect(() => namedPoints(network, ['fc', 'fc'])).toThrow('The layer fc is named twice.');
  });
});

describe('rowShape', () => {
  const [first] = namedPoints(tinyNetwork(1), ['first']);
  const value = first?.value as NonNullable<typeof first>['value'];

  it('keeps what is within the limit, and averages what is not, as little as it can', () => {
    // 5 maps of 5x6.
    expect(rowShape(value, 150)).toMatchObject({ height: 5, width: 6, features: 150, averaged: false });
    expect(rowShape(value, 149)).toMatchObject({ height: 4, width: 5, features: 100, averaged: true });
    expect(rowShape(value, 1)).toMatchObject({ height: 1, width: 1, features: 5 });
  });
});

describe('standardise', () => {
  it('gives training rows mean 0 and length 1, treats test rows alike, and silences constants', () => {
    const train = Float32Array.of(1, 7, 100, 3, 7, 200, 5, 7, 600);
    const test = Float32Array.of(3, 9, 300);
    standardise(train, test, 3);
    const lengths = [0, 3, 6].map((at) => train.subarray(at, at + 3).reduce((sum, v) => sum + v * v, 0));
    // One of three features is constant.
    expect(lengths.reduce((sum, each) => sum + each, 0) / 3).toBeCloseTo(2 / 3, 5);
    expect([train[1], train[4], train[7], test[1]]).toEqual([0, 0, 0, 0]);
    expect(test[0]).toBeCloseTo(0, 6);
    expect(test[2]).toBeCloseTo(0, 6);
  });
});

for (const [name, engine] of engines) {
  describe.skipIf(engine === undefined)(`frozenFeatures on ${name}`, () => {
    it('are the layer’s activations, averaged where they are too many', async () => {
      const ask = { subject, source, engine: engine ?? reference, dtype: 'f32', batch: 4 } as const;
      const [fc, whole] = await frozenFeatures({ ...ask, layers: ['fc', 'first'], limit: 150 });
      const [mean] = await frozenFeatures({ ...ask, layers: ['first'], limit: 5 });
      const images = await inputsOf(source, subject.preprocessing, [...Array(14).keys()]);
      const expected = (path: string): Float32Array => {
        const network = tinyNetwork(14);
        const layer = findLayer(network, path);
        return layerActivations(reference, network, subject.tensors, layer, images, { dtype: 'f32' });
      };
      const all = expected('first');
      expect(whole).toHaveLength(14 * 150);
      for (const [i, value] of all.entries()) expect(whole?.[i]).toBeCloseTo(value, 4);
      for (const [i, value] of expected('fc').entries()) expect(fc?.[i]).toBeCloseTo(value, 4);
      for (let i = 0; i < 14 * 5; i++) {
        const plane = all.subarray(i * 30, (i + 1) * 30);
        expect(mean?.[i]).toBeCloseTo(plane.reduce((sum, each) => sum + each, 0) / 30, 4);
      }
    });
  });
}

describe('grouped', () => {
  const point = (layer: string, features: number) => {
    return { layer, row: { channels: features, height: 1, width: 1, features, averaged: false } };
  };

  it('keeps neighbours together that fit into the memory', () => {
    const groups = grouped([point('a', 10), point('b', 10), point('c', 15)], 5, 400);
    expect(groups.map((group) => group.map(({ layer }) => layer))).toEqual([['a', 'b'], ['c']]);
  });

  it('says what to do about a layer that does not', () => {
    expect(() => grouped([point('deep', 2 ** 20)], 1024, 2 ** 30)).toThrow(
      '1048576 features of deep for 1024 pictures need 4.0 GiB, more than 1.0 GiB. Lower --features',
    );
  });
});

describe('a probe', () => {
  let shapes: string;
  let run: string;
  beforeAll(async () => {
    shapes = writeSyntheticIdx(join(folder, 'shapes'), { train: 60, test: 20, classes: 4 });
    run = join(folder, 'run');
    await train({
      network: 'lenet',
      form: 'article',
      data: shapes,
      engine: reference,
      dtype: 'f32',
      out: run,
      overrides: { epochs: 1, batch: 20 },
      validation: 0,
      workers: 0,
    });
  }, 60_000);

  it('finds what pixels tell, learns nothing from dead features, and is the same for the same seed', async () => {
    const labels = Int32Array.from({ length: 14 }, (_, i) => i % 3);
    const tensors = new Map(subject.tensors);
    tensors.set('second.conv.weight', new Float32Array(6 * 5 * 9));
    tensors.set('second.conv.bias', new Float32Array(6));
    const request: ProbeRequest = {
      subject: { ...subject, tensors },
      train: { source, labels },
      test: { source, labels },
      classes: 3,
      engine: reference,
      dtype: 'f32',
      layers: ['pixels', 'second'],
      epochs: 60,
      batch: 7,
    };
    const [pixels, dead] = await probe(request);
    // Every third picture is a copy of its forerunner, with another label: one of the two must be wrong.
    expect(pixels?.train.top1Error).toBeCloseTo(100 * (4 / 14), 5);
    expect(dead?.train.top1Error).toBeGreaterThanOrEqual(100 * (1 - 5 / 14) - 1e-6);
    expect(await probe(request)).toEqual([pixels, dead]);
  });

  for (const [name, engine] of engines) {
    it.skipIf(engine === undefined)(`writes its table and figure, on ${name}`, async () => {
      const out = join(folder, name);
      const result = await makeProbe({
        network: 'lenet',
        weights: run,
        layers: ['pixels', 'conv1'],
        limit: 900,
        epochs: 10,
        batch: 10,
        engine: engine ?? reference,
        dtype: 'f32',
        data: shapes,
        out,
      });
      expect(JSON.parse(readFileSync(result.json, 'utf8'))).toEqual(result);
      expect(result).toMatchObject({ data: 'shapes', pictures: { train: 60, test: 20 }, classes: 4 });
      const [pixels, conv1] = result.layers;
      // A bright square in noise: any layer tells where it is.
      expect(pixels?.test.top1Error).toBe(0);
      expect(conv1?.test.top1Error).toBe(0);
      expect(conv1?.row.averaged).toBe(true);
      expect(readNpy(result.table)).toMatchObject({ shape: [2, 4], data: new Float32Array(8) });
      expect((await sharp(result.figure).metadata()).width).toBe(1920);
    });
  }

  it('takes data of other classes than the network’s, and so many pictures of each', async () => {
    const others = writeSyntheticIdx(join(folder, 'others'), { train: 30, test: 12, classes: 6 });
    const result = await makeProbe({
      network: 'lenet',
      weights: run,
      data: others,
      layers: ['pixels'],
      perClass: 2,
      epochs: 1,
      engine: reference,
      out: join(folder, 'transfer'),
    });
    expect(result).toMatchObject({ classes: 6, pictures: { train: 12, test: 12 }, perClass: 2 });
    expect(existsSync(result.figure)).toBe(true);
  });

  it('refuses in a sentence what it cannot do', async () => {
    const ask = { network: 'lenet', weights: run, data: shapes, engine: reference, out: folder };
    await expect(makeProbe({ ...ask, layers: ['conv9'] })).rejects.toThrow("no layer 'conv9'. Did you mean");
    await expect(makeProbe({ ...ask, data: 'fashion-mnst' })).rejects.toThrow('Did you mean fashion-mnist');
    const few = join(folder, 'few');
    for (const name of ['a', 'b']) {
      mkdirSync(join(few, name), { recursive: true });
      await sharp({ create: { width: 32, height: 32, channels: 3, background: '#888888' } })
        .png()
        .toFile(join(few, name, '1.png'));
    }
    await expect(makeProbe({ ...ask, data: few })).rejects.toThrow(
      'few has no test pictures. Choose more data, or a folder with train/ and test/.',
    );
    const preprocessing = { ...subject.preprocessing };
    await expect(openProbeData({ data: shapes, preprocessing, open: {}, seed: 1 })).rejects.toThrow(
      'The pictures of shapes have 1 channels, but the network takes 3.',
    );
  });
});
