// The shared case table: every op, forward and through its gradient rule, and the blocks of real networks, run on
// every engine and compared with the reference. An op without a case is a failure of the table's test.
import { createGraph, liveNodes } from '../graph/graph.ts';
import type { NumericArray } from '../graph/tensor.ts';
import type { OpCase } from './cases/case.ts';
import { convolutionCases, linearCases } from './cases/convolutions.ts';
import { activationCases, arithmeticCases, dropoutCases } from './cases/elementwise.ts';
import { exchangeCases } from './cases/exchange.ts';
import { graphCases } from './cases/graphs.ts';
import { crossEntropyCases, sgdCases, softmaxCases } from './cases/losses.ts';
import { batchNormCases, lrnCases } from './cases/normalisation.ts';
import { adaptiveAveragePoolCases, averagePoolCases, maxPoolCases } from './cases/pooling.ts';
import { quantiseCases } from './cases/quantised.ts';
import { concatCases, padCases, reshapeCases, sliceCases } from './cases/shapes.ts';
import { trainingCases } from './cases/training.ts';
import type { CompileOptions, Engine } from './engine.ts';

export type { OpCase } from './cases/case.ts';

export const opCases: readonly OpCase[] = [
  ...convolutionCases,
  ...linearCases,
  ...activationCases,
  ...arithmeticCases,
  ...dropoutCases,
  ...maxPoolCases,
  ...averagePoolCases,
  ...adaptiveAveragePoolCases,
  ...batchNormCases,
  ...lrnCases,
  ...concatCases,
  ...sliceCases,
  ...padCases,
  ...reshapeCases,
  ...softmaxCases,
  ...quantiseCases,
  ...crossEntropyCases,
  ...sgdCases,
  ...trainingCases,
  ...exchangeCases,
  ...graphCases,
];

/** The names of the ops that the table runs, backward ones included: those of live nodes, not of titles. */
export function coveredOps(): Set<string> {
  const covered = new Set<string>();
  for (const { build } of opCases) {
    const graph = createGraph();
    build(graph);
    for (const { op } of liveNodes(graph)) covered.add(op.name);
  }
  return covered;
}

export type Results = Record<string, NumericArray>;

/**
 * Runs a case twice in one program, so that a stale buffer or a wrong update shows, and gives the outputs of the
 * second run and every state after it (as `state NAME`).
 */
export function runCase(engine: Engine, { build, feeds }: OpCase, options: CompileOptions = {}): Results {
  const graph = createGraph();
  build(graph);
  const program = engine.compile(graph, { seed: 1, ...options });
  try {
    program.run(feeds());
    const results = program.run(feeds());
    for (const name of graph.states.keys()) results[`state ${name}`] = program.read(name);
    return results;
  } finally {
    program.dispose();
  }
}

/**
 * The worst relative error over all results, where a tensor's is max|a - b| / max|b| over its finite numbers
 * (max|a - b| where b is all zeros). Throws an Error that names the result where one is missing, has another length, is NaN or infinite
 * on one side only, or is further off than `tolerance`.
 */
export function compareResults(actual: Results, expected: Results, tolerance: number): number {
  let worst = 0;
  for (const name of Object.keys({ ...actual, ...expected })) {
    const [a, b] = [actual[name], expected[name]];
    if (a === undefined || b === undefined) throw new Error(`${name} is missing on one side.`);
    if (a.length !== b.length) throw new Error(`${name} has ${a.length} numbers, expected ${b.length}.`);
    const error = relativeError(a, b);
    if (!(error <= tolerance)) {
      throw new Error(
        `${name} is off by ${error.toExponential(2)} (relative), expected at most ${tolerance}.`,
      );
    }
    worst = Math.max(worst, error);
  }
  return worst;
}

function relativeError(a: NumericArray, b: NumericArray): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const [p, q] = [a[i] as number, b[i] as number];
    if (Object.is(p, q)) continue;
    if (!(Number.isFinite(p) && Number.isFinite(q))) return Infinity;
    difference = Math.max(difference, Math.abs(p - q));
  }
  for (const q of b) if (Number.isFinite(q)) largest = Math.max(largest, Math.abs(q));
  return largest === 0 ? difference : difference / largest;
}
