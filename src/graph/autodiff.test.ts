// The three walks through single ops, with the numbers worked out by hand. That the gradient rules are derivatives is
// tested in ops/gradients.test.ts.
import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { walkBack } from './autodiff.ts';
import { createGraph, input, markOutput, state, type Value } from './graph.ts';
import type { Rule } from './op.ts';
import { add, concat, convolution, lrn, multiply, relu, sigmoid, tanh } from './ops/index.ts';
import type { NumericArray } from './tensor.ts';

/** What arrives at `x` for a signal at the result of `build`. */
function walk(rule: Rule, x: number[], signal: number[], build: (x: Value) => Value): number[] {
  const graph = createGraph();
  const at = input(graph, 'x', [1, x.length, 1, 1]);
  const y = build(at);
  const seed = input(graph, 'signal', y.shape);
  markOutput('dx', walkBack(graph, new Map([[y, seed]]), [at], { rule }).get(at) as Value);
  const feeds = { x: Float64Array.from(x), signal: Float64Array.from(signal) };
  return Array.from(createReferenceEngine().compile(graph, { dtype: 'f64' }).run(feeds).dx as NumericArray);
}

describe('walkBack', () => {
  const x = [-2, -1, 1, 2];
  const signal = [3, -4, 5, -6];

  it.each([
    ['gradient', [0, 0, 5, -6]],
    ['deconvnet', [3, 0, 5, 0]],
    ['guided', [0, 0, 5, 0]],
  ] as const)('at a ReLU, %s masks, rectifies or does both', (rule, expected) => {
    expect(walk(rule, x, signal, relu)).toEqual(expected);
  });

  it('passes LRN and tanh over in the deconvnet, and differentiates them otherwise', () => {
    for (const op of [(v: Value) => lrn(v, { alpha: 0.5, k: 1 }), tanh]) {
      expect(walk('deconvnet', x, signal, op)).toEqual(signal);
      expect(walk('guided', x, signal, op)).toEqual(walk('gradient', x, signal, op));
      expect(walk('guided', x, signal, op)).not.toEqual(signal);
    }
  });

  it('rectifies behind a sigmoid in the deconvnet', () => {
    expect(walk('deconvnet', x, signal, sigmoid)).toEqual([3, 0, 5, 0]);
    expect(walk('guided', x, signal, sigmoid)).toEqual(walk('gradient', x, signal, sigmoid));
  });

  it('holds a gate constant in the deconvnet: the signal goes to the gated features alone', () => {
    const gated = (v: Value): Value => multiply(v, sigmoid(v));
    const gate = x.map((value) => 1 / (1 + Math.exp(-value)));
    const wanted = signal.map((value, i) => value * (gate[i] as number));
    walk('deconvnet', x, signal, gated).forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i] as number, 12);
    });
    walk('gradient', x, signal, gated).forEach((value, i) => {
      const slope = (gate[i] as number) * (1 - (gate[i] as number)) * (x[i] as number);
      expect(value).toBeCloseTo((wanted[i] as number) + (signal[i] as number) * slope, 12);
    });
  });

  it('adds where a value forked and slices where values were joined, by every rule', () => {
    for (const rule of ['gradient', 'deconvnet', 'guided'] as const) {
      expect(walk(rule, x, signal, (v) => add(v, v))).toEqual(signal.map((value) => 2 * value));
      expect(walk(rule, x, [...signal, 1, 1, 1, 1], (v) => concat([v, v]))).toEqual([4, -3, 6, -5]);
    }
  });

  it('takes substitutes on the way back and leaves the forward pass as it is', () => {
    const graph = createGraph();
    const at = input(graph, 'x', [1, 1, 1, 1]);
    const filter = (name: string, value: number): Value =>
      state(graph, name, [1, 1, 1, 1], 'parameter', { kind: 'constant', value });
    const [own, other] = [filter('own', 2), filter('other', 7)];
    const y = relu(convolution(at, own, undefined));
    const seed = input(graph, 'signal', y.shape);
    const signals = walkBack(graph, new Map([[y, seed]]), [at], { substitutes: new Map([[own, other]]) });
    markOutput('y', y);
    markOutput('dx', signals.get(at) as Value);
    const program = createReferenceEngine().compile(graph);
    const run = (value: number) => {
      const { y: result, dx } = program.run({ x: Float32Array.of(value), signal: Float32Array.of(1) });
      return [result?.[0], dx?.[0]];
    };
    expect(run(3)).toEqual([6, 7]);
    // The mask is the forward pass's.
    expect(run(-3)).toEqual([0, 0]);
  });
});
