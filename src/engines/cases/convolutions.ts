// Cases of convolution and linear layers, with the gradients of pictures, filters and biases.
import { type ConvolutionOptions, convolution } from '../../graph/ops/convolution.ts';
import { linear } from '../../graph/ops/linear.ts';
import { type Feed, gradientCases, grid, type OpCase, weights } from './case.ts';

function withBias(name: string, x: Feed, w: Feed, options: ConvolutionOptions = {}): OpCase[] {
  const feeds = { x, w, b: weights(w.shape[0] as number) };
  return gradientCases('convolution', name, feeds, (v) => convolution(v.x, v.w, v.b, options));
}

function withoutBias(name: string, x: Feed, w: Feed, options: ConvolutionOptions = {}): OpCase[] {
  return gradientCases('convolution', name, { x, w }, (v) => convolution(v.x, v.w, undefined, options));
}

export const convolutionCases: readonly OpCase[] = [
  ...withoutBias('1x1', grid(2, 3, 5, 5), weights(4, 3, 1, 1)),
  ...withBias('3x3, padding 1, bias, odd channels', grid(2, 5, 7, 9), weights(6, 5, 3, 3), { padding: 1 }),
  ...withBias('batch 1, 17 to 19 channels', grid(1, 17, 6, 5), weights(19, 17, 3, 3), { padding: 1 }),
  ...withoutBias('5x5, stride 2, odd picture', grid(1, 3, 11, 8), weights(7, 3, 5, 5), {
    stride: 2,
    padding: 2,
  }),
  ...withoutBias('dilation 2', grid(2, 4, 9, 9), weights(3, 4, 3, 3), { dilation: 2, padding: 2 }),
  ...withBias('dilation 2x1, stride 1x2', grid(1, 2, 9, 10), weights(3, 2, 3, 3), {
    dilation: [2, 1],
    stride: [1, 2],
  }),
  ...withBias('2 groups', grid(2, 8, 6, 6), weights(6, 4, 3, 3), { groups: 2, padding: 1 }),
  ...withoutBias('8 groups of 4', grid(1, 32, 6, 6), weights(32, 4, 3, 3), { groups: 8, padding: 1 }),
  ...withBias('2 groups of 16, to 32 each', grid(2, 32, 7, 9), weights(64, 16, 3, 3), {
    groups: 2,
    padding: 1,
  }),
  ...withoutBias('4 groups, stride 2', grid(2, 16, 7, 7), weights(8, 4, 3, 3), {
    groups: 4,
    stride: 2,
    padding: 1,
  }),
  ...withoutBias('depthwise', grid(2, 5, 6, 7), weights(5, 1, 3, 3), { groups: 5, padding: 1 }),
  ...withBias('7x7, stride 2, three channels', grid(1, 3, 20, 20), weights(16, 3, 7, 7), {
    stride: 2,
    padding: 3,
  }),
  ...withBias('11x11, stride 4', grid(1, 3, 35, 35), weights(8, 3, 11, 11), { stride: 4 }),
  ...withoutBias('64 channels', grid(2, 64, 8, 8), weights(64, 64, 3, 3), { padding: 1 }),
  ...withoutBias('64 to 96 channels, stride 2', grid(2, 64, 8, 8), weights(96, 64, 3, 3), {
    stride: 2,
    padding: 1,
  }),
  ...withoutBias('1x1, stride 2, 64 to 96 channels', grid(2, 64, 8, 8), weights(96, 64, 1, 1), { stride: 2 }),
  ...withoutBias('1x1, 48 to 80 channels', grid(4, 48, 14, 14), weights(80, 48, 1, 1)),
  ...withBias('1x3, stride 2x1, padding 0x1', grid(2, 3, 7, 8), weights(4, 3, 1, 3), {
    stride: [2, 1],
    padding: [0, 1],
  }),
  ...withBias('filter as large as the picture', grid(3, 4, 5, 5), weights(6, 4, 5, 5)),
  ...withoutBias('pixels that no window sees', grid(1, 2, 8, 9), weights(3, 2, 2, 2), { stride: 3 }),
  ...gradientCases(
    'convolution',
    'filters alone (first layer)',
    { x: grid(4, 3, 8, 8), w: weights(16, 3, 3, 3) },
    (v) => convolution(v.x, v.w, undefined, { padding: 1 }),
    { wanted: ['w'] },
  ),
  ...gradientCases(
    'convolution',
    'picture alone (deconvolution)',
    { x: grid(2, 3, 9, 9), w: weights(8, 3, 3, 3), b: weights(8) },
    (v) => convolution(v.x, v.w, v.b, { stride: 2 }),
    { wanted: ['x'] },
  ),
];

function dense(name: string, n: number, features: number, outputs: number, bias: boolean): OpCase[] {
  const feeds = { x: grid(n, features), w: weights(outputs, features) };
  if (!bias) return gradientCases('linear', name, feeds, (v) => linear(v.x, v.w));
  return gradientCases('linear', name, { ...feeds, b: weights(outputs) }, (v) => linear(v.x, v.w, v.b));
}

export const linearCases: readonly OpCase[] = [
  ...dense('with bias', 3, 7, 5, true),
  ...dense('without bias', 4, 6, 10, false),
  ...dense('batch 1', 1, 33, 17, true),
  ...dense('one output', 5, 9, 1, true),
  ...dense('256 to 100', 8, 256, 100, true),
];
