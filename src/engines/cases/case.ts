// The vocabulary of the shared case table: inputs that are drawn from a seed, and cases that mark the result of
// an op and, by autodiff, the gradients of its inputs. Inputs lie on coarse grids that bfloat16 holds exactly,
// without zeros and (for max pooling) without ties, so that no case hangs on how an engine rounds.
import { walkBack } from '../../graph/autodiff.ts';
import { createGraph, type Graph, input, markOutput, type Value } from '../../graph/graph.ts';
import { streamOf, uniforms } from '../../graph/random.ts';
import { elementCount, type NumericArray, type Precision, type Shape } from '../../graph/tensor.ts';

export interface OpCase {
  /** The op that the case is about; a composed graph has the op `graph`. */
  readonly op: string;
  readonly name: string;
  /** Adds inputs and nodes to an empty graph and marks its outputs. */
  readonly build: (graph: Graph) => void;
  /** What to feed, the same on every call. */
  readonly feeds: () => Record<string, NumericArray>;
  /** Relative error allowed in bf16, where it is not the table's 3e-2. */
  readonly bf16?: number;
}

/** One input of a case: its type, and its numbers as a function of a stream of random numbers. */
export interface Feed {
  readonly shape: Shape;
  readonly precision: Precision;
  readonly values: (stream: number) => NumericArray;
}

const SEED = 20120930;

function drawn(shape: Shape, precision: Precision, rule: (u: number) => number): Feed {
  const values = (stream: number) => new Float32Array(uniforms(SEED, stream, elementCount(shape)).map(rule));
  return { shape, precision, values };
}

/** Activations: odd multiples of 1/16 in (-2, 2). */
export const grid = (...shape: number[]): Feed =>
  drawn(shape, 'compute', (u) => (2 * Math.floor(u * 32) - 31) / 16);

/** Activations after a ReLU: odd multiples of 1/32 in (0, 2). */
export const rectified = (...shape: number[]): Feed =>
  drawn(shape, 'compute', (u) => (2 * Math.floor(u * 32) + 1) / 32);

/** Activations around 4, for statistics far from zero. */
export const shifted = (...shape: number[]): Feed =>
  drawn(shape, 'compute', (u) => 4 + (2 * Math.floor(u * 32) - 31) / 16);

/** Weights: odd multiples of 1/32 in (-1/2, 1/2). */
export const weights = (...shape: number[]): Feed =>
  drawn(shape, 'full', (u) => (2 * Math.floor(u * 16) - 15) / 32);

/** Scales and variances: from 1/2 to 3/2. */
export const positive = (...shape: number[]): Feed => drawn(shape, 'full', (u) => 0.5 + u);

/** Pictures in which no 7x7 window holds a number twice: a shuffled 7x7 tile repeated, another per plane. */
export function distinct(...shape: number[]): Feed {
  const [h, w] = shape.slice(-2) as [number, number];
  const values = (stream: number): Float32Array => {
    const tiles = elementCount(shape) / (h * w);
    const keys = uniforms(SEED, stream, tiles * 49);
    return Float32Array.from({ length: elementCount(shape) }, (_, i) => {
      const tile = Math.floor(i / (h * w)) * 49;
      const place = (Math.floor(i / w) % h) % 7;
      const key = keys[tile + place * 7 + ((i % w) % 7)] as number;
      const rank = keys.subarray(tile, tile + 49).reduce((count, other) => count + (other < key ? 1 : 0), 0);
      return (2 * rank - 49) / 16;
    });
  };
  return { shape, precision: 'compute', values };
}

/** `n` labels below `classes`. */
export const labels = (n: number, classes: number): Feed => ({
  shape: [n],
  precision: 'index',
  values: (stream) => new Int32Array(uniforms(SEED, stream, n).map((u) => Math.floor(u * classes))),
});

/** Given numbers. */
export const exactly = (shape: Shape, precision: Precision, numbers: readonly number[]): Feed => ({
  shape,
  precision,
  values: () => (precision === 'index' ? Int32Array.from(numbers) : Float32Array.from(numbers)),
});

export type Inputs<F> = { readonly [K in keyof F]: Value };

/** A case whose `build` marks its outputs itself. */
export function graphCase<F extends Record<string, Feed>>(
  op: string,
  name: string,
  feeds: F,
  build: (inputs: Inputs<F>, graph: Graph) => void,
  options: { bf16?: number } = {},
): OpCase {
  return {
    op,
    name,
    build(graph) {
      const values = Object.entries(feeds).map(([key, { shape, precision }]) => [
        key,
        input(graph, key, shape, precision),
      ]);
      build(Object.fromEntries(values) as Inputs<F>, graph);
    },
    feeds: () =>
      Object.fromEntries(
        Object.entries(feeds).map(([key, feed]) => [key, feed.values(streamOf(`${op} ${name} ${key}`))]),
      ),
    ...options,
  };
}

/** A case that marks the one result of `build` as `y`. */
export function forwardCase<F extends Record<string, Feed>>(
  op: string,
  name: string,
  feeds: F,
  build: (inputs: Inputs<F>) => Value,
  options: { bf16?: number } = {},
): OpCase {
  return graphCase(op, name, feeds, (inputs) => markOutput('y', build(inputs)), options);
}

/**
 * Two cases: the result alone, and the gradients of `wanted` (default: every float input), marked `d` and the
 * input's name, for a random gradient `dy` of the result.
 */
export function gradientCases<F extends Record<string, Feed>>(
  op: string,
  name: string,
  feeds: F,
  build: (inputs: Inputs<F>) => Value,
  options: { wanted?: readonly (keyof F & string)[]; bf16?: number } = {},
): OpCase[] {
  const floats = Object.keys(feeds).filter((key) => feeds[key]?.precision !== 'index');
  const wanted = options.wanted ?? floats;
  const backward = graphCase(
    op,
    `${name}, gradients`,
    feeds,
    (inputs, graph) => {
      const y = build(inputs);
      markOutput('y', y);
      const dy = input(graph, 'dy', y.shape, y.precision);
      const targets = wanted.map((key) => inputs[key] as Value);
      const signals = walkBack(graph, new Map([[y, dy]]), targets);
      wanted.forEach((key, i) => {
        const gradient = signals.get(targets[i] as Value);
        if (gradient === undefined) throw new Error(`The case ${op} ${name} gives no gradient for ${key}.`);
        markOutput(`d${key}`, gradient);
      });
    },
    options,
  );
  const resultShape = lazily(() => resultOf(backward));
  const withSignal = {
    ...backward,
    feeds: () => ({
      ...backward.feeds(),
      dy: grid(...resultShape()).values(streamOf(`${op} ${name} dy`)),
    }),
  };
  return [forwardCase(op, name, feeds, build, options), withSignal];
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function resultOf({ build }: OpCase): Shape {
  const graph = createGraph();
  build(graph);
  return (graph.outputs.get('y') as Value).shape;
}
