// For tests: networks with weights that make every layer matter, and onnxruntime as the one who says whether a
// file is what it claims to be. onnxruntime checks a model's structure, types and shapes when it loads it.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Engine } from '../../engines/engine.ts';
import { type Graph, markOutput } from '../../graph/graph.ts';
import { streamOf, uniforms } from '../../graph/random.ts';
import { foldBatchNorm } from '../../graph/rewrite/fold-batch-norm.ts';
import { elementCount, type Shape } from '../../graph/tensor.ts';
import type { Form, Network, NetworkDescription } from '../../nets/network.ts';
import { encodeOnnx, type OnnxOptions } from './export.ts';
import type { Encoded } from './protobuf.ts';

/** Batch norms beyond which a network is deep enough for residual sums to grow out of hand. */
const deep = 80;

/**
 * Weights under which signals neither fade nor explode, so that a wrong border shows in the logits: filters as He
 * et al. draw them, batch norms with statistics of their own.
 */
export function livelyWeights(graph: Graph): Map<string, Float32Array> {
  const norms = [...graph.states.keys()].filter((name) => name.endsWith('running_var')).length;
  const gain: Range = norms > deep ? [0.3, 0.8] : [0.5, 1.2];
  return new Map(
    [...graph.states].map(([name, { shape }]) => {
      const [least, most] = rangeOf(name, shape, gain);
      return [name, spread(name, elementCount(shape), least, most)] as const;
    }),
  );
}

type Range = readonly [least: number, most: number];

function spread(name: string, count: number, least: number, most: number): Float32Array {
  // A short period keeps a hundred million weights cheap; it is prime, so that no two filters are alike.
  const numbers = uniforms(1, streamOf(name), Math.min(count, 100_003));
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++)
    values[i] = least + (most - least) * (numbers[i % numbers.length] as number);
  return values;
}

function rangeOf(name: string, shape: Shape, gain: Range): Range {
  if (name.endsWith('running_mean')) return [-0.2, 0.2];
  if (name.endsWith('running_var')) return [0.5, 1.5];
  if (shape.length === 1) return name.endsWith('weight') ? gain : [-0.2, 0.2];
  const bound = Math.sqrt(6 / elementCount(shape.slice(1)));
  return [-bound, bound];
}

/**
 * The graph with states that start at zero, which costs nothing: for programs whose weights are written anyway.
 */
export function startingAtZero(graph: Graph): Graph {
  for (const { source } of graph.states.values()) {
    if (source.kind === 'state') Object.assign(source, { initial: { kind: 'constant', value: 0 } });
  }
  return graph;
}

export function joined({ pieces }: Encoded): Uint8Array {
  return Buffer.concat(pieces);
}

export interface OnnxInput {
  readonly shape: Shape;
  readonly data: Float32Array | Uint8Array;
}

/** Loads a file's bytes and runs it once on the CPU with the input `images`. */
export async function runOnnx(
  bytes: Uint8Array,
  images: OnnxInput,
): Promise<Record<string, { shape: Shape; data: Float32Array }>> {
  const session = await InferenceSession.create(bytes, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  try {
    const type = images.data instanceof Uint8Array ? 'uint8' : 'float32';
    const results = await session.run({ images: new Tensor(type, images.data, images.shape) });
    return Object.fromEntries(
      Object.entries(results).map(([name, { dims, data }]) => [
        name,
        { shape: dims, data: data as Float32Array },
      ]),
    );
  } finally {
    await session.release();
  }
}

/** What onnxruntime makes of the exported graph. */
export function runExported(
  graph: Graph,
  weights: ReadonlyMap<string, Float32Array>,
  images: OnnxInput,
  options: Partial<OnnxOptions> = {},
): ReturnType<typeof runOnnx> {
  return runOnnx(joined(encodeOnnx(graph, weights, { name: 'test', ...options })), images);
}

/** The largest difference, relative to the largest expected number. */
export function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs((got[i] as number) - (expected[i] as number));
    // Written so that NaN counts as the largest difference.
    if (!(distance <= difference)) difference = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
    largest = Math.max(largest, Math.abs(expected[i] as number));
  }
  return difference / largest;
}

export interface Agreement {
  /** Of onnxruntime's logits from ours. */
  readonly error: number;
  /** The same with batch norms folded; undefined where there are none. */
  readonly foldedError?: number;
  /** How far the logits move with another picture: what the two numbers above are to be measured by. */
  readonly sensitivity: number;
}

/** Runs a network of one picture here and in onnxruntime, from the same weights. */
export async function compareWithOnnx(engine: Engine, network: Network): Promise<Agreement> {
  const graph = startingAtZero(network.graph);
  markOutput('logits', network.logits);
  const weights = livelyWeights(graph);
  const { shape } = network.images;
  const data = wave(elementCount(shape));
  const program = engine.compile(graph, { dtype: 'f32' });
  for (const [name, values] of weights) program.write(name, values);
  const expected = program.run({ images: data }).logits as Float32Array;
  const other = program.run({ images: data.map((value) => 0.1 - value) }).logits as Float32Array;
  program.dispose();
  const errorOf = async (which: Graph, its: ReadonlyMap<string, Float32Array>): Promise<number> =>
    relativeError((await runExported(which, its, { shape, data })).logits?.data ?? [], expected);
  const error = await errorOf(graph, weights);
  const folded = foldBatchNorm(graph, weights);
  const foldedError = folded.folded === 0 ? undefined : await errorOf(folded.graph, folded.weights);
  return { error, foldedError, sensitivity: relativeError(other, expected) };
}

/** Numbers in -1..1 that look random and are the same every time. */
export function wave(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898 + (i % 7)));
}

export function formsOf({ forms }: NetworkDescription): Form[] {
  return Object.keys(forms) as Form[];
}
