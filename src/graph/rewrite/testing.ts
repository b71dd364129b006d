// For tests of rewrites: training steps of networks that are drawn from a seed, small enough for the reference engine,
// of the layers that networks here have, in any order: residual and dense joins, gates, pools, dropout, side heads.
import { gradients } from '../autodiff.ts';
import { createGraph, type Graph, input, markOutput, scope, state, update, type Value } from '../graph.ts';
import {
  add,
  averagePool,
  batchNorm,
  concat,
  convolution,
  crossEntropy,
  dropout,
  flatten,
  globalAveragePool,
  linear,
  lrn,
  maxPool,
  multiply,
  relu,
  sgd,
  sigmoid,
} from '../ops/index.ts';
import { hash, uniforms } from '../random.ts';
import { elementCount, type NumericArray } from '../tensor.ts';

export interface RandomStep {
  readonly graph: Graph;
  feeds(): Record<string, NumericArray>;
}

/** A training step of about `layers` layers. */
export function randomStep(seed: number, layers: number, size = 8): RandomStep {
  const graph = createGraph();
  let draws = 0;
  const pick = (below: number): number => hash(seed, 1, draws++) % below;
  const images = input(graph, 'images', [2, 4, size, size]);
  const labels = input(graph, 'labels', [2], 'index');
  const rate = input(graph, 'rate', [], 'full');
  const dropoutSeed = input(graph, 'dropoutSeed', [], 'index');
  const parameter = (name: string, shape: readonly number[], bound: number): Value =>
    state(graph, name, shape, 'parameter', { kind: 'uniform', bound });
  const layer = (name: string, x: Value, outputs: number, kernel: number): Value => {
    const inputs = x.shape[1] as number;
    const bound = Math.sqrt(3 / (inputs * kernel * kernel));
    const bias = pick(2) === 0 ? parameter(`${name}.bias`, [outputs], 0.3) : undefined;
    const w = parameter(`${name}.weight`, [outputs, inputs, kernel, kernel], bound);
    return convolution(x, w, bias, { padding: (kernel - 1) / 2 });
  };
  const norm = (name: string, x: Value): Value => {
    const vector = (suffix: string, value: number, role: 'parameter' | 'buffer'): Value =>
      state(graph, `${name}.${suffix}`, [x.shape[1] as number], role, { kind: 'constant', value });
    const parameters = {
      gamma: vector('weight', 1, 'parameter'),
      beta: vector('bias', 0.1, 'parameter'),
      runningMean: vector('running_mean', 0, 'buffer'),
      runningVariance: vector('running_var', 1, 'buffer'),
    };
    return batchNorm(x, parameters, { epsilon: 1e-5, momentum: 0.1, training: true });
  };
  const gate = (name: string, x: Value): Value => {
    const channels = x.shape[1] as number;
    const squeezed = relu(layer(`${name}.fc1`, globalAveragePool(x), 2, 1));
    return multiply(x, sigmoid(layer(`${name}.fc2`, squeezed, channels, 1)));
  };

  let x = images;
  let earlier = images;
  const heads: Value[] = [];
  const head = (name: string, from: Value): Value => {
    const features = flatten(globalAveragePool(from));
    const w = parameter(`${name}.weight`, [5, features.shape[1] as number], 0.5);
    return crossEntropy(linear(features, w), labels).loss;
  };
  for (let i = 0; i < layers; i++) {
    const name = `layer${i}`;
    x = scope(graph, name, () => {
      const [, channels, height] = x.shape as [number, number, number];
      switch (pick(10)) {
        case 0:
          return relu(layer(name, x, 4 + 2 * pick(3), 1 + 2 * pick(2)));
        case 1:
        case 2:
        case 3:
          return relu(norm(`${name}.bn`, layer(name, x, 4 + 2 * pick(3), 3)));
        case 4: {
          const same = earlier.shape[1] === channels && earlier.shape[2] === height;
          const branch = norm(`${name}.bn`, layer(name, x, channels, 3));
          return relu(add(branch, same ? earlier : x));
        }
        case 5:
          return concat([x, relu(norm(`${name}.bn`, layer(name, x, 2, 1)))]);
        case 6:
          return height > 2 ? maxPool(x, { kernel: 3, stride: 2, padding: 1 }) : relu(x);
        case 7:
          return gate(name, norm(`${name}.bn`, layer(name, x, channels, 1)));
        case 8:
          return pick(2) === 0 ? lrn(x) : averagePool(x, { kernel: 3, stride: 1, padding: 1 });
        default:
          return dropout(x, dropoutSeed, { rate: 0.3, stream: i });
      }
    });
    if (pick(3) === 0) earlier = x;
    if (pick(8) === 0) heads.push(head(`side${i}`, x));
  }
  const loss = [...heads, head('head', x)].reduce((sum, one) => add(sum, one));
  markOutput('loss', loss);
  if (pick(2) === 0) markOutput('seen', earlier);
  train(graph, loss, rate);
  return {
    graph,
    feeds: () => ({
      images: Float32Array.from(uniforms(seed, 2, elementCount(images.shape)), (u) => 2 * u - 1),
      labels: Int32Array.of(1, 4),
      rate: Float32Array.of(0.05),
      dropoutSeed: Int32Array.of(seed),
    }),
  };
}

function train(graph: Graph, loss: Value, rate: Value): void {
  const weights = [...graph.states].filter(
    ([, { source }]) => source.kind === 'state' && source.role === 'parameter',
  );
  const found = gradients(
    loss,
    weights.map(([, weight]) => weight),
  );
  for (const [i, [name, weight]] of weights.entries()) {
    const velocity = state(graph, `${name}.momentum`, weight.shape, 'optimizer', {
      kind: 'constant',
      value: 0,
    });
    const attributes = { momentum: 0.9, weightDecay: 1e-3, nesterov: false };
    const step = sgd(weight, found[i] as Value, velocity, rate, attributes);
    update(weight, step.weights);
    update(velocity, step.velocity);
  }
}
