// The parts that a training step may have: gathered gradients, frozen and slow layers, clipped filters, mixed labels.
// What PyTorch has too is held against it in test/torch-training.test.ts.
import { describe, expect, it } from 'vitest';
import type { Engine, Program } from '../engines/engine.ts';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { gradientError } from '../engines/reference/gradient-check.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { add, crossEntropy, flatten, globalAveragePool, multiply, relu } from '../graph/ops/index.ts';
import { streamOf, uniforms } from '../graph/random.ts';
import type { NumericArray } from '../graph/tensor.ts';
import { buildNetwork, type NetworkDescription } from '../nets/network.ts';
import {
  averageName,
  buildTrainingStep,
  gatheredName,
  momentumName,
  type ParameterGroup,
  rateFactor,
  type TrainingStepOptions,
} from './step.ts';

const optimizer = { momentum: 0.9, nesterov: false, weightDecay: 0.01, decayBiasAndNorm: true };
const { engine: oneDnn } = tryCreateOneDnnEngine();
const engines: readonly Engine[] = [createReferenceEngine(), ...(oneDnn ? [oneDnn] : [])];

/** Two convolutions, with batch norms if asked for, and a linear layer; wide enough for native steps. */
function description(norms: boolean): NetworkDescription {
  const form: NetworkDescription['forms']['imagenet'] = {
    channels: 3,
    height: 6,
    width: 6,
    classes: 5,
    build(x, net, classes) {
      x = net.conv(x, 'conv1', 20, 3);
      if (norms) x = net.batchNorm(x, 'bn1');
      x = net.conv(relu(x), 'conv2', 96, 3);
      if (norms) x = net.batchNorm(x, 'bn2');
      return net.linear(flatten(globalAveragePool(relu(x))), 'fc', classes);
    },
  };
  return { name: 'small', year: 0, paper: '', forms: { imagenet: form } };
}

const inLayer =
  (...layers: string[]) =>
  (name: string) =>
    layers.some((layer) => name.startsWith(`${layer}.`));

function compile(
  engine: Engine,
  batch: number,
  options: Partial<TrainingStepOptions>,
  norms = false,
): Program {
  const frozen = (name: string): boolean => rateFactor(options.groups, name) === 0;
  const network = buildNetwork(description(norms), { batch, training: true, frozen });
  return engine.compile(buildTrainingStep(network, { optimizer, ...options }).graph, { seed: 2 });
}

function pictures(batch: number, learningRate = 0.1): Record<string, NumericArray> {
  return {
    images: Float32Array.from(uniforms(1, streamOf('x'), batch * 108), (u) => 2 * u - 1),
    labels: Int32Array.from(uniforms(1, streamOf('y'), batch), (u) => Math.floor(u * 5)),
    learningRate: Float32Array.of(learningRate),
  };
}

function everything(program: Program): Map<string, Float32Array> {
  return new Map([...program.graph.states.keys()].map((name) => [name, program.read(name)]));
}

/** To the bit; vitest's own comparison of large arrays takes seconds. */
function expectSame(found: Float32Array | undefined, expected: Float32Array, what: string): void {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    Buffer.from(buffer, byteOffset, byteLength);
  expect(found !== undefined && bytes(found).equals(bytes(expected)), `${what} to the bit`).toBe(true);
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string) {
  const list = Array.from(expected);
  const largest = Math.max(...list.map(Math.abs)) || 1;
  const worst = Math.max(...list.map((value, i) => Math.abs((found[i] as number) - value)));
  expect(worst / largest, what).toBeLessThan(tolerance);
}

describe.each(engines)('on $name', (engine) => {
  it('4 steps of 3 pictures make the update of one step of 12, and move nothing before', () => {
    const whole = compile(engine, 12, {});
    const parts = compile(engine, 3, { accumulate: 4 });
    const feeds = pictures(12);
    for (let round = 0; round < 3; round++) {
      const before = everything(parts);
      const { loss } = whole.run(feeds);
      let sum = 0;
      for (let microStep = 0; microStep < 4; microStep++) {
        for (const [name, values] of before) {
          if (!name.endsWith('.gradient')) expectSame(parts.read(name), values, name);
        }
        const part = parts.run({
          ...feeds,
          images: feeds.images?.slice(microStep * 324, (microStep + 1) * 324) as Float32Array,
          labels: feeds.labels?.slice(microStep * 3, (microStep + 1) * 3) as Int32Array,
          microStep: Int32Array.of(microStep),
          updateWeight: Float32Array.of(1),
        });
        sum += part.loss?.[0] as number;
      }
      expect(sum / 4).toBeCloseTo(loss?.[0] as number, 5);
      for (const name of whole.graph.states.keys()) {
        expectClose(parts.read(name), whole.read(name), 1e-5, name);
      }
    }
  });

  it('a rest of 3 and 1 pictures, and one of 3 alone, make the updates of 4 and of 3', () => {
    const feeds = pictures(4);
    const part = (from: number, to: number) => ({
      ...feeds,
      images: feeds.images?.slice(from * 108, to * 108) as Float32Array,
      labels: feeds.labels?.slice(from, to) as Int32Array,
    });
    const [whole, three, one] = [compile(engine, 4, {}), compile(engine, 3, {}), [3, 1]] as const;
    const [gathering, single] = one.map((batch) => compile(engine, batch, { accumulate: 4 })) as [
      Program,
      Program,
    ];
    const step = (program: Program, pictures: object, microStep: number, weight: number) =>
      program.run({
        ...(pictures as typeof feeds),
        microStep: Int32Array.of(microStep),
        updateWeight: Float32Array.of(weight),
      });
    whole.run(feeds);
    step(gathering, part(0, 3), 0, (4 * 3) / 4);
    for (const [name, values] of everything(gathering)) single.write(name, values);
    step(single, part(3, 4), 3, (4 * 1) / 4);
    for (const name of whole.graph.states.keys())
      expectClose(single.read(name), whole.read(name), 1e-5, name);
    // What was gathered before counts for nothing.
    for (const [name, values] of everything(single)) gathering.write(name, values);
    for (const [name, values] of everything(whole)) three.write(name, values);
    three.run(part(0, 3));
    step(gathering, part(0, 3), -1, 4);
    for (const name of three.graph.states.keys()) {
      expectClose(gathering.read(name), three.read(name), 1e-5, name);
    }
  });

  it('goes on in the middle of an update from the states alone', () => {
    const feeds = {
      ...pictures(3),
      averageShare: Float32Array.of(0),
      updateWeight: Float32Array.of(1),
    };
    const step = (program: Program, microStep: number) =>
      program.run({ ...feeds, microStep: Int32Array.of(microStep) });
    const options = { accumulate: 3, average: true, optimizer: { ...optimizer, clipNorm: 0.1 } };
    const [through, resumed] = [compile(engine, 3, options), compile(engine, 3, options)];
    for (const microStep of [0, 1, 2, 0, 1]) step(through, microStep);
    for (const [name, values] of everything(through)) resumed.write(name, values);
    expect(step(resumed, 2)).toEqual(step(through, 2));
    for (const [name, values] of everything(through)) expectSame(resumed.read(name), values, name);
  });

  it('a filter whose RMS exceeds the limit is scaled back to it, and no other weight is touched', () => {
    const plain = compile(engine, 3, {});
    const clipped = compile(engine, 3, { optimizer: { ...optimizer, clipFilterRms: 0.08 } });
    plain.run(pictures(3));
    clipped.run(pictures(3));
    const [before, after] = [plain.read('conv2.weight'), clipped.read('conv2.weight')];
    const rmsOf = (values: Float32Array, filter: number): number =>
      Math.sqrt(
        values.slice(filter * 180, (filter + 1) * 180).reduce((sum, value) => sum + value * value, 0) / 180,
      );
    const [first, firstClipped] = [plain.read('conv1.weight'), clipped.read('conv1.weight')];
    for (let filter = 0; filter < 20; filter++) {
      const part = (values: Float32Array) => values.slice(filter * 27, (filter + 1) * 27);
      const rms = Math.hypot(...part(first)) / Math.sqrt(27);
      const expected = part(first).map((value) => value * Math.min(1, 0.08 / rms));
      expectClose(part(firstClipped), expected, 1e-5, `filter ${filter}`);
    }
    expect(rmsOf(before, 0)).toBeLessThan(0.08);
    expectClose(after, before, 1e-6, 'conv2.weight');
    for (const name of ['fc.weight', momentumName('conv1.weight')]) {
      expectSame(clipped.read(name), plain.read(name), name);
    }
  });

  it('frozen layers keep weights and statistics to the bit; all else moves', () => {
    const groups: ParameterGroup[] = [{ names: inLayer('conv1', 'bn1'), rate: 0 }];
    const program = compile(engine, 4, { groups, average: true }, true);
    const before = everything(program);
    program.run({ ...pictures(4), averageShare: Float32Array.of(0.5) });
    for (const [name, values] of before) {
      const moves = !inLayer('conv1', 'bn1')(name);
      if (moves) expect(program.read(name), name).not.toEqual(values);
      else expectSame(program.read(name), values, name);
    }
  });

  it('a rate is a factor of the learning rate, of decay too', () => {
    const slow = compile(engine, 4, { groups: [{ names: ['fc.weight', 'conv2.weight'], rate: 0.25 }] });
    const quarter = compile(engine, 4, {});
    const one = compile(engine, 4, {});
    slow.run(pictures(4));
    quarter.run(pictures(4, 0.025));
    one.run(pictures(4));
    for (const name of slow.graph.states.keys()) {
      const like = ['fc.weight', 'conv2.weight'].includes(name) ? quarter : one;
      expectClose(slow.read(name), like.read(name), 1e-6, name);
    }
  });

  it('pictures that are not mixed train as they do without the possibility', () => {
    const [mixed, plain] = [compile(engine, 4, { mix: true }), compile(engine, 4, {})];
    const feeds = pictures(4);
    const extras = { otherLabels: feeds.labels?.toReversed() as Int32Array, share: Float32Array.of(1) };
    const { loss, top1 } = plain.run(feeds);
    expect(mixed.run({ ...feeds, ...extras })).toEqual({ loss, top1, top5: Float32Array.of(4) });
    for (const [name, values] of everything(plain)) expectClose(mixed.read(name), values, 1e-6, name);
  });
});

describe('buildTrainingStep', () => {
  const build = (options: Partial<TrainingStepOptions>, norms = false) => {
    const frozen = (name: string): boolean => rateFactor(options.groups, name) === 0;
    const network = buildNetwork(description(norms), { batch: 2, training: true, frozen });
    return buildTrainingStep(network, { optimizer, ...options }).graph;
  };

  it('ends the backward pass at the lowest layer that is trained, and keeps nothing for those below', () => {
    const graph = build({ groups: [{ names: inLayer('conv1', 'bn1', 'conv2'), rate: 0 }] }, true);
    const paths = (op: string) => graph.nodes.filter((node) => node.op.name === op).map(({ path }) => path);
    expect(paths('convolutionBackwardData')).toEqual([]);
    expect(paths('convolutionBackwardWeights')).toEqual([]);
    expect(paths('batchNormTraining')).toEqual(['bn2']);
    expect(paths('batchNormInference')).toEqual(['bn1']);
    const kept = [...graph.states.keys()].filter((name) => name.endsWith('.momentum'));
    expect(kept).toEqual(['bn2.weight', 'bn2.bias', 'fc.weight', 'fc.bias'].map(momentumName));
  });

  it('passes through a frozen layer to a trained one below', () => {
    const graph = build({ groups: [{ names: inLayer('conv2', 'bn2', 'fc'), rate: 0 }] }, true);
    const weights = graph.nodes.filter(({ op }) => op.name.endsWith('BackwardWeights'));
    expect(weights.map(({ path }) => path)).toEqual(['conv1']);
    expect(graph.nodes.filter(({ op }) => op.name === 'batchNormBackward')).toHaveLength(2);
  });

  it('keeps a gathered gradient for what is trained, and averages for all that moves', () => {
    const graph = build(
      { accumulate: 2, average: true, groups: [{ names: inLayer('conv1', 'bn1'), rate: 0 }] },
      true,
    );
    const trained = ['conv2.weight', 'conv2.bias', 'bn2.weight', 'bn2.bias', 'fc.weight', 'fc.bias'];
    const named = (suffix: string) => [...graph.states.keys()].filter((name) => name.endsWith(suffix));
    expect(named('.gradient')).toEqual(trained.map(gatheredName));
    expect(new Set(named('.average'))).toEqual(
      new Set([...trained, 'bn2.running_mean', 'bn2.running_var'].map(averageName)),
    );
  });

  it('takes the first group that holds a name', () => {
    const groups = [
      { names: ['fc.bias'], rate: 2 },
      { names: inLayer('fc'), rate: 0 },
    ];
    expect(['fc.bias', 'fc.weight', 'conv1.bias'].map((name) => rateFactor(groups, name))).toEqual([2, 0, 1]);
  });

  it('refuses what cannot be meant', () => {
    expect(() => build({ groups: [{ names: () => true, rate: 0 }] })).toThrow('All weights are frozen');
    expect(() => build({ groups: [{ names: ['fc.wieght'], rate: 1 }] })).toThrow('Did you mean fc.weight');
    expect(() => build({ groups: [{ names: ['fc.bias'], rate: -1 }] })).toThrow('the rate -1');
    expect(() => build({ accumulate: 1.5 })).toThrow('accumulate is 1.5');
    const network = buildNetwork(description(true), { batch: 2, training: true });
    const groups = [{ names: inLayer('bn1'), rate: 0 }];
    expect(() => buildTrainingStep(network, { optimizer, groups })).toThrow("frozen batch norm 'bn1'");
  });

  it('refuses a micro-step that is none', () => {
    const network = buildNetwork(description(false), { batch: 3, training: true });
    const { graph } = buildTrainingStep(network, { optimizer, accumulate: 2 });
    const program = createReferenceEngine().compile(graph);
    const feeds = { ...pictures(3), updateWeight: Float32Array.of(1) };
    expect(() => program.run({ ...feeds, microStep: Int32Array.of(2) })).toThrow('from 0 to 1');
  });
});

it('the gradient of a mixed and smoothed loss is its slope', () => {
  const labels = { shape: [3], precision: 'index', values: Int32Array.of(2, 0, 3) } as const;
  const others = { ...labels, values: Int32Array.of(1, 0, 2) };
  const shares = {
    share: { shape: [], values: Float64Array.of(0.3) },
    rest: { shape: [], values: Float64Array.of(0.7) },
  };
  const error = gradientError({
    inputs: { logits: { shape: [3, 4] }, labels, others, ...shares },
    wanted: ['logits'],
    build: ({ logits, labels, others, share, rest }) => {
      if (!(logits && labels && others && share && rest)) throw new Error('no inputs');
      const loss = (target: typeof labels) => crossEntropy(logits, target, { labelSmoothing: 0.1 }).loss;
      return add(multiply(loss(labels), share), multiply(loss(others), rest));
    },
  });
  expect(error).toBeLessThan(1e-7);
});
