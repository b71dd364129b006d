// Cases of fake quantisation: alone, and in the arrangements that an engine may run on whole numbers. Scales are powers
// of two, so that both sides round the same numbers and agree to the last code; only a bias may bring a value that lies
// beside the middle of two codes to the other side.
import { type Graph, markOutput, state, type Value } from '../../graph/graph.ts';
import { add } from '../../graph/ops/add.ts';
import { globalAveragePool } from '../../graph/ops/average-pool.ts';
import { concat } from '../../graph/ops/concat.ts';
import { type ConvolutionOptions, convolution } from '../../graph/ops/convolution.ts';
import { linear } from '../../graph/ops/linear.ts';
import { lrn } from '../../graph/ops/lrn.ts';
import { maxPool } from '../../graph/ops/max-pool.ts';
import { quantize } from '../../graph/ops/quantize.ts';
import { relu } from '../../graph/ops/relu.ts';
import { flatten } from '../../graph/ops/reshape.ts';
import { valueRange, weightRange } from '../../graph/rewrite/quantise.ts';
import { forwardCase, graphCase, grid, type OpCase, rectified } from './case.ts';

const unsigned = (x: Value, scale = 2 ** -6): Value =>
  quantize(x, { scales: Float32Array.of(scale), ...valueRange.unsigned });
const signed = (x: Value, scale = 2 ** -5): Value =>
  quantize(x, { scales: Float32Array.of(scale), ...valueRange.signed });

/** Layers whose weights are quantised with a scale for each channel, alternating between two. */
function layers(graph: Graph) {
  const scalesFor = (outputs: number): Float32Array =>
    Float32Array.from({ length: outputs }, (_, channel) => 2 ** (channel % 2 === 0 ? -8 : -9));
  const weightsOf = (name: string, shape: readonly number[]): Value => {
    const w = state(graph, `${name}.weight`, shape, 'parameter', { kind: 'uniform', bound: 0.12 });
    return quantize(w, { scales: scalesFor(shape[0] as number), ...weightRange });
  };
  const bias = (name: string, outputs: number): Value =>
    state(graph, `${name}.bias`, [outputs], 'parameter', { kind: 'uniform', bound: 0.3 });
  return {
    conv(x: Value, name: string, outputs: number, kernel: number, options: ConvolutionOptions = {}): Value {
      const inputs = (x.shape[1] as number) / (options.groups ?? 1);
      const w = weightsOf(name, [outputs, inputs, kernel, kernel]);
      return convolution(x, w, bias(name, outputs), { padding: (kernel - 1) / 2, ...options });
    },
    dense: (x: Value, name: string, outputs: number): Value =>
      linear(x, weightsOf(name, [outputs, x.shape[1] as number]), bias(name, outputs)),
  };
}

function block(
  name: string,
  feeds: Parameters<typeof graphCase>[2],
  build: (x: Value, layers_: ReturnType<typeof layers>) => Value,
): OpCase {
  return graphCase('quantize', name, feeds, (v, graph) => {
    markOutput('y', build(v.x as Value, layers(graph)));
  });
}

export const quantiseCases: readonly OpCase[] = [
  forwardCase('quantize', 'unsigned', { x: rectified(2, 5, 3, 7) }, (v) => unsigned(v.x, 2 ** -4)),
  forwardCase('quantize', 'signed', { x: grid(2, 19) }, (v) => signed(v.x, 2 ** -3)),
  forwardCase('quantize', 'what is beyond is cut', { x: grid(2, 16, 3, 3) }, (v) => unsigned(v.x, 2 ** -9)),
  forwardCase('quantize', 'a range of its own', { x: grid(3, 8) }, (v) =>
    quantize(v.x, { scales: Float32Array.of(0.25), low: -3, high: 5 }),
  ),
  forwardCase('quantize', 'a scale for each of the first axis', { x: grid(3, 8) }, (v) =>
    quantize(v.x, { scales: Float32Array.of(0.25, 0.5, 1), low: -4, high: 4 }),
  ),
  block('a convolution', { x: rectified(2, 16, 6, 6) }, (x, net) => net.conv(unsigned(x), 'conv', 24, 3)),
  block('a convolution of odd sizes, ReLU', { x: rectified(1, 17, 5, 7) }, (x, net) =>
    relu(net.conv(unsigned(x), 'conv', 19, 3, { stride: 2 })),
  ),
  block('a convolution in groups', { x: rectified(2, 32, 6, 6) }, (x, net) =>
    unsigned(relu(net.conv(unsigned(x), 'conv', 64, 3, { groups: 4 }))),
  ),
  block('a linear layer', { x: rectified(3, 64) }, (x, net) => net.dense(unsigned(x), 'fc', 10)),
  block('convolutions, a pool and a linear layer', { x: rectified(2, 8, 8, 8) }, (x, net) => {
    const first = unsigned(relu(net.conv(unsigned(x), 'conv1', 16, 3)));
    const second = unsigned(relu(net.conv(maxPool(first, { kernel: 2 }), 'conv2', 32, 1)));
    return net.dense(unsigned(relu(net.dense(flatten(second), 'fc1', 24))), 'fc2', 7);
  }),
  block('branches that meet', { x: rectified(2, 16, 7, 7) }, (x, net) => {
    const input = unsigned(x);
    const one = unsigned(relu(net.conv(input, 'one', 8, 1)));
    const three = unsigned(relu(net.conv(input, 'three', 16, 3)));
    const pooled = unsigned(
      relu(net.conv(maxPool(input, { kernel: 3, stride: 1, padding: 1 }), 'pooled', 8, 1)),
    );
    return net.conv(concat([one, three, pooled], 1), 'after', 16, 3);
  }),
  block('a residual block', { x: rectified(2, 32, 6, 6) }, (x, net) => {
    const input = unsigned(x);
    const inner = unsigned(relu(net.conv(input, 'conv1', 32, 3)));
    const sum = unsigned(relu(add(net.conv(inner, 'conv2', 32, 3), input)));
    return net.conv(sum, 'after', 16, 1);
  }),
  block('a residual block with a layer as its shortcut', { x: rectified(2, 16, 6, 6) }, (x, net) => {
    const input = unsigned(x);
    const inner = unsigned(relu(net.conv(input, 'conv1', 32, 3, { stride: 2 })));
    const branch = net.conv(inner, 'conv2', 32, 3);
    const shortcut = signed(net.conv(input, 'shortcut', 32, 1, { stride: 2 }));
    return globalAveragePool(unsigned(relu(add(branch, shortcut))));
  }),
  block('a sum with what the layer itself reads', { x: rectified(1, 16, 5, 5) }, (x, net) => {
    const input = unsigned(x);
    return unsigned(relu(add(input, net.conv(input, 'conv', 16, 3))));
  }),
  block('a summand that is read later', { x: rectified(1, 16, 5, 5) }, (x, net) => {
    const input = unsigned(x);
    const inner = unsigned(relu(net.conv(input, 'conv1', 16, 1)));
    const sum = unsigned(relu(add(net.conv(inner, 'conv2', 16, 3), input)));
    return add(net.conv(sum, 'conv3', 16, 1), net.conv(input, 'conv4', 16, 1));
  }),
  block('a sum that stays floats', { x: rectified(1, 16, 5, 5) }, (x, net) =>
    add(net.conv(unsigned(x), 'conv', 16, 3), unsigned(x)),
  ),
  block('readers of floats', { x: rectified(2, 16, 6, 6) }, (x, net) => {
    const h = unsigned(relu(net.conv(unsigned(x), 'conv', 16, 3)));
    markOutput('h', h);
    return net.conv(unsigned(lrn(h, { size: 5, alpha: 1, beta: 0.75, k: 1, sum: false })), 'after', 8, 1);
  }),
  block('signed inputs', { x: grid(2, 16, 5, 5) }, (x, net) => net.conv(signed(x), 'conv', 16, 3)),
];
