// Cases of the ops that work element by element: activations, sums, products and dropout.
import { walkBack } from '../../graph/autodiff.ts';
import { markOutput, type Value } from '../../graph/graph.ts';
import { add } from '../../graph/ops/add.ts';
import { dropout } from '../../graph/ops/dropout.ts';
import { multiply } from '../../graph/ops/multiply.ts';
import { relu } from '../../graph/ops/relu.ts';
import { sigmoid } from '../../graph/ops/sigmoid.ts';
import { sumTo } from '../../graph/ops/sum-to.ts';
import { tanh } from '../../graph/ops/tanh.ts';
import {
  exactly,
  type Feed,
  forwardCase,
  gradientCases,
  graphCase,
  grid,
  type OpCase,
  weights,
} from './case.ts';

const shapes: readonly (readonly [name: string, feed: Feed])[] = [
  ['2D', grid(3, 7)],
  ['4D, odd sizes', grid(2, 5, 3, 7)],
  ['64 channels', grid(2, 64, 4, 4)],
  ['batch 1', grid(1, 17, 5, 5)],
];

const activations = { relu, tanh, sigmoid } as const;

export const activationCases: readonly OpCase[] = Object.entries(activations).flatMap(([op, activation]) =>
  shapes.flatMap(([name, x]) => gradientCases(op, name, { x }, (v) => activation(v.x))),
);

function products(name: string, a: Feed, b: Feed): OpCase[] {
  return gradientCases('multiply', name, { a, b }, (v) => multiply(v.a, v.b));
}

export const arithmeticCases: readonly OpCase[] = [
  ...shapes.flatMap(([name, a]) =>
    gradientCases('add', name, { a, b: grid(...a.shape) }, (v) => add(v.a, v.b)),
  ),
  ...gradientCases('add', 'a value to itself', { x: grid(2, 3, 4, 4) }, (v) => add(v.x, v.x)),
  forwardCase('add', 'full precision', { a: weights(5), b: weights(5) }, (v) => add(v.a, v.b)),
  forwardCase('add', 'scalars', { a: weights(), b: weights() }, (v) => add(v.a, v.b)),
  ...products('same shape', grid(2, 3, 5, 4), grid(2, 3, 5, 4)),
  ...products('gate per channel (NxCx1x1)', grid(3, 8, 5, 5), grid(3, 8, 1, 1)),
  ...products('gate per channel, 64 channels', grid(2, 64, 4, 4), grid(2, 64, 1, 1)),
  ...products('scale per channel (1xCx1x1)', grid(2, 5, 3, 4), grid(1, 5, 1, 1)),
  ...products('mask per pixel (Nx1xHxW)', grid(2, 5, 3, 4), grid(2, 1, 3, 4)),
  ...products('scale per column', grid(2, 3, 4, 5), grid(1, 1, 1, 5)),
  ...products('2D, scale per feature', grid(4, 9), grid(1, 9)),
  ...gradientCases('multiply', 'square', { x: grid(2, 3, 4, 4) }, (v) => multiply(v.x, v.x)),
  forwardCase('multiply', 'scalars in full precision', { a: weights(), b: weights() }, (v) =>
    multiply(v.a, v.b),
  ),
  forwardCase('sumTo', 'over positions', { x: grid(3, 5, 4, 6) }, (v) => sumTo(v.x, [3, 5, 1, 1])),
  forwardCase('sumTo', 'over batch and positions', { x: grid(3, 5, 4, 6) }, (v) => sumTo(v.x, [1, 5, 1, 1])),
  forwardCase('sumTo', 'over channels', { x: grid(3, 5, 4, 6) }, (v) => sumTo(v.x, [3, 1, 4, 6])),
  forwardCase('sumTo', '2D over the batch', { x: grid(5, 7) }, (v) => sumTo(v.x, [1, 7])),
  forwardCase('sumTo', 'the same shape', { x: grid(2, 3, 2, 2) }, (v) => sumTo(v.x, [2, 3, 2, 2])),
];

const seed = exactly([], 'index', [1234567]);

export const dropoutCases: readonly OpCase[] = [
  ...gradientCases('dropout', 'half, 2D', { x: grid(4, 33), seed }, (v) =>
    dropout(v.x, v.seed, { rate: 0.5, stream: 0 }),
  ),
  ...gradientCases('dropout', 'rate 0.3, 4D', { x: grid(2, 5, 3, 7), seed }, (v) =>
    dropout(v.x, v.seed, { rate: 0.3, stream: 3 }),
  ),
  ...gradientCases('dropout', 'rate 0.75, 64 channels', { x: grid(2, 64, 4, 4), seed }, (v) =>
    dropout(v.x, v.seed, { rate: 0.75, stream: 1 }),
  ),
  ...gradientCases('dropout', 'the second half of the columns of a layer', { x: grid(4, 16), seed }, (v) =>
    dropout(v.x, v.seed, { rate: 0.5, stream: 0, firstRow: 2, columns: { first: 16, of: 32 } }),
  ),
  forwardCase('dropout', 'rate 0', { x: grid(3, 5), seed }, (v) =>
    dropout(v.x, v.seed, { rate: 0, stream: 2 }),
  ),
  graphCase('dropout', 'two streams of one seed', { x: grid(4, 16), seed, dy: grid(4, 16) }, (v, graph) => {
    const a = dropout(v.x, v.seed, { rate: 0.5, stream: 1 });
    const b = dropout(v.x, v.seed, { rate: 0.5, stream: 2 });
    const y = multiply(add(a, v.x), add(b, v.x));
    markOutput('y', y);
    markOutput('dx', walkBack(graph, new Map([[y, v.dy]]), [v.x]).get(v.x) as Value);
  }),
  graphCase('dropout', 'a negative seed', { x: grid(2, 40), seed: exactly([], 'index', [-7]) }, (v) => {
    markOutput('y', dropout(v.x, v.seed, { rate: 0.5, stream: 5 }));
  }),
];
