import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { openModel, writeWeights } from '../../evaluate/model.ts';
import { encodeModelInfo, type Preprocessing } from '../../evaluate/preprocessing.ts';
import { markOutput } from '../../graph/graph.ts';
import { findNetwork } from '../../nets/index.ts';
import { type BuildOptions, buildNetwork, type Network } from '../../nets/network.ts';
import { livelyWeights } from '../../weights/onnx/testing.ts';
import { writeSafetensors } from '../../weights/safetensors.ts';
import type { Tensor } from '../../weights/tensor-file.ts';
import { temporaryFolder } from '../testing.ts';
import { checksumOf, runPreprocessing, takeWeights } from './weights.ts';

let folder: string;
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true }));

const small: Preprocessing = {
  channels: 3,
  height: 32,
  width: 32,
  pad: 0,
  normalise: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] },
};

/** A file of a network's weights, changed as a test wants. */
function save(
  network: Network,
  name: string,
  change: (tensors: Map<string, Tensor>) => void = () => {},
  preprocessing: Preprocessing = small,
): string {
  const path = join(folder, name);
  const values = livelyWeights(network.graph);
  const tensors = new Map<string, Tensor>(
    [...network.graph.states].map(([state, { shape }]) => [
      state,
      { shape, data: values.get(state) as Float32Array },
    ]),
  );
  change(tensors);
  const { form, classes } = network;
  const names = Array.from({ length: classes }, (_, i) => `thing ${i}`);
  const info = { network: network.name, form, classes: names, dataset: 'things', preprocessing };
  writeSafetensors(path, tensors, encodeModelInfo(info));
  return path;
}

const resnet = (options: BuildOptions): Network => buildNetwork(findNetwork('resnet20'), options);

describe('taking weights over', () => {
  it('draws the head afresh for another number of classes, and keeps it for the same', () => {
    const path = save(resnet({ classes: 10 }), 'ten.safetensors');
    const model = openModel({ weights: path, training: true });
    const other = takeWeights(model, resnet({ classes: 3, training: true }), false);
    expect(other.drawn).toHaveLength(1);
    const [head] = other.drawn;
    expect(other.notes).toEqual([
      `The head ${head}, which told 10 classes apart, starts afresh for 3 classes.`,
    ]);
    expect(other.values.has(`${head}.weight`)).toBe(false);
    const states = [...resnet({}).graph.states.keys()];
    expect([...other.values.keys()]).toEqual(states.filter((name) => !name.startsWith(`${head}.`)));
    const same = takeWeights(model, resnet({ classes: 10, training: true }), false);
    expect(same.drawn).toEqual([]);
    expect([...same.values.keys()]).toEqual(states);
    expect(takeWeights(model, resnet({ classes: 10, training: true }), true).drawn).toEqual([head]);
  });

  it('names whatever else does not fit', () => {
    const change = (tensors: Map<string, Tensor>): void => {
      const first = [...tensors.keys()][0] as string;
      const { data } = tensors.get(first) as Tensor;
      tensors.set(first, { shape: [data.length], data });
      tensors.set('fcc.weight', { shape: [1], data: new Float32Array(1) });
    };
    const path = save(resnet({ classes: 10 }), 'wrong.safetensors', change);
    const model = openModel({ network: 'resnet20', weights: path, training: true });
    expect(() => takeWeights(model, resnet({ classes: 3, training: true }), false)).toThrow(
      /wrong\.safetensors does not fit the network: .*1 is unknown \(fcc\.weight.*1 has the wrong shape \(\S+ is 432, expected 16x3x3x3\)/,
    );
  });

  it('starts side heads afresh where the file has none, and takes them where it has', () => {
    const googlenet = (options: BuildOptions): Network => buildNetwork(findNetwork('googlenet'), options);
    const imagenet: Preprocessing = { ...small, height: 224, width: 224 };
    const without = save(googlenet({ classes: 4 }), 'plain.safetensors', undefined, imagenet);
    const training = googlenet({ classes: 4, training: true });
    const model = openModel({ weights: without, training: true });
    const { drawn, notes } = takeWeights(model, training, false);
    expect(drawn).toEqual(['aux1.conv', 'aux1.fc1', 'aux1.fc2', 'aux2.conv', 'aux2.fc1', 'aux2.fc2']);
    expect(notes).toEqual(['The side heads (aux1, aux2) are not in the file and start afresh.']);
    const withThem = save(training, 'trained.safetensors', undefined, imagenet);
    const trained = openModel({ weights: withThem, training: true });
    expect(trained.notes).toEqual([]);
    expect(takeWeights(trained, training, false).drawn).toEqual([]);
    const five = googlenet({ classes: 5, training: true });
    expect(takeWeights(trained, five, false).drawn).toEqual(['fc', 'aux1.fc2', 'aux2.fc2']);
  });

  it('turns weights for BGR into the same network for RGB', () => {
    const preprocessing: Preprocessing = { ...small, order: 'BGR' };
    const path = save(resnet({ classes: 4 }), 'bgr.safetensors', undefined, preprocessing);
    const model = openModel({ weights: path, training: true });
    const { values } = takeWeights(model, resnet({ classes: 4, training: true }), false, {
      order: 'BGR',
    });
    expect(runPreprocessing(preprocessing)).toEqual({
      ...small,
      normalise: { mean: [0.3, 0.4, 0.5], std: [0.3, 0.25, 0.2] },
    });
    const plane = 32 * 32;
    const bgr = Float32Array.from({ length: 3 * plane }, (_, i) => Math.sin(i * i));
    const rgb = new Float32Array(3 * plane);
    for (let c = 0; c < 3; c++) rgb.set(bgr.subarray((2 - c) * plane, (3 - c) * plane), c * plane);
    const run = (weights: ReadonlyMap<string, Float32Array>, images: Float32Array): number[] => {
      const network = resnet({ classes: 4 });
      markOutput('logits', network.logits);
      const program = createReferenceEngine().compile(network.graph);
      writeWeights(program, weights);
      return Array.from(program.run({ images }).logits as Float32Array);
    };
    const theirs = new Map([...model.file.tensors].map(([name, { data }]) => [name, data]));
    const [before, after] = [run(theirs, bgr), run(values, rgb)];
    for (const [i, logit] of before.entries()) expect(after[i]).toBeCloseTo(logit, 4);
    expect(run(theirs, rgb)[0]).not.toBeCloseTo(before[0] as number, 4);
  });

  it('has a checksum over names and numbers', () => {
    const one = new Map([['a', Float32Array.of(1, 2)]]);
    expect(checksumOf(one)).toBe(checksumOf(new Map(one)));
    expect(checksumOf(one)).not.toBe(checksumOf(new Map([['b', Float32Array.of(1, 2)]])));
    expect(checksumOf(one)).not.toBe(checksumOf(new Map([['a', Float32Array.of(1, 3)]])));
  });
});
