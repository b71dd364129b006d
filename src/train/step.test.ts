import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { flatten } from '../graph/ops/index.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork, type NetworkDescription } from '../nets/network.ts';
import { buildTestStep, buildTrainingStep, momentumName } from './step.ts';

const engine = createReferenceEngine();

/** One linear layer of 2 inputs and 3 classes: small enough to follow by hand. */
const linear: NetworkDescription = {
  name: 'linear',
  year: 0,
  paper: '',
  forms: {
    imagenet: {
      channels: 2,
      height: 1,
      width: 1,
      classes: 3,
      build: (x, net, classes) => net.linear(flatten(x), 'fc', classes),
    },
  },
};

const images = Float32Array.of(1, -2, 0.5, 3);
const labels = Int32Array.of(2, 0);

/** Loss and gradients of the linear network in double precision. */
function byHand(w: ArrayLike<number>, b: ArrayLike<number>, smoothing: number) {
  const gw = new Float64Array(6);
  const gb = new Float64Array(3);
  let loss = 0;
  for (let n = 0; n < 2; n++) {
    const x = [images[2 * n] as number, images[2 * n + 1] as number];
    const logits = [0, 1, 2].map(
      (c) => (b[c] as number) + x.reduce((s, v, i) => s + v * (w[2 * c + i] as number), 0),
    );
    const sum = logits.reduce((s, v) => s + Math.exp(v), 0);
    for (const [c, logit] of logits.entries()) {
      const target = (c === labels[n] ? 1 - smoothing : 0) + smoothing / 3;
      loss -= (target * (logit - Math.log(sum))) / 2;
      const slope = (Math.exp(logit) / sum - target) / 2;
      gb[c] = (gb[c] as number) + slope;
      for (const [i, v] of x.entries()) gw[2 * c + i] = (gw[2 * c + i] as number) + slope * v;
    }
  }
  return { loss, gw, gb };
}

describe.each([
  { momentum: 0.9, nesterov: false, weightDecay: 0.1, decayBiasAndNorm: true },
  { momentum: 0.9, nesterov: true, weightDecay: 0.1, decayBiasAndNorm: false },
  { momentum: 0, nesterov: false, weightDecay: 0, decayBiasAndNorm: true },
])('buildTrainingStep with %j', (optimizer) => {
  it('takes steps as torch.optim.SGD does', () => {
    const smoothing = 0.1;
    const network = buildNetwork(linear, { batch: 2, training: true });
    buildTrainingStep(network, { optimizer, labelSmoothing: smoothing });
    const program = engine.compile(network.graph, { dtype: 'f64', seed: 3 });
    const w = Float64Array.from(program.read('fc.weight'));
    const b = Float64Array.from(program.read('fc.bias'));
    // States are read as f32, so the start is made exact in f32 first.
    program.write('fc.weight', w);
    program.write('fc.bias', b);
    const vw = new Float64Array(6);
    const vb = new Float64Array(3);
    const rate = 0.25;
    for (let step = 0; step < 3; step++) {
      const { loss, gw, gb } = byHand(w, b, smoothing);
      const outputs = program.run({ images, labels, learningRate: Float32Array.of(rate) });
      expect(outputs.loss?.[0]).toBeCloseTo(loss, 10);
      for (const [values, slopes, velocities, decays] of [
        [w, gw, vw, true],
        [b, gb, vb, optimizer.decayBiasAndNorm],
      ] as const) {
        for (let i = 0; i < values.length; i++) {
          const g = (slopes[i] as number) + (decays ? optimizer.weightDecay : 0) * (values[i] as number);
          velocities[i] = optimizer.momentum * (velocities[i] as number) + g;
          const v = velocities[i] as number;
          values[i] = (values[i] as number) - rate * (optimizer.nesterov ? g + optimizer.momentum * v : v);
        }
      }
    }
    for (const [name, expected] of [
      ['fc.weight', w],
      ['fc.bias', b],
      [momentumName('fc.weight'), vw],
      [momentumName('fc.bias'), vb],
    ] as const) {
      const found = program.read(name);
      for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 6);
    }
  });
});

describe('steps of a network with batch norm', () => {
  it('keep momentum for parameters only, and update the running statistics', () => {
    const network = buildNetwork(findNetwork('resnet18'), { batch: 2, classes: 5, training: true });
    const optimizer = { momentum: 0.9, nesterov: false, weightDecay: 0, decayBiasAndNorm: true };
    const { graph } = buildTrainingStep(network, { optimizer });
    const roles = [...graph.states].map(([name, { source }]) => [
      name,
      source.kind === 'state' && source.role,
    ]);
    const parameters = roles.filter(([, role]) => role === 'parameter').map(([name]) => name as string);
    const velocities = roles.filter(([, role]) => role === 'optimizer').map(([name]) => name);
    expect(velocities).toEqual(parameters.map(momentumName));
    expect(new Set(graph.updates.keys())).toEqual(new Set(graph.states.keys()));
    const test = buildTestStep(buildNetwork(findNetwork('resnet18'), { batch: 2, classes: 5 }));
    const kept = roles.filter(([, role]) => role !== 'optimizer').map(([name]) => name);
    expect([...test.graph.states.keys()]).toEqual(kept);
    expect(test.graph.updates.size).toBe(0);
  });
});

describe('buildTestStep', () => {
  it('does not count pictures with label -1', () => {
    const { graph } = buildTestStep(buildNetwork(linear, { batch: 2 }));
    const program = engine.compile(graph, { seed: 3 });
    const all = program.run({ images, labels });
    const first = program.run({ images, labels: Int32Array.of(2, -1) });
    const second = program.run({ images, labels: Int32Array.of(-1, 0) });
    const mean = ((first.loss?.[0] as number) + (second.loss?.[0] as number)) / 2;
    expect(all.loss?.[0]).toBeCloseTo(mean, 6);
    expect(all.top5?.[0]).toBe(2);
    expect(first.top5?.[0]).toBe(1);
    const sum = (all.probabilities as Float32Array).slice(0, 3).reduce((a, b) => a + b);
    expect(sum).toBeCloseTo(1, 6);
  });
});
