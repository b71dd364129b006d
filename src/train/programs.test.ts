import { describe, expect, it } from 'vitest';
import { randomStream } from '../data/random.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { flatten } from '../graph/ops/index.ts';
import { lenet } from '../nets/families/lenet.ts';
import { buildNetwork, type NetworkDescription } from '../nets/network.ts';
import type { Tensor } from '../weights/tensor-file.ts';
import { compilePrograms, type ProgramsOptions, type TrainingPrograms, trainedName } from './programs.ts';
import { buildTestStep, buildTrainingStep } from './step.ts';

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

  describe('with averages', () => {
    const averaging = (): ProgramsOptions => {
      const plain = options(lenet, 2);
      return { ...plain, step: { ...plain.step, average: true } };
    };
    const feeds = { images: pictures(2, 784), labels: Int32Array.of(1, 2) };
    const step = (programs: TrainingPrograms, averageShare: number, count = 2) =>
      programs.step(feeds.images.subarray(0, count * 784), feeds.labels.subarray(0, count), 0.2, 0, {
        averageShare,
      });
    const of = (tensors: ReadonlyMap<string, Tensor>, name: string) =>
      tensors.get(name)?.data as Float32Array;

    it('starts them as the weights and moves them by the share, on small batches too', () => {
      const programs = compilePrograms(averaging());
      const plain = compilePrograms(options(lenet, 2));
      const expected = Float64Array.from(of(plain.tensors('weights'), 'fc3.weight'));
      expect(of(programs.tensors('weights'), 'fc3.weight')).toEqual(Float32Array.from(expected));
      for (const [share, count] of [
        [0.5, 2],
        [0, 1],
        [0.25, 1],
        [0.125, 2],
      ] as const) {
        step(programs, share, count);
        step(plain, 0, count);
        const trained = of(plain.tensors('weights'), 'fc3.weight');
        for (const [i, w] of trained.entries())
          expected[i] = (expected[i] as number) * (1 - share) + share * w;
      }
      const found = of(programs.tensors('weights'), 'fc3.weight');
      for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 6);
      const trained = of(programs.tensors('optimizer'), trainedName('fc3.weight'));
      expect(trained).toEqual(of(plain.tensors('weights'), 'fc3.weight'));
    });

    it('gives the plain mean of the weights for shares 1, 1/2, 1/3 ...', () => {
      const programs = compilePrograms(averaging());
      const seen: Float32Array[] = [];
      for (let n = 1; n <= 4; n++) {
        step(programs, 1 / n);
        seen.push(of(programs.tensors('optimizer'), trainedName('fc3.bias')));
      }
      const found = of(programs.tensors('weights'), 'fc3.bias');
      for (const [i, value] of found.entries()) {
        expect(value).toBeCloseTo(seen.reduce((sum, weights) => sum + (weights[i] as number), 0) / 4, 6);
      }
    });

    it('tests and names them as the weights, and goes on from both to the bit', () => {
      const programs = compilePrograms(averaging());
      step(programs, 0.5);
      const test = () => programs.test().run(feeds).loss?.[0] as number;
      const saved = new Map(
        [...programs.tensors('weights'), ...programs.tensors('optimizer')].map(([name, { data }]) => [
          name,
          data,
        ]),
      );
      expect(programs.states.map(({ name }) => name).sort()).toEqual([...saved.keys()].sort());
      const network = buildNetwork(lenet, { form: 'article', batch: 2 });
      expect([...programs.tensors('weights').keys()]).toEqual([...network.graph.states.keys()]);
      const fresh = engine.compile(buildTestStep(network).graph);
      for (const name of network.graph.states.keys()) fresh.write(name, saved.get(name) as Float32Array);
      const loss = test();
      expect(loss).toBe(fresh.run(feeds).loss?.[0]);

      const resumed = compilePrograms(averaging());
      resumed.restore(saved);
      expect(resumed.test().run(feeds).loss?.[0]).toBe(loss);
      expect(step(resumed, 0.5)).toEqual(step(programs, 0.5));
      for (const kind of ['weights', 'optimizer'] as const) {
        const [found, expected] = [resumed.tensors(kind), programs.tensors(kind)];
        for (const [name, { data }] of expected)
          expect(Buffer.from(of(found, name).buffer).equals(Buffer.from(data.buffer)), name).toBe(true);
      }
    });

    it('starts them from weights that are put in place of the drawn ones', () => {
      const programs = compilePrograms(averaging());
      const bias = new Float32Array(10).fill(0.5);
      programs.start(new Map([['fc3.bias', bias]]));
      expect(of(programs.tensors('weights'), 'fc3.bias')).toEqual(bias);
      expect(of(programs.tensors('optimizer'), trainedName('fc3.bias'))).toEqual(bias);
    });
  });

  it('tells the norm of the gradients on steps that update', () => {
    const plain = options(lenet, 2);
    const programs = compilePrograms({
      ...plain,
      step: { optimizer: { ...optimizer, clipNorm: 1 }, accumulate: 2, average: true },
    });
    const step = (microStep?: number) =>
      programs.step(pictures(2, 784), Int32Array.of(1, 2), 0.1, 0, { microStep, averageShare: 1 });
    expect(() => step()).toThrow('which of them');
    const before = programs.tensors('weights').get('fc3.bias')?.data;
    expect(step(0).gradientNorm).toBeUndefined();
    expect(programs.tensors('weights').get('fc3.bias')?.data).toEqual(before);
    expect(step(1).gradientNorm).toBeGreaterThan(0);
    expect(programs.tensors('weights').get('fc3.bias')?.data).not.toEqual(before);
  });

  it('counts what is trained', () => {
    const plain = options(lenet, 2);
    const groups = [{ names: (name: string) => !name.startsWith('fc3.'), rate: 0 }];
    expect(compilePrograms({ ...plain, step: { optimizer, groups } }).parameterCount).toBe(850);
  });

  it('starts weights by a scheme', () => {
    const programs = compilePrograms({ ...options(lenet, 2), initial: 'alexnet-2012' });
    const weights = programs.tensors('weights');
    expect(weights.get('conv2.bias')?.data[0]).toBe(1);
    expect(weights.get('fc3.bias')?.data[0]).toBe(0);
  });
});
