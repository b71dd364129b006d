// Checks gradient rules against differences in double precision: for a random cotangent r and a random direction
// d of one input, d/dt <f(x + t d), r> must equal <gradient, d>. A direction excites every element at once, so
// that a single wrong one shows.
import { walkBack } from '../../graph/autodiff.ts';
import { createGraph, type Graph, input, markOutput, type Value } from '../../graph/graph.ts';
import { normals, streamOf } from '../../graph/random.ts';
import { elementCount, type NumericArray, type Precision, type Shape } from '../../graph/tensor.ts';
import { createReferenceEngine } from './index.ts';

export interface CheckedInput {
  readonly shape: Shape;
  readonly precision?: Precision;
  /** Where to check; default: standard normal numbers. */
  readonly values?: NumericArray;
}

export interface GradientCheck {
  readonly inputs: Readonly<Record<string, CheckedInput>>;
  readonly build: (values: Record<string, Value>, graph: Graph) => Value;
  /** Inputs to differentiate by; default: all that are not of whole numbers. */
  readonly wanted?: readonly string[];
  readonly seed?: number;
}

const STEP = 1e-5;

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/**
 * The largest relative disagreement between a gradient rule and central differences, over the wanted inputs and
 * three directions for each.
 */
export function gradientError({ inputs, build, wanted, seed = 0 }: GradientCheck): number {
  const graph = createGraph();
  const values: Record<string, Value> = {};
  for (const [name, { shape, precision = 'full' }] of Object.entries(inputs)) {
    values[name] = input(graph, name, shape, precision);
  }
  const y = build(values, graph);
  const random = (name: string, shape: Shape) => normals(seed, streamOf(name), elementCount(shape));
  const r = random('cotangent', y.shape);
  const signal = input(graph, 'cotangent', y.shape, y.precision);
  const names = wanted ?? Object.keys(inputs).filter((name) => inputs[name]?.precision !== 'index');
  const targets = names.map((name) => values[name] as Value);
  const signals = walkBack(graph, new Map([[y, signal]]), targets);
  markOutput('y', y);
  names.forEach((name, i) => {
    const gradient = signals.get(targets[i] as Value);
    if (gradient === undefined) throw new Error(`The result does not depend on ${name}.`);
    markOutput(`d ${name}`, gradient);
  });
  const program = createReferenceEngine().compile(graph, { dtype: 'f64' });
  const feeds: Record<string, NumericArray> = { cotangent: r };
  for (const [name, { shape, values: given }] of Object.entries(inputs)) {
    feeds[name] = given ?? random(name, shape);
  }
  const at = (changed: Record<string, NumericArray>): Record<string, NumericArray> =>
    program.run({ ...feeds, ...changed });
  const here = at({});
  let worst = 0;
  for (const name of names) {
    const x = Float64Array.from(feeds[name] as NumericArray);
    const gradient = here[`d ${name}`] as NumericArray;
    for (let trial = 0; trial < 3; trial++) {
      const direction = normals(seed, streamOf(`direction ${trial} ${name}`), x.length);
      const moved = (t: number): number =>
        dot(at({ [name]: x.map((value, i) => value + t * (direction[i] as number)) }).y as NumericArray, r);
      const slope = (moved(STEP) - moved(-STEP)) / (2 * STEP);
      const expected = dot(gradient, direction);
      // What the two would be if their terms did not cancel: the scale against which they may differ.
      const scale = Math.sqrt(dot(gradient, gradient) * dot(direction, direction)) + 1e-3;
      worst = Math.max(worst, Math.abs(slope - expected) / scale);
    }
  }
  return worst;
}
