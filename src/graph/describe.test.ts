import { expect, it } from 'vitest';
import { describeNode } from './describe.ts';
import { createGraph, input, type Node, state, type Value } from './graph.ts';
import { adaptiveAveragePool, convolution, globalAveragePool, maxPool, relu } from './ops/index.ts';

const graph = createGraph();
const x = input(graph, 'x', [1, 8, 14, 14]);
const filters = (name: string, ...shape: number[]): Value =>
  state(graph, name, shape, 'parameter', { kind: 'constant', value: 0 });

it.each<[string, Value]>([
  ['conv 3x3, 16', convolution(x, filters('a', 16, 8, 3, 3), undefined)],
  [
    'conv 7x1, 16 /2, 4 groups',
    convolution(x, filters('b', 16, 2, 7, 1), undefined, { stride: 2, groups: 4 }),
  ],
  ['conv 3x3, 16, dilation 2', convolution(x, filters('c', 16, 8, 3, 3), undefined, { dilation: 2 })],
  ['max pool 3x3 /2, ceil', maxPool(x, { kernel: 3, stride: 2, ceil: true })],
  ['max pool 2x2 /2', maxPool(x, { kernel: 2 })],
  ['global average pool', globalAveragePool(x)],
  ['average pool to 3x3', adaptiveAveragePool(x, 3)],
  ['ReLU', relu(x)],
])('%s', (words, { source }) => {
  expect(source.kind === 'node' && describeNode(source.node as Node)).toBe(words);
});
