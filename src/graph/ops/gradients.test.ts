// Every gradient rule against central differences in double precision, on random shapes and options.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CheckedInput,
  type GradientCheck,
  gradientError,
} from '../../engines/reference/gradient-check.ts';
import { emit, emitOne, type Value } from '../graph.ts';
import { normals, uniforms } from '../random.ts';
import { elementCount, type Shape } from '../tensor.ts';
import { batchNormInferenceOp, batchNormTrainingOp } from './batch-norm.ts';
import { oneRank } from './exchange.ts';
import {
  adaptiveAveragePool,
  add,
  allOps,
  averagePool,
  concat,
  convolution,
  crossEntropy,
  dropout,
  globalAveragePool,
  linear,
  lrn,
  maxPool,
  multiply,
  pad,
  relu,
  reshape,
  shortcutA,
  sigmoid,
  slice,
  softmax,
  tanh,
} from './index.ts';
import { swap } from './swap.ts';
import { normaliseTogether } from './synchronised-batch-norm.ts';

const size = (max: number, min = 1) => fc.integer({ min, max });
const seed = fc.integer({ min: 0, max: 1e6 });
const pairOf = (item: fc.Arbitrary<number>) => fc.tuple(item, item);

/** Numbers that keep 0.05 away from 0, where a ReLU has its kink. */
const awayFromZero = (shape: Shape, stream: number): CheckedInput => ({
  shape,
  values: normals(1, stream, elementCount(shape)).map((x) => x + 0.05 * Math.sign(x)),
});

/** Numbers 0.05 or more apart, so that no maximum changes within a difference. */
function apart(shape: Shape, stream: number): CheckedInput {
  const keys = uniforms(1, stream, elementCount(shape));
  const order = Array.from(keys.keys()).sort((a, b) => (keys[a] as number) - (keys[b] as number));
  const values = new Float64Array(keys.length);
  order.forEach((place, rank) => {
    values[place] = 0.05 * (rank - keys.length / 2) + 0.01;
  });
  return { shape, values };
}

const positive = (count: number, stream: number): CheckedInput => ({
  shape: [count],
  values: uniforms(2, stream, count).map((u) => 0.5 + u),
});

/** First words of the properties' names. */
const checked = new Set<string>();

function property<T>(name: string, arbitrary: fc.Arbitrary<T>, check: (options: T) => GradientCheck): void {
  checked.add(name.split(' ')[0] as string);
  it(name, () => {
    fc.assert(
      fc.property(arbitrary, (options) => {
        expect(gradientError(check(options))).toBeLessThan(1e-6);
      }),
      { numRuns: 20, seed: 2012 },
    );
  });
}

const picture = fc.record({ n: size(3), c: size(4), h: size(8, 3), w: size(8, 3), seed });

describe('gradient rules', () => {
  const convolutionOptions = fc
    .record({
      n: size(2),
      groups: size(3),
      inputs: size(2),
      outputs: size(2),
      kernel: pairOf(size(3)),
      stride: pairOf(size(3)),
      padding: pairOf(size(2, 0)),
      dilation: pairOf(size(2)),
      extra: pairOf(size(4, 0)),
      bias: fc.boolean(),
      seed,
    })
    .map((o) => {
      const least = (axis: 0 | 1) =>
        Math.max(1, o.dilation[axis] * (o.kernel[axis] - 1) + 1 - 2 * o.padding[axis]);
      return { ...o, h: least(0) + o.extra[0], w: least(1) + o.extra[1] };
    });

  property('convolution', convolutionOptions, (o) => ({
    seed: o.seed,
    inputs: {
      x: { shape: [o.n, o.inputs * o.groups, o.h, o.w] },
      w: { shape: [o.outputs * o.groups, o.inputs, ...o.kernel] },
      ...(o.bias ? { b: { shape: [o.outputs * o.groups] } } : {}),
    },
    build: ({ x, w, b }) => convolution(x as Value, w as Value, b, o),
  }));

  property('linear', fc.record({ n: size(4), i: size(5), o: size(5), bias: fc.boolean(), seed }), (o) => ({
    seed: o.seed,
    inputs: {
      x: { shape: [o.n, o.i] },
      w: { shape: [o.o, o.i] },
      ...(o.bias ? { b: { shape: [o.o] } } : {}),
    },
    build: ({ x, w, b }) => linear(x as Value, w as Value, b),
  }));

  property('relu', picture, ({ n, c, h, w, seed }) => ({
    inputs: { x: awayFromZero([n, c, h, w], seed) },
    build: ({ x }) => relu(x as Value),
  }));

  for (const [name, activation] of Object.entries({ tanh, sigmoid })) {
    property(name, picture, ({ n, c, h, w, seed }) => ({
      seed,
      inputs: { x: { shape: [n, c, h, w] } },
      build: ({ x }) => activation(x as Value),
    }));
  }

  const batch = fc.record({ n: size(4, 2), c: size(3), positions: fc.option(pairOf(size(3))), seed });
  const shapeOf = (o: { n: number; c: number; positions: readonly number[] | null }) => [
    o.n,
    o.c,
    ...(o.positions ?? []),
  ];

  // A large epsilon keeps the curvature small where a batch of two has hardly any variance.
  property('batchNormTraining', batch, (o) => ({
    seed: o.seed,
    inputs: { x: { shape: shapeOf(o) }, gamma: positive(o.c, o.seed), beta: { shape: [o.c] } },
    build: ({ x, gamma, beta }) =>
      emit(batchNormTrainingOp, { epsilon: 0.1 }, [x as Value, gamma as Value, beta as Value])[0] as Value,
  }));

  property('synchronisedBatchNorm', batch, (o) => ({
    seed: o.seed,
    inputs: { x: { shape: shapeOf(o) }, gamma: positive(o.c, o.seed), beta: { shape: [o.c] } },
    build: ({ x, gamma, beta }) =>
      normaliseTogether(x as Value, gamma as Value, beta as Value, { epsilon: 0.1, exchange: oneRank }).y,
  }));

  // The other one holds the same numbers.
  property('swap', batch, (o) => ({
    seed: o.seed,
    inputs: { x: { shape: shapeOf(o) } },
    build: ({ x }) =>
      swap(x as Value, { exchange: { swap: (own, theirs) => theirs.set(own) }, shape: shapeOf(o) }),
  }));

  property('batchNormInference', batch, (o) => ({
    seed: o.seed,
    wanted: ['x', 'gamma', 'beta'],
    inputs: {
      x: { shape: shapeOf(o) },
      gamma: positive(o.c, o.seed),
      beta: { shape: [o.c] },
      mean: { shape: [o.c] },
      variance: positive(o.c, o.seed + 1),
    },
    build: (v) =>
      emitOne(batchNormInferenceOp, { epsilon: 1e-5 }, [v.x, v.gamma, v.beta, v.mean, v.variance] as Value[]),
  }));

  const lrnOptions = fc.record({
    n: size(2),
    c: size(7),
    h: size(2),
    w: size(3),
    size: size(6),
    sum: fc.boolean(),
    seed,
  });
  property('lrn', lrnOptions, ({ n, c, h, w, size, sum, seed }) => ({
    seed,
    inputs: { x: { shape: [n, c, h, w] } },
    build: ({ x }) => lrn(x as Value, { size, sum, alpha: 0.4, beta: 0.75, k: 1 }),
  }));

  const pool = fc
    .record({
      n: size(2),
      c: size(2),
      kernel: pairOf(size(3)),
      stride: pairOf(size(3)),
      half: fc.boolean(),
      ceil: fc.boolean(),
      countIncludePad: fc.boolean(),
      extra: pairOf(size(5, 0)),
      seed,
    })
    .map((o) => ({
      ...o,
      padding: o.kernel.map((k) => (o.half ? Math.floor(k / 2) : 0)) as unknown as [number, number],
      shape: [o.n, o.c, o.kernel[0] + o.extra[0], o.kernel[1] + o.extra[1]],
    }));

  property('maxPool', pool, (o) => ({
    inputs: { x: apart(o.shape, o.seed) },
    build: ({ x }) => maxPool(x as Value, o),
  }));

  property('averagePool', pool, (o) => ({
    seed: o.seed,
    inputs: { x: { shape: o.shape } },
    build: ({ x }) => averagePool(x as Value, o),
  }));

  property('averagePool over the whole plane', picture, ({ n, c, h, w, seed }) => ({
    seed,
    inputs: { x: { shape: [n, c, h, w] } },
    build: ({ x }) => globalAveragePool(x as Value),
  }));

  property('adaptiveAveragePool', fc.record({ picture, output: pairOf(size(5)) }), ({ picture, output }) => ({
    seed: picture.seed,
    inputs: { x: { shape: [picture.n, picture.c, picture.h, picture.w] } },
    build: ({ x }) => adaptiveAveragePool(x as Value, output),
  }));

  property(
    'dropout',
    fc.record({ n: size(4), c: size(9), rate: fc.constantFrom(0, 0.3, 0.5, 0.9), seed }),
    (o) => ({
      seed: o.seed,
      inputs: {
        x: { shape: [o.n, o.c] },
        seed: { shape: [], precision: 'index', values: Int32Array.of(o.seed) },
      },
      build: (v) => add(dropout(v.x as Value, v.seed as Value, { rate: o.rate, stream: 3 }), v.x as Value),
    }),
  );

  property('add', picture, ({ n, c, h, w, seed }) => ({
    seed,
    inputs: { a: { shape: [n, c, h, w] }, b: { shape: [n, c, h, w] } },
    build: ({ a, b }) => add(add(a as Value, b as Value), a as Value),
  }));

  const broadcast = fc.record({
    shape: fc.tuple(size(3), size(3), size(4), size(4)),
    ones: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    seed,
  });
  property('multiply', broadcast, ({ shape, ones, seed }) => ({
    seed,
    inputs: { a: { shape }, b: { shape: shape.map((s, axis) => (ones[axis] ? 1 : s)) } },
    build: ({ a, b }) => multiply(a as Value, b as Value),
  }));

  const parts = fc.record({
    shape: fc.tuple(size(3), size(3), size(3)),
    axis: size(2, 0),
    others: fc.array(size(3), { maxLength: 3 }),
    seed,
  });
  property('concat', parts, ({ shape, axis, others, seed }) => ({
    seed,
    inputs: Object.fromEntries(
      [shape[axis] as number, ...others].map((s, i) => [`x${i}`, { shape: shape.with(axis, s) }]),
    ),
    build: (v) => concat(Object.values(v), axis),
  }));

  const axes = fc.array(fc.record({ start: size(2, 0), size: size(3), step: size(3), after: size(2, 0) }), {
    minLength: 1,
    maxLength: 4,
  });
  property('slice', fc.record({ axes, seed }), ({ axes, seed }) => ({
    seed,
    inputs: { x: { shape: axes.map((a) => a.start + (a.size - 1) * a.step + 1 + a.after) } },
    build: ({ x }) =>
      slice(x as Value, {
        start: axes.map((a) => a.start),
        size: axes.map((a) => a.size),
        step: axes.map((a) => a.step),
      }),
  }));

  property('pad', fc.record({ axes, seed }), ({ axes, seed }) => ({
    seed,
    inputs: { x: { shape: axes.map((a) => a.size) } },
    build: ({ x }) =>
      pad(x as Value, {
        before: axes.map((a) => a.start),
        after: axes.map((a) => a.after),
        interior: axes.map((a) => a.step - 1),
      }),
  }));

  property(
    'shortcutA',
    fc.record({ picture, stride: size(2), more: size(5, 0) }),
    ({ picture, stride, more }) => ({
      seed: picture.seed,
      inputs: { x: { shape: [picture.n, picture.c, picture.h, picture.w] } },
      build: ({ x }) => shortcutA(x as Value, picture.c + more, stride),
    }),
  );

  property('reshape', picture, ({ n, c, h, w, seed }) => ({
    seed,
    inputs: { x: { shape: [n, c, h, w] } },
    build: ({ x }) => reshape(x as Value, [w, h * n, c]),
  }));

  const rows = fc.record({ n: size(4), classes: size(6), labelSmoothing: fc.constantFrom(0, 0.1, 1), seed });
  property('softmax', rows, ({ n, classes, seed }) => ({
    seed,
    inputs: { x: { shape: [n, classes] } },
    build: ({ x }) => softmax(x as Value),
  }));

  property('crossEntropy', rows, ({ n, classes, labelSmoothing, seed }) => ({
    seed,
    inputs: {
      x: { shape: [n, classes] },
      labels: {
        shape: [n],
        precision: 'index',
        values: Int32Array.from(uniforms(seed, 1, n), (u) => Math.floor(u * (classes + 1)) - 1),
      },
    },
    build: ({ x, labels }) => crossEntropy(x as Value, labels as Value, { labelSmoothing }).loss,
  }));
});

it('checks every op that has a rule', () => {
  const withRule = allOps.filter(({ gradient }) => gradient !== undefined).map(({ name }) => name);
  expect(withRule.filter((name) => !checked.has(name))).toEqual([]);
});

it('gradientError sees a wrong rule', () => {
  const wrong = gradientError({
    inputs: { x: { shape: [2, 3] } },
    // The identity with twice its gradient.
    build: ({ x }) =>
      emitOne(
        {
          name: 'wrong',
          infer: (inputs) => [{ shape: inputs[0]?.shape ?? [], precision: 'full' }],
          evaluate: ({ inputs: [from], outputs: [to] }) => to?.set((from ?? []) as Float64Array),
          gradient: ({ outputGradients: [dy] }) => [dy && add(dy, dy)],
        },
        {},
        [x as Value],
      ),
  });
  expect(wrong).toBeGreaterThan(0.01);
});
