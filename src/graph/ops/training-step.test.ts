// The ops around the optimiser's step, by hand: gathering, clipping by the norm, clipping of filters, averaging.
import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { createGraph, input, markOutput, type Value } from '../graph.ts';
import type { NumericArray, Shape } from '../tensor.ts';
import { accumulate, averageWeights, clipFilters, clipNorm, sgd } from './index.ts';

const engine = createReferenceEngine();

/** Runs `build` on inputs of full precision (whole numbers for an Int32Array). */
function run(
  feeds: Record<string, readonly [shape: Shape, values: NumericArray]>,
  build: (values: Record<string, Value>) => Record<string, Value>,
): Record<string, number[]> {
  const graph = createGraph();
  const values = Object.entries(feeds).map(([name, [shape, numbers]]) => [
    name,
    input(graph, name, shape, numbers instanceof Int32Array ? 'index' : 'full'),
  ]);
  for (const [name, value] of Object.entries(build(Object.fromEntries(values)))) markOutput(name, value);
  const program = engine.compile(graph, { dtype: 'f64' });
  const fed = Object.fromEntries(Object.entries(feeds).map(([name, [, numbers]]) => [name, numbers]));
  return Object.fromEntries(Object.entries(program.run(fed)).map(([name, y]) => [name, Array.from(y)]));
}

const of = (...numbers: number[]) => [[numbers.length], Float64Array.of(...numbers)] as const;
const scalar = (value: number) => [[], Float64Array.of(value)] as const;
const whole = (value: number) => [[], Int32Array.of(value)] as const;

describe('clipNorm', () => {
  const clip = (limit: number, ...numbers: number[]) =>
    run({ a: of(...numbers), b: of(0, 4) }, ({ a, b }) => ({ ...clipNorm([a, b] as Value[], limit) }));

  it('measures all gradients together and scales down to the limit, never up', () => {
    const { norm, scale } = clip(2.5, 3);
    expect(norm).toEqual([5]);
    expect(scale?.[0]).toBeCloseTo(0.5, 6);
    expect(clip(50, 3).scale).toEqual([1]);
  });

  it('counts every number, whatever their count leaves over of four', () => {
    for (const count of [1, 2, 3, 4, 5, 9]) {
      expect(clip(1, ...new Array(count).fill(3)).norm?.[0]).toBeCloseTo(Math.sqrt(9 * count + 16), 12);
    }
  });

  it('does not hide a gradient that is not a number', () => {
    expect(clip(1, Number.NaN).scale).toEqual([Number.NaN]);
    expect(clip(1, Number.POSITIVE_INFINITY).norm).toEqual([Number.POSITIVE_INFINITY]);
  });

  it('refuses a limit of nothing', () => {
    expect(() => clip(0, 1)).toThrow('the limit 0, expected a number above 0');
  });
});

describe('clipFilters', () => {
  const clip = (values: NumericArray) =>
    run({ w: [[2, 1, 1, 2], values] }, ({ w }) => ({ y: clipFilters(w as Value, 0.5) })).y as number[];

  it('scales a filter back to the limit and leaves one below it', () => {
    const y = clip(Float64Array.of(3, 4, 0.3, -0.4));
    expect(Math.hypot(...y.slice(0, 2)) / Math.SQRT2).toBeCloseTo(0.5, 12);
    expect((y[1] as number) / (y[0] as number)).toBeCloseTo(4 / 3, 12);
    expect(y.slice(2)).toEqual([0.3, -0.4]);
  });

  it('changes nothing the second time', () => {
    const once = Float32Array.from(clip(Float64Array.of(3, 4, 0.7, -0.6)));
    expect(clip(once)).toEqual(Array.from(once));
  });

  it('refuses what are no filters', () => {
    const linear = () => run({ w: of(1, 2) }, ({ w }) => ({ y: clipFilters(w as Value, 1) }));
    expect(linear).toThrow('clipFilters got filters of shape 2, expected OxIxHxW.');
  });
});

describe('accumulate', () => {
  const gather = (before: number, microStep: number) =>
    run({ a: of(before), g: of(8), step: whole(microStep) }, ({ a, g, step }) => ({
      y: accumulate(a as Value, g as Value, step as Value, 4),
    })).y;

  it('begins afresh at the first step, and at an only one, and adds a share at the others', () => {
    expect(gather(Number.NaN, 0)).toEqual([2]);
    expect(gather(Number.NaN, -1)).toEqual([2]);
    expect(gather(5, 1)).toEqual([7]);
    expect(gather(5, 3)).toEqual([7]);
  });

  it('refuses a step outside', () => {
    expect(() => gather(5, 4)).toThrow(
      'A micro-step is 4, expected one from 0 to 3, or -1 for the only one.',
    );
    expect(() => gather(5, -2)).toThrow('A micro-step is -2');
  });
});

describe('averageWeights', () => {
  const average = (before: number, w: number, share: number) =>
    run({ a: of(before), w: of(w), share: scalar(share) }, (v) => ({
      y: averageWeights(v.a as Value, v.w as Value, v.share as Value),
    })).y;

  it('moves by the share, and by a share of 0 not at all', () => {
    expect(average(2, 6, 0.25)).toEqual([3]);
    expect(average(2, Number.NaN, 0)).toEqual([2]);
  });
});

describe('sgd with a scale and steps', () => {
  const step = (microStep: number) =>
    run(
      { w: of(1), g: of(10), v: of(4), lr: scalar(0.5), scale: scalar(0.1), step: whole(microStep) },
      ({ w, g, v, lr, scale, step: fed }) => ({
        ...sgd(
          w as Value,
          g as Value,
          v as Value,
          lr as Value,
          { momentum: 0.5, weightDecay: 2, nesterov: false, steps: 2 },
          { scale, microStep: fed },
        ),
      }),
    );

  it('decays after the gradient is scaled, and moves at the last step alone', () => {
    expect(step(0)).toEqual({ weights: [1], velocity: [4] });
    expect(step(1)).toEqual({ weights: [1 - 0.5 * 5], velocity: [0.5 * 4 + 1 + 2] });
  });
});
