// Composed graphs: the blocks of the champions with their gradients and optimiser, in the forms that tempt an
// engine to fuse, reorder and work in place, and values that are wanted twice, which forbid it.
// A gradient jumps where a ReLU's input crosses 0 or a pool's winner changes, and bf16 moves some of them across:
// if it flips a share f of a mask, gradients differ by about sqrt(f). So most graphs keep their ReLUs away from
// 0 by biases (the ReLU's own cases test its mask); those named "kinks" do not and allow for it in bf16.
import { gradients } from '../../graph/autodiff.ts';
import { type Graph, markOutput, state, update, type Value } from '../../graph/graph.ts';
import { add } from '../../graph/ops/add.ts';
import { averagePool, globalAveragePool } from '../../graph/ops/average-pool.ts';
import { batchNorm } from '../../graph/ops/batch-norm.ts';
import { concat } from '../../graph/ops/concat.ts';
import { type ConvolutionOptions, convolution } from '../../graph/ops/convolution.ts';
import { crossEntropy } from '../../graph/ops/cross-entropy.ts';
import { dropout } from '../../graph/ops/dropout.ts';
import { linear } from '../../graph/ops/linear.ts';
import { lrn } from '../../graph/ops/lrn.ts';
import { maxPool } from '../../graph/ops/max-pool.ts';
import { multiply } from '../../graph/ops/multiply.ts';
import { relu } from '../../graph/ops/relu.ts';
import { flatten } from '../../graph/ops/reshape.ts';
import { sgd } from '../../graph/ops/sgd.ts';
import { sigmoid } from '../../graph/ops/sigmoid.ts';
import { shortcutA } from '../../graph/ops/slice-pad.ts';
import { softmax } from '../../graph/ops/softmax.ts';
import { tanh } from '../../graph/ops/tanh.ts';
import { distinct, exactly, graphCase, grid, labels, type OpCase, rectified } from './case.ts';

const KINKS = 0.75;

interface LayerOptions {
  readonly training?: boolean;
  /** Let inputs of ReLUs lie around 0. */
  readonly kinks?: boolean;
}

/** Layers with weights of their own: uniform, with a bound that keeps the variance (or halves the deviation). */
function layers(graph: Graph, { training = true, kinks = false }: LayerOptions = {}) {
  const offset = (name: string, count: number, value: number): Value =>
    state(
      graph,
      name,
      [count],
      'parameter',
      kinks ? { kind: 'uniform', bound: 0.3 } : { kind: 'constant', value },
    );
  const gain = kinks ? 3 : 0.75;
  const parameter = (name: string, shape: readonly number[], bound: number): Value =>
    state(graph, name, shape, 'parameter', { kind: 'uniform', bound });
  return {
    conv(
      name: string,
      x: Value,
      outputs: number,
      kernel: number,
      options: ConvolutionOptions & { bias?: boolean } = {},
    ) {
      const inputs = (x.shape[1] as number) / (options.groups ?? 1);
      const bound = Math.sqrt(gain / (inputs * kernel * kernel));
      const b = options.bias ? offset(`${name}.bias`, outputs, 2) : undefined;
      return convolution(
        x,
        parameter(`${name}.weight`, [outputs, inputs, kernel, kernel], bound),
        b,
        options,
      );
    },
    dense(name: string, x: Value, outputs: number) {
      const inputs = x.shape[1] as number;
      const w = parameter(`${name}.weight`, [outputs, inputs], Math.sqrt(3 / inputs));
      return linear(x, w, parameter(`${name}.bias`, [outputs], 0.2));
    },
    norm(name: string, x: Value) {
      const c = [x.shape[1] as number];
      const gamma = state(graph, `${name}.weight`, c, 'parameter', {
        kind: 'constant',
        value: kinks ? 1 : 0.5,
      });
      const runningMean = state(graph, `${name}.running_mean`, c, 'buffer', { kind: 'uniform', bound: 0.2 });
      const runningVariance = state(graph, `${name}.running_var`, c, 'buffer', {
        kind: 'constant',
        value: 0.8,
      });
      const parameters = {
        gamma,
        beta: offset(`${name}.bias`, c[0] as number, 1.5),
        runningMean,
        runningVariance,
      };
      return batchNorm(x, parameters, { epsilon: 1e-5, momentum: 0.1, training });
    },
  };
}

/** Marks the loss, the gradients of all parameters, and adds an optimiser step for each. */
function train(graph: Graph, loss: Value, lr: Value): void {
  markOutput('loss', loss);
  const parameters = [...graph.states].filter(
    ([, { source }]) => source.kind === 'state' && source.role === 'parameter',
  );
  const slopes = gradients(
    loss,
    parameters.map(([, value]) => value),
  );
  parameters.forEach(([name, w], i) => {
    const g = slopes[i] as Value;
    markOutput(`d ${name}`, g);
    const v = state(graph, `${name}.momentum`, w.shape, 'optimizer', { kind: 'constant', value: 0 });
    const next = sgd(w, g, v, lr, { momentum: 0.9, weightDecay: 5e-4, nesterov: false });
    update(w, next.weights);
    update(v, next.velocity);
  });
}

const lr = exactly([], 'full', [0.002]);
const seed = exactly([], 'index', [99]);

function residual(name: string, stride: number, channels: number, options: LayerOptions): OpCase {
  const { training = true, kinks = false } = options;
  const feeds = { x: kinks ? grid(4, 16, 8, 8) : rectified(4, 16, 8, 8), target: labels(4, 10), lr };
  return graphCase(
    'graph',
    name,
    feeds,
    (v, graph) => {
      const { conv, norm, dense } = layers(graph, options);
      const first = relu(norm('bn1', conv('conv1', v.x, channels, 3, { stride, padding: 1 })));
      const second = norm('bn2', conv('conv2', first, channels, 3, { padding: 1 }));
      const plain = stride === 1 && channels === 16;
      const shortcut = plain ? v.x : norm('downsample.1', conv('downsample.0', v.x, channels, 1, { stride }));
      const y = relu(add(second, shortcut));
      const logits = dense('fc', flatten(averagePool(y, { kernel: 2 })), 10);
      markOutput('logits', logits);
      const { loss } = crossEntropy(logits, v.target);
      if (training) train(graph, loss, v.lr);
      else markOutput('y', y);
    },
    kinks && training ? { bf16: KINKS } : {},
  );
}

const residualCases: readonly OpCase[] = [
  residual('residual block, training step', 1, 16, {}),
  residual('residual block with projection, training step', 2, 32, {}),
  residual('residual block, kinks, training step', 1, 16, { kinks: true }),
  residual('residual block with projection, kinks, training step', 2, 32, { kinks: true }),
  residual('residual block, inference', 1, 16, { training: false, kinks: true }),
  residual('residual block with projection, inference', 2, 32, { training: false, kinks: true }),
  graphCase(
    'graph',
    'two residual blocks with option A',
    { x: grid(2, 8, 8, 8), target: labels(2, 5), lr },
    (v, graph) => {
      const { conv, norm, dense } = layers(graph);
      const block = (name: string, x: Value, channels: number, stride: number): Value => {
        const a = relu(norm(`${name}.bn1`, conv(`${name}.conv1`, x, channels, 3, { stride, padding: 1 })));
        const b = norm(`${name}.bn2`, conv(`${name}.conv2`, a, channels, 3, { padding: 1 }));
        return relu(add(b, shortcutA(x, channels, stride)));
      };
      const stem = relu(norm('bn', conv('conv', v.x, 8, 3, { padding: 1 })));
      const y = block('2', block('1', stem, 8, 1), 16, 2);
      train(graph, crossEntropy(dense('fc', flatten(averagePool(y, { kernel: 2 })), 5), v.target).loss, v.lr);
    },
  ),
];

export const graphCases: readonly OpCase[] = [
  ...residualCases,
  graphCase(
    'graph',
    'inception module, training step',
    { x: distinct(2, 12, 6, 6), target: labels(2, 7), lr },
    (v, graph) => {
      const { conv, dense } = layers(graph);
      const branches = [
        relu(conv('1x1', v.x, 8, 1, { bias: true })),
        relu(
          conv('3x3', relu(conv('3x3_reduce', v.x, 6, 1, { bias: true })), 16, 3, { padding: 1, bias: true }),
        ),
        relu(
          conv('5x5', relu(conv('5x5_reduce', v.x, 3, 1, { bias: true })), 5, 5, { padding: 2, bias: true }),
        ),
        relu(conv('pool_proj', maxPool(v.x, { kernel: 3, stride: 1, padding: 1 }), 4, 1, { bias: true })),
      ];
      const y = averagePool(concat(branches), { kernel: 3, stride: 1, padding: 1 });
      markOutput('y', y);
      train(graph, crossEntropy(dense('fc', flatten(averagePool(y, { kernel: 2 })), 7), v.target).loss, v.lr);
    },
  ),
  graphCase(
    'graph',
    'squeeze-and-excitation, training step',
    { x: rectified(3, 16, 6, 6), target: labels(3, 6), lr },
    (v, graph) => {
      const { conv, norm, dense } = layers(graph);
      const body = norm('bn', conv('conv', v.x, 16, 3, { padding: 1, groups: 4 }));
      const squeezed = relu(conv('fc1', globalAveragePool(body), 4, 1, { bias: true }));
      const gate = sigmoid(conv('fc2', squeezed, 16, 1, { bias: true }));
      const y = relu(add(multiply(body, gate), v.x));
      train(graph, crossEntropy(dense('fc', flatten(averagePool(y, { kernel: 2 })), 6), v.target).loss, v.lr);
    },
  ),
  graphCase(
    'graph',
    'AlexNet in small, kinks, training step',
    { x: grid(2, 3, 31, 31), target: labels(2, 9), lr, seed },
    (v, graph) => {
      const { conv, dense } = layers(graph, { kinks: true });
      const pool = { kernel: 3, stride: 2 };
      const first = maxPool(
        lrn(relu(conv('conv1', v.x, 16, 5, { stride: 2, bias: true })), { alpha: 0.01 }),
        pool,
      );
      const second = relu(conv('conv2', first, 24, 3, { padding: 1, groups: 2, bias: true }));
      const features = flatten(maxPool(lrn(second, { alpha: 0.01 }), pool));
      const hidden = relu(dense('fc6', dropout(features, v.seed, { rate: 0.5, stream: 0 }), 32));
      const logits = dense('fc8', dropout(hidden, v.seed, { rate: 0.5, stream: 1 }), 9);
      train(graph, crossEntropy(logits, v.target, { labelSmoothing: 0.1 }).loss, v.lr);
    },
    { bf16: KINKS },
  ),
  graphCase(
    'graph',
    'LeNet in small, training step',
    { x: grid(3, 1, 16, 16), target: labels(3, 10), lr },
    (v, graph) => {
      const { conv, dense } = layers(graph, { kinks: true });
      const first = averagePool(tanh(conv('conv1', v.x, 6, 5, { padding: 2, bias: true })), { kernel: 2 });
      const second = averagePool(tanh(conv('conv2', first, 16, 5, { bias: true })), { kernel: 2 });
      const hidden = tanh(dense('fc1', flatten(second), 20));
      train(graph, crossEntropy(dense('fc2', hidden, 10), v.target).loss, v.lr);
    },
  ),
  graphCase(
    'graph',
    'values that are wanted before and after',
    { x: grid(2, 16, 6, 6), dx: grid(2, 16, 6, 6) },
    (v, graph) => {
      const { conv, norm } = layers(graph, { training: false, kinks: true });
      const c = conv('conv', v.x, 16, 3, { padding: 1, bias: true });
      const n = norm('bn', c);
      const r = relu(n);
      const sum = add(r, v.dx);
      const last = relu(sum);
      for (const [name, value] of Object.entries({ c, n, r, sum, last, again: add(c, last) }))
        markOutput(name, value);
    },
  ),
  graphCase(
    'graph',
    'inputs, states and updates as results',
    { x: grid(2, 5), y: grid(2, 5) },
    (v, graph) => {
      const w = state(graph, 'w', [2, 5], 'parameter', { kind: 'normal', deviation: 1 });
      const swapped = state(graph, 'swapped', [2, 5], 'buffer', { kind: 'normal', deviation: 2 });
      update(w, swapped);
      update(swapped, w);
      markOutput('x', v.x);
      markOutput('w', w);
      markOutput('once', add(v.x, v.y));
      markOutput('twice', graph.outputs.get('once') as Value);
    },
  ),
  graphCase('graph', 'classifier with probabilities', { x: grid(2, 3, 9, 9) }, (v, graph) => {
    const { conv, norm, dense } = layers(graph, { training: false, kinks: true });
    const y = relu(norm('bn', conv('conv', v.x, 17, 3, { stride: 2, padding: 1 })));
    markOutput('probabilities', softmax(dense('fc', flatten(maxPool(y, { kernel: 2, ceil: true })), 11)));
  }),
  ...[16, 20].flatMap((channels) =>
    [true, false].map((rectify) =>
      graphCase(
        'graph',
        `residual blocks without batch norm, ${channels} channels, ${rectify ? '' : 'no '}ReLU behind sums, inference`,
        { x: grid(2, 3, 8, 8) },
        (v, graph) => {
          const { conv } = layers(graph, { training: false, kinks: true });
          const end = (y: Value): Value => (rectify ? relu(y) : y);
          const stem = relu(conv('stem', v.x, channels, 3, { padding: 1, bias: true }));
          // The shortcut is free to be written over; then one that another reads; then a convolution's own result.
          const a1 = relu(conv('a1', stem, channels, 3, { padding: 1, bias: true }));
          const a = end(add(conv('a2', a1, channels, 3, { padding: 1, bias: true }), stem));
          const b1 = relu(conv('b1', a, channels, 1, { bias: true }));
          const b = end(add(a, conv('b2', b1, channels, 3, { padding: 1 })));
          const c1 = conv('c1', relu(conv('c0', b, channels, 1)), channels, 3, { stride: 2, padding: 1 });
          const c = end(add(c1, conv('c.shortcut', b, channels, 1, { stride: 2, bias: true })));
          const d = conv('d', c, channels, 1);
          for (const [name, value] of Object.entries({
            c,
            twice: add(d, d),
            last: add(conv('e', c, channels, 1), c),
          }))
            markOutput(name, value);
          markOutput('late', add(a, relu(conv('f', a, channels, 1))));
        },
      ),
    ),
  ),
  graphCase(
    'graph',
    'a sum that a convolution and a batch norm or a gate could both take in',
    { x: grid(2, 16, 8, 8), gate: rectified(2, 16, 1, 1) },
    (v, graph) => {
      const { conv, norm } = layers(graph, { training: false, kinks: true });
      const normed = norm('bn', conv('a', v.x, 16, 3, { padding: 1 }));
      const first = relu(add(normed, conv('b', v.x, 16, 1)));
      const gated = multiply(first, v.gate);
      markOutput('y', add(conv('c', first, 16, 3, { padding: 1 }), gated));
      markOutput('z', add(norm('bn2', first), multiply(norm('bn3', first), v.gate)));
    },
  ),
  graphCase(
    'graph',
    'convolutions, ReLUs and max pools, training step',
    { x: distinct(2, 3, 14, 14), target: labels(2, 5), lr },
    (v, graph) => {
      const { conv, dense } = layers(graph);
      const first = maxPool(relu(conv('conv1', v.x, 16, 3, { padding: 1, bias: true })), { kernel: 2 });
      const second = relu(conv('conv2', first, 20, 3, { padding: 1, bias: true }));
      const pooled = flatten(maxPool(second, { kernel: 3, stride: 2, padding: 1 }));
      train(graph, crossEntropy(dense('fc', pooled, 5), v.target).loss, v.lr);
    },
    // Rounding makes neighbours equal, and the first of them wins.
    { bf16: 0.3 },
  ),
  // Native layouts pad channels to whole blocks of 8 or 16: nothing may leak from or into the padding.
  ...[6, 20, 36, 132].flatMap((channels) =>
    [true, false].map((training) =>
      graphCase(
        'graph',
        `${channels} channels through every fused and blocked op, ${training ? 'training' : 'inference'}`,
        { x: grid(2, 16, 8, 8), gate: rectified(2, channels, 1, 1) },
        (v, graph) => {
          const { conv, norm } = layers(graph, { training, kinks: true });
          const a = relu(conv('a', v.x, channels, 3, { padding: 1, bias: true }));
          const b = relu(norm('b.bn', conv('b', v.x, channels, 3, { padding: 1 })));
          const c = norm('c.bn', conv('c', v.x, channels, 1));
          const sum = relu(add(c, a));
          const gated = relu(add(multiply(sum, v.gate), b));
          const pooled = maxPool(tanh(gated), { kernel: 3, stride: 2, padding: 1 });
          const joined = conv('d', lrn(concat([pooled, averagePool(sum, { kernel: 2 })])), 7, 1);
          for (const [name, value] of Object.entries({ a, b, c, sum, gated, pooled, joined })) {
            markOutput(name, value);
          }
        },
        { bf16: 0.1 },
      ),
    ),
  ),
];
