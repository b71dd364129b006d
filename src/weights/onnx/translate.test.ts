// Every op in every variation that changes what is written, run by onnxruntime and by its own definition.
import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import {
  constant,
  createGraph,
  type Graph,
  input,
  liveNodes,
  markOutput,
  state,
  type Value,
} from '../../graph/graph.ts';
import {
  adaptiveAveragePool,
  add,
  averagePool,
  batchNorm,
  concat,
  convolution,
  dropout,
  flatten,
  globalAveragePool,
  linear,
  lrn,
  maxPool,
  maxPoolWithSwitches,
  multiply,
  type PoolingOptions,
  pad,
  quantize,
  relu,
  reshape,
  shortcutA,
  sigmoid,
  slice,
  softmax,
  tanh,
} from '../../graph/ops/index.ts';
import { elementCount, type Shape } from '../../graph/tensor.ts';
import { encodeOnnx } from './export.ts';
import { livelyWeights, relativeError, runExported, wave } from './testing.ts';
import { exportableOps } from './translate.ts';

type Build = (x: Value) => Value;

const parameter = (x: Value, name: string, shape: Shape): Value =>
  state(x.graph, name, shape, 'parameter', { kind: 'constant', value: 0 });

const batch = (x: Value): number => x.shape[0] as number;
const filters = (x: Value, ...shape: number[]): Value => parameter(x, 'conv.weight', shape);
const bias = (x: Value, size: number): Value => parameter(x, 'conv.bias', [size]);

function normalised(x: Value): Value {
  const size = [x.shape[1] as number];
  const states = {
    gamma: parameter(x, 'bn.weight', size),
    beta: parameter(x, 'bn.bias', size),
    runningMean: parameter(x, 'bn.running_mean', size),
    runningVariance: parameter(x, 'bn.running_var', size),
  };
  return batchNorm(x, states, { epsilon: 0.1, momentum: 0.1, training: false });
}

/** Every pool of a size, so that each rule of rounding and counting is met. */
const pools: readonly PoolingOptions[] = [1, 2, 3].flatMap((stride) =>
  [2, 3].flatMap((kernel) =>
    [0, 1].flatMap((padding) => [false, true].map((ceil) => ({ kernel, stride, padding, ceil }))),
  ),
);
const nameOf = (options: object): string => JSON.stringify(options).replaceAll('"', '');

const cases: readonly (readonly [name: string, shape: Shape, build: Build])[] = [
  ['convolution', [2, 3, 7, 6], (x) => convolution(x, filters(x, 4, 3, 3, 2), bias(x, 4))],
  [
    'convolution, strided, padded, dilated, in groups',
    [2, 4, 11, 10],
    (x) =>
      convolution(x, filters(x, 6, 2, 3, 3), undefined, {
        stride: [2, 1],
        padding: [2, 1],
        dilation: [1, 2],
        groups: 2,
      }),
  ],
  ['linear', [2, 5], (x) => linear(x, parameter(x, 'fc.weight', [3, 5]), parameter(x, 'fc.bias', [3]))],
  ['linear without bias', [2, 5], (x) => linear(x, parameter(x, 'fc.weight', [3, 5]))],
  ['batchNormInference', [2, 3, 4, 5], normalised],
  ['batchNormInference of features', [2, 3], normalised],
  ['lrn, sum', [2, 7, 3, 2], (x) => lrn(x, { alpha: 0.3, sum: true })],
  ['lrn, mean', [2, 7, 3, 2], (x) => lrn(x, { size: 3, alpha: 0.3, k: 1, beta: 0.5, sum: false })],
  ['relu', [2, 3, 4, 5], relu],
  [
    'quantize, unsigned',
    [2, 3, 4, 5],
    (x) => quantize(x, { scales: Float32Array.of(2 ** -7), low: 0, high: 255 }),
  ],
  [
    'quantize, signed, a scale for each of the first axis',
    [2, 3, 4, 5],
    (x) => {
      const scales = Float32Array.of(2 ** -6, 2 ** -5);
      return convolution(x, quantize(filters(x, 2, 3, 1, 1), { scales, low: -128, high: 127 }), undefined);
    },
  ],
  ['tanh', [2, 3], tanh],
  ['sigmoid', [2, 3], sigmoid],
  ['softmax', [2, 5], softmax],
  ['add', [2, 3, 2, 2], (x) => add(relu(x), tanh(x))],
  ['multiply', [2, 3, 2, 2], (x) => multiply(x, tanh(x))],
  ['multiply by a gate', [2, 3, 2, 2], (x) => multiply(x, sigmoid(globalAveragePool(x)))],
  ['multiply by a constant', [2, 2], (x) => multiply(x, constant(x.graph, [1, 2], Float32Array.of(3, -1)))],
  ['concat', [2, 3, 2, 2], (x) => concat([x, relu(x), tanh(x)])],
  ['slice', [2, 6, 5, 4], (x) => slice(x, { start: [0, 2, 0, 0], size: [batch(x), 3, 5, 4] })],
  [
    'slice with steps',
    [2, 3, 7, 6],
    (x) => slice(x, { start: [0, 0, 1, 0], size: [batch(x), 3, 3, 2], step: [1, 1, 2, 4] }),
  ],
  ['pad', [2, 3, 2, 2], (x) => pad(x, { before: [0, 1, 0, 2], after: [0, 2, 1, 0] })],
  ['shortcut A', [2, 3, 7, 7], (x) => shortcutA(x, 8, 2)],
  ['reshape', [2, 6, 2, 2], (x) => reshape(x, [batch(x), 2, 3, 4])],
  ['flatten', [2, 3, 2, 2], flatten],
  ['globalAveragePool', [2, 3, 4, 5], globalAveragePool],
  ['adaptiveAveragePool of uneven bins', [2, 3, 7, 5], (x) => adaptiveAveragePool(x, [3, 4])],
  ['adaptiveAveragePool to more than there is', [2, 2, 2, 3], (x) => adaptiveAveragePool(x, 7)],
  ...pools.map(
    (options) => [`maxPool ${nameOf(options)}`, [2, 2, 8, 7], (x: Value) => maxPool(x, options)] as const,
  ),
  ...pools.flatMap((pool) =>
    [true, false].map((countIncludePad) => {
      const options = { ...pool, countIncludePad };
      return [`averagePool ${nameOf(options)}`, [2, 2, 8, 7], (x: Value) => averagePool(x, options)] as const;
    }),
  ),
];

function built(shape: Shape, build: Build): Graph {
  const graph = createGraph();
  markOutput('result', build(input(graph, 'images', shape)));
  return graph;
}

function expected(
  graph: Graph,
  weights: ReadonlyMap<string, Float32Array>,
  images: Float32Array,
): Float32Array {
  const program = createReferenceEngine().compile(graph);
  for (const [name, values] of weights) program.write(name, values);
  return program.run({ images }).result as Float32Array;
}

describe('each op in onnxruntime', () => {
  it.each(cases)('%s', async (_, shape, build) => {
    const graph = built(shape, build);
    const weights = livelyWeights(graph);
    const data = wave(elementCount(shape));
    const { result } = await runExported(graph, weights, { shape, data });
    expect(result?.shape).toEqual(graph.outputs.get('result')?.shape);
    expect(relativeError(result?.data ?? [], expected(graph, weights, data))).toBeLessThan(1e-5);
  });

  it.each(cases)('%s, with a batch that the run chooses', async (_, [, ...rest], build) => {
    const graph = built([1, ...rest], build);
    const weights = livelyWeights(graph);
    const larger = built([3, ...rest], build);
    const shape = [3, ...rest];
    const data = wave(elementCount(shape));
    const { result } = await runExported(graph, weights, { shape, data }, { dynamicBatch: true });
    expect(result?.shape).toEqual(larger.outputs.get('result')?.shape);
    expect(relativeError(result?.data ?? [], expected(larger, weights, data))).toBeLessThan(1e-5);
  });

  it('covers all that can be exported', () => {
    const used = cases.flatMap(([, shape, build]) => liveNodes(built(shape, build)).map(({ op }) => op.name));
    expect(exportableOps.filter((op) => !used.includes(op))).toEqual([]);
  });
});

describe('what ONNX cannot say is refused by name', () => {
  const refused = (shape: Shape, build: Build, dynamicBatch = false) => {
    const graph = built(shape, build);
    return () => encodeOnnx(graph, livelyWeights(graph), { name: 'test', dynamicBatch });
  };

  it.each<[string, Shape, Build, RegExp]>([
    [
      'zeros between elements',
      [1, 2, 2, 2],
      (x) => pad(x, { before: [0, 0, 0, 0], after: [0, 0, 0, 0], interior: [0, 0, 1, 1] }),
      /^pad cannot be exported to ONNX: it puts zeros between/,
    ],
    ['an even window of LRN', [1, 4, 2, 2], (x) => lrn(x, { size: 4 }), /^lrn cannot .* 4 channels is even/],
    [
      'dropout',
      [1, 4],
      (x) => dropout(x, constant(x.graph, [], Int32Array.of(1), 'index'), { rate: 0.5, stream: 0 }),
      /^dropout cannot be exported to ONNX: ONNX files hold inference/,
    ],
    [
      'switches',
      [1, 2, 4, 4],
      (x) => {
        const { switches } = maxPoolWithSwitches(x, { kernel: 2 });
        return reshape(switches, [1, 8]);
      },
      /no counterpart of an output of maxPool/,
    ],
  ])('%s', (_, shape, build, sentence) => {
    expect(refused(shape, build)).toThrow(sentence);
  });

  it.each<[string, Build]>([
    ['joining along the batch', (x) => concat([x, x], 0)],
    ['cutting the batch', (x) => slice(x, { start: [1, 0, 0, 0], size: [1, 2, 2, 2] })],
    ['padding the batch', (x) => pad(x, { before: [1, 0, 0, 0], after: [0, 0, 0, 0] })],
    ['mixing pictures', (x) => reshape(x, [4, 4])],
  ])('%s, where the batch is to be dynamic', (_, build) => {
    expect(refused([2, 2, 2, 2], build, true)).toThrow(/give --batch a number/);
    expect(refused([2, 2, 2, 2], build, false)).not.toThrow();
  });
});
