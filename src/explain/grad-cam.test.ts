import { describe, expect, it } from 'vitest';
import type { Engine } from '../engines/engine.ts';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { gradients } from '../graph/autodiff.ts';
import { constant, markOutput } from '../graph/graph.ts';
import { multiply } from '../graph/ops/index.ts';
import { layerActivations } from './activations.ts';
import { createGradCam, findClass, type GradCam, lastSpatialLayer } from './grad-cam.ts';
import { findLayer } from './layer.ts';
import { inputsOf } from './scan-input.ts';
import { noisePictures, tinyNetwork, tinySubject } from './top-testing.ts';

const reference = createReferenceEngine();
const native = tryCreateOneDnnEngine({ threads: 1 }).engine;
const subject = tinySubject();
const { source } = noisePictures(4);
const images = await inputsOf(source, subject.preprocessing, [0, 1, 3]);
const batch = 3;
const dtype = 'f32';

function explain(engine: Engine, path: string, classes: readonly (number | undefined)[]): GradCam[] {
  const network = tinyNetwork(batch);
  const explainer = createGradCam(engine, network, subject.tensors, findLayer(network, path), { dtype });
  try {
    return explainer.explain(images, classes);
  } finally {
    explainer.dispose();
  }
}

function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(got.length).toBe(expected.length);
  for (let i = 0; i < got.length; i++) expect(got[i]).toBeCloseTo(expected[i] as number, 5);
}

for (const [name, engine] of [
  ['the reference engine', reference],
  ['oneDNN', native],
] as const) {
  describe.skipIf(engine === undefined)(`Grad-CAM on ${name}`, () => {
    it('is the class activation map where only the mean and a linear layer follow', () => {
      const network = tinyNetwork(batch);
      const layer = findLayer(network, 'second');
      const { units, height, width } = layer;
      const plane = height * width;
      const maps = layerActivations(reference, network, subject.tensors, layer, images, { dtype });
      const head = subject.tensors.get('fc.weight') as Float32Array;
      const classes = [2, 0, 1];
      for (const [i, { class: c, map, weights }] of explain(engine as Engine, 'second', classes).entries()) {
        expect(c).toBe(classes[i]);
        // d logit_c / d A_k is W[c][k] / (H W) everywhere.
        const alphas = Array.from({ length: units }, (_, k) => (head[c * units + k] as number) / plane);
        expectClose(weights, alphas);
        const sums = Array.from({ length: plane }, (_, at) => {
          const terms = alphas.map((alpha, k) => alpha * (maps[(i * units + k) * plane + at] as number));
          return Math.max(
            0,
            terms.reduce((sum, term) => sum + term, 0),
          );
        });
        expectClose(map, sums);
      }
    });

    it('takes the mean of the gradient that autodiff gives of the logit alone', () => {
      const classes = [1, 2, 0];
      const network = tinyNetwork(batch);
      const layer = findLayer(network, 'first');
      const { units, height, width } = layer;
      const plane = height * width;
      const chosen = new Float32Array(batch * 3);
      for (const [i, c] of classes.entries()) chosen[i * 3 + c] = 1;
      const alone = multiply(network.logits, constant(network.graph, [batch, 3], chosen));
      markOutput('gradient', gradients(alone, [layer.value])[0] as typeof alone);
      const program = reference.compile(network.graph, { dtype });
      for (const [state, values] of subject.tensors) program.write(state, values);
      const gradient = program.run({ images }).gradient as Float32Array;
      const means = explain(engine as Engine, 'first', classes).map(({ weights }) => weights);
      for (let i = 0; i < batch; i++) {
        const expected = Array.from({ length: units }, (_, k) => {
          const start = (i * units + k) * plane;
          return gradient.subarray(start, start + plane).reduce((sum, value) => sum + value, 0) / plane;
        });
        expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(1e-4);
        expectClose(means[i] as Float32Array, expected);
      }
    });

    it('explains the most probable class where none is named', () => {
      const free = explain(engine as Engine, 'second', [undefined, undefined, undefined]);
      for (const [i, { class: c, probabilities, map }] of free.entries()) {
        expect(probabilities[c]).toBe(Math.max(...probabilities));
        expect(probabilities.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 10);
        const named = explain(
          engine as Engine,
          'second',
          [0, 1, 2].map((each) => (each === i ? c : 0)),
        );
        expect(named[i]?.map).toEqual(map);
      }
    });
  });
}

describe('the layer and the class', () => {
  it('is the last one whose maps are larger than one value', () => {
    expect(lastSpatialLayer(tinyNetwork(1))).toBe('second');
  });

  it('refuses a layer without maps', () => {
    expect(() => explain(reference, 'fc', [0])).toThrow(/fc gives one value per unit/);
  });

  it('finds classes by number, by name and by one of several names', () => {
    const names = ['tench, Tinca tinca', 'goldfish'];
    expect(findClass('1', 2, names)).toBe(1);
    expect(findClass('Goldfish', 2, names)).toBe(1);
    expect(findClass('tinca tinca', 2, names)).toBe(0);
    expect(() => findClass('2', 2, names)).toThrow('There is no class 2; the network has 2, 0 to 1.');
    expect(() => findClass('goldfihs', 2, names)).toThrow(/Did you mean goldfish/);
  });
});
