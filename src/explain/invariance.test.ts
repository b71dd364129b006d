import { describe, expect, it } from 'vitest';
import type { Engine } from '../engines/engine.ts';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork, type Form } from '../nets/network.ts';
import { layerActivations } from './activations.ts';
import { measureInvariance } from './invariance.ts';
import { featureLayers } from './invariance-layers.ts';
import { transformInto, usualTransformations } from './invariance-transform.ts';
import { findLayer } from './layer.ts';
import { inputsOf } from './scan-input.ts';
import { noisePictures, tinyNetwork, tinySubject } from './top-testing.ts';

const native = tryCreateOneDnnEngine({ threads: 1 }).engine;
const reference = createReferenceEngine();
const subject = tinySubject();
const { source } = noisePictures(5);
const images = await inputsOf(source, subject.preprocessing, [0, 1, 3]);
const length = 3 * 10 * 12;
const size = { channels: 3, height: 10, width: 12 };

function transformed(
  image: Float32Array,
  ...how: [kind: 'translation' | 'scale' | 'rotation', amount: number]
) {
  const output = new Float32Array(image.length);
  transformInto(output, 0, image, size, ...how);
  return output;
}

for (const [name, engine] of [
  ['the reference engine', reference],
  ['oneDNN', native],
] as const) {
  describe.skipIf(engine === undefined)(`invariance on ${name}`, () => {
    it('is 0 at the identity, for every picture, layer and transformation', async () => {
      const result = await measureInvariance({
        ...subject,
        engine: engine as Engine,
        images,
        batch: 4,
        transformations: [
          { kind: 'translation', amounts: [2, 0] },
          { kind: 'scale', amounts: [1, 1.5] },
          { kind: 'rotation', amounts: [30, 0] },
        ],
      });
      expect(result.layers).toEqual(['first', 'mean']);
      for (const { amounts, kind, distance, relative, probability } of result.transformations) {
        const still = amounts.indexOf(kind === 'scale' ? 1 : 0);
        for (let i = 0; i < 2 * 3; i++) {
          expect(distance[2 * i + still]).toBe(0);
          expect(relative[2 * i + still]).toBe(0);
          expect(distance[2 * i + 1 - still]).toBeGreaterThan(1e-3);
        }
        for (let picture = 0; picture < 3; picture++) {
          expect(probability[2 * picture + still]).toBe(Math.fround(result.probabilities[picture] as number));
        }
      }
    });

    it('measures what the definition says', async () => {
      const result = await measureInvariance({
        ...subject,
        engine: engine as Engine,
        images,
        classes: [2, undefined, 0],
        layers: ['second', 'fc'],
        transformations: [{ kind: 'translation', amounts: [-3, 0, 3] }],
      });
      const [only] = result.transformations;
      const features = (image: Float32Array, path: string): Float32Array => {
        const network = tinyNetwork(1);
        const layer = findLayer(network, path);
        return layerActivations(engine as Engine, network, subject.tensors, layer, image, { dtype: 'f32' });
      };
      for (const [l, path] of ['second', 'fc'].entries()) {
        for (let picture = 0; picture < 3; picture++) {
          const image = images.subarray(picture * length, (picture + 1) * length);
          const [before, after] = [
            features(image, path),
            features(transformed(image, 'translation', 3), path),
          ];
          const distance = Math.hypot(...before.map((value, i) => value - (after[i] as number)));
          const place = (l * 3 + picture) * 3 + 2;
          expect(only?.distance[place]).toBeCloseTo(distance, 4);
          expect(only?.relative[place]).toBeCloseTo(distance / Math.hypot(...before), 4);
          expect(result.norms[l]?.[picture]).toBeCloseTo(Math.hypot(...before), 4);
        }
      }
      expect([result.classes[0], result.classes[2]]).toEqual([2, 0]);
    });
  });
}

describe('transformations', () => {
  const image = images.subarray(0, length);
  const pixel = (picture: Float32Array, c: number, y: number, x: number) => picture[(c * 10 + y) * 12 + x];

  it('move downwards by whole pixels exactly, and fill with the mean', () => {
    const moved = transformed(image, 'translation', 4);
    for (let x = 0; x < 12; x++) {
      expect(pixel(moved, 1, 3, x)).toBe(0);
      expect(pixel(moved, 1, 4, x)).toBe(pixel(image, 1, 0, x));
      expect(pixel(moved, 2, 9, x)).toBe(pixel(image, 2, 5, x));
    }
  });

  it('turn counter-clockwise about the centre', () => {
    const upsideDown = transformed(image, 'rotation', 180);
    expect(pixel(upsideDown, 0, 2, 3)).toBeCloseTo(pixel(image, 0, 7, 8) as number, 5);
    const square = { channels: 1, height: 4, width: 4 };
    const corner = new Float32Array(16);
    corner[3] = 1;
    const turned = new Float32Array(16);
    transformInto(turned, 0, corner, square, 'rotation', 90);
    // The upper right corner goes to the upper left.
    expect(turned[0]).toBeCloseTo(1, 5);
    expect(turned.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
  });

  it('enlarge about the centre', () => {
    const ramp = Float32Array.from({ length }, (_, i) => (i % 12) - 5.5);
    const large = transformed(ramp, 'scale', 2);
    expect(pixel(large, 0, 5, 0)).toBeCloseTo(-2.75, 5);
    expect(pixel(large, 0, 5, 11)).toBeCloseTo(2.75, 5);
  });

  it('have the ranges of the paper at 224 px', () => {
    const [translation, scale, rotation] = usualTransformations(224).map(({ amounts }) => amounts);
    expect([translation?.[0], translation?.at(-1), translation?.length]).toEqual([-60, 60, 25]);
    expect([scale?.[0], scale?.at(-1)]).toEqual([1, 1.8]);
    expect([rotation?.[0], rotation?.at(-1)]).toEqual([0, 360]);
    expect(usualTransformations(28)[0]?.amounts).toContain(0);
  });

  it('refuses amounts that are none', async () => {
    const request = { ...subject, engine: reference, images };
    const bad = (kind: 'scale' | 'rotation', amounts: number[]) =>
      measureInvariance({ ...request, transformations: [{ kind, amounts }] });
    await expect(bad('scale', [1, 0])).rejects.toThrow('scale got the amount 0, expected factors above 0.');
    await expect(bad('rotation', [])).rejects.toThrow('rotation got no amounts, expected numbers.');
    await expect(measureInvariance({ ...request, layers: ['frist'] })).rejects.toThrow(
      /no layer 'frist'.*first/,
    );
  });
});

describe('the first and the last layer of features', () => {
  it.each([
    ['zfnet', 'imagenet', ['relu1', 'relu7']],
    ['vgg16', 'imagenet', ['features.1', 'classifier.4']],
    ['googlenet', 'imagenet', ['conv1 (relu)', 'avgpool']],
    ['resnet18', 'imagenet', ['conv1 (relu)', 'avgpool']],
    ['lenet', 'imagenet', ['conv1 (tanh)', 'fc2 (tanh)']],
  ] as const)('of %s', (name, form, expected) => {
    const network = buildNetwork(findNetwork(name), { form: form as Form });
    expect(featureLayers(network).map(({ path }) => path)).toEqual(expected);
  });
});
