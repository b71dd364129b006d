import { describe, expect, it } from 'vitest';
import { randomStream } from '../data/random.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { flatten } from '../graph/ops/index.ts';
import { lenet } from '../nets/families/lenet.ts';
import { buildNetwork, type NetworkDescription } from '../nets/network.ts';
import { compilePrograms, type ProgramsOptions } from './programs.ts';
import { buildTrainingStep } from './step.ts';

const optimizer = { momentum: 0.9, nesterov: true, weightDecay: 1e-3, decayBiasAndNorm: true };
const engine = createReferenceEngine();

function options(description: NetworkDescription, batch: number): ProgramsOptions {
  const form = description.forms.article === undefined ? 'imagenet' : 'article';
  return { engine, dtype: 'f32', seed: 4, description, build: { form, batch }, step: { optimizer } };
}

function pictures(count: number, size: number): Float32Array {
  const random = randomStream(1, count);
  return Float32Array.from({ length: count * size }, () => random() - 0.5);
}

describe('compilePrograms', () => {
  it('trains on a small last batch as if it were all there is, and goes on from it', () => {
    const programs = compilePrograms(options(lenet, 3));
    // The same steps in one program: a place with label -1 counts for nothing.
    const network = buildNetwork(lenet, { form: 'article', batch: 3, training: true });
    const padded = engine.compile(buildTrainingStep(network, { optimizer }).graph, { seed: 4 });
    const learningRate = Float32Array.of(0.1);
    for (const count of [3, 2, 3, 1, 3]) {
      const images = pictures(count, 784);
      const labels = Int32Array.from({ length: count }, (_, i) => (3 * i + count) % 10);
      const { loss, top5 } = programs.step(images, labels, 0.1, 0);
      const full = { images: new Float32Array(3 * 784), labels: new Int32Array(3).fill(-1), learningRate };
      full.images.set(images);
      full.labels.set(labels);
      const expected = padded.run(full);
      expect(loss).toBeCloseTo(expected.loss?.[0] as number, 5);
      expect(top5).toBe(expected.top5?.[0]);
    }
    for (const [name, { data }] of [...programs.tensors('weights'), ...programs.tensors('optimizer')]) {
      const wanted = padded.read(name);
      for (const [i, value] of data.entries()) expect(value).toBeCloseTo(wanted[i] as number, 4);
    }
    programs.dispose();
  });

  it('tests with the newest weights, and gives back a state exactly', () => {
    const programs = compilePrograms(options(lenet, 2));
    const images = pictures(2, 784);
    const labels = Int32Array.of(1, 2);
    const test = () => programs.test().run({ images, labels }).loss?.[0] as number;
    const before = test();
    const saved = new Map(
      [...programs.tensors('weights'), ...programs.tensors('optimizer')].map(([name, { data }]) => [
        name,
        data,
      ]),
    );
    expect(programs.states.map(({ name }) => name).sort()).toEqual([...saved.keys()].sort());
    const first = programs.step(images, labels, 0.5, 0);
    expect(first.loss).toBeCloseTo(before, 5);
    const second = programs.step(images, labels, 0.5, 0);
    expect(test()).toBeLessThan(before);
    programs.restore(saved);
    expect(test()).toBe(before);
    expect(programs.step(images, labels, 0.5, 0)).toEqual(first);
    expect(programs.step(images, labels, 0.5, 0)).toEqual(second);
    expect(programs.parameterCount).toBe(44_426);
    programs.dispose();
  });

  it('feeds the seed of dropout', () => {
    const dropping: NetworkDescription = {
      name: 'dropping',
      year: 0,
      paper: '',
      forms: {
        imagenet: {
          channels: 1,
          height: 8,
          width: 8,
          classes: 4,
          build: (x, net, classes) => net.linear(net.dropout(flatten(x), 'drop', 0.5), 'fc', classes),
        },
      },
    };
    const programs = compilePrograms(options(dropping, 2));
    const loss = (seed: number) => programs.step(pictures(2, 64), Int32Array.of(0, 1), 0, seed).loss;
    expect(loss(5)).toBe(loss(5));
    expect(loss(5)).not.toBe(loss(6));
    programs.dispose();
  });
});
