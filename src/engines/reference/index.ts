// The reference engine: runs a graph by each op's own definition, one node after another. It is slow, exact and
// needs nothing but JavaScript, so that it runs in browsers too; the other engines are tested against it.
// `f64` keeps every float in double precision (for checking gradients by differences); `bf16` rounds every
// value of compute precision to bfloat16 where it is made, which is what a bf16 engine is measured against.
import { didYouMean } from '../../errors.ts';
import type { Graph, Node, Value } from '../../graph/graph.ts';
import { recompute } from '../../graph/rewrite/recompute.ts';
import { elementCount, type NumericArray, type Precision } from '../../graph/tensor.ts';
import type {
  CompileOptions,
  ComputeType,
  Engine,
  EngineDescription,
  MemoryNeed,
  Program,
  ProgramReport,
} from '../engine.ts';
import { checkFeeds } from '../feeds.ts';
import { initialValues } from '../initial.ts';
import { multiplyAddsOf } from '../profile/work.ts';
import { roundToBf16 } from './bf16.ts';
import { planRun } from './plan.ts';

const description: EngineDescription = { name: 'reference', threads: 1, dtypes: ['f32', 'bf16', 'f64'] };

/** The engine that interprets each op's own definition: slow, everywhere, and what every result is held against. */
export function createReferenceEngine(): Engine {
  return { name: 'reference', describe: () => description, plan, compile };
}

/** It recomputes only if it is asked to. */
function running(graph: Graph, what: CompileOptions['recompute'] = 'none'): Graph {
  return what === 'none' ? graph : recompute(graph, { what }).graph;
}

function plan(graph: Graph, options: Pick<CompileOptions, 'dtype' | 'recompute'> = {}): MemoryNeed {
  const { peakElements } = planRun(running(graph, options.recompute));
  const bytes = peakElements * bytesPerElement(options.dtype ?? 'f32');
  return { arenaBytes: bytes, lowerBoundBytes: bytes };
}

function compile(given: Graph, options: CompileOptions = {}): Program {
  const { dtype = 'f32', seed = 0, profile = false, betweenSteps } = options;
  if (!description.dtypes.includes(dtype)) {
    throw new Error(`The reference engine got dtype ${dtype}, expected ${description.dtypes.join(', ')}.`);
  }
  const began = performance.now();
  const graph = running(given, options.recompute);
  const plan = planRun(graph);
  const states = initialStates(graph, dtype, seed);
  const constants = new Map(plan.constants.map((value) => [value, store(constantData(value), value, dtype)]));
  const { weights } = options;
  if (weights !== undefined) for (const [name, numbers] of states) numbers.set(weights.read(name));
  const milliseconds = new Float64Array(plan.steps.length);
  const compileMs = performance.now() - began;
  let runs = 0;
  let disposed = false;

  const stateNamed = (name: string): NumericArray => {
    if (disposed) throw new Error('The program has been disposed of; compile the graph again.');
    const values = states.get(name);
    if (values === undefined) {
      throw new Error(`The graph has no state named ${name}.${didYouMean(name, states.keys())}`);
    }
    return values;
  };

  const run = (feeds: Readonly<Record<string, NumericArray>> = {}): Record<string, NumericArray> => {
    if (disposed) throw new Error('The program has been disposed of; compile the graph again.');
    checkFeeds(graph, feeds);
    const values = new Map<Value, NumericArray>(constants);
    for (const [name, value] of graph.inputs)
      values.set(value, store(feeds[name] as NumericArray, value, dtype));
    for (const [name, value] of graph.states) values.set(value, states.get(name) as NumericArray);
    const numbersOf = (value: Value): NumericArray => values.get(value) as NumericArray;
    plan.steps.forEach(({ node, expired }, i) => {
      const start = profile ? performance.now() : 0;
      const outputs = node.outputs.map((value) =>
        allocate(elementCount(value.shape), value.precision, dtype),
      );
      node.op.evaluate({
        attributes: node.attributes,
        inputs: node.inputs.map(numbersOf),
        inputShapes: node.inputs.map(({ shape }) => shape),
        outputs,
        outputShapes: node.outputs.map(({ shape }) => shape),
      });
      node.outputs.forEach((value, k) => {
        const output = outputs[k] as NumericArray;
        round(output, value.precision, dtype);
        values.set(value, output);
      });
      for (const value of expired) values.delete(value);
      betweenSteps?.();
      if (profile) milliseconds[i] = (milliseconds[i] as number) + performance.now() - start;
    });
    runs++;
    // Copies first, so that an output or an update that reads a state sees it as it was before any update.
    const results = [...graph.outputs].map(([name, value]) => [name, numbersOf(value).slice()] as const);
    const updates = [...graph.updates].map(([name, value]) => [name, numbersOf(value).slice()] as const);
    for (const [name, update] of updates) states.get(name)?.set(update);
    return Object.fromEntries(results);
  };

  const report = (): ProgramReport => ({
    engine: description,
    dtype,
    steps: plan.steps.map(({ node }, i) => ({
      op: node.op.name,
      path: node.path,
      implementation: 'host',
      ms: profile && runs > 0 ? (milliseconds[i] as number) / runs : 0,
      times: profile && runs > 0 ? [(milliseconds[i] as number) / runs] : [],
      macs: multiplyAddsOf(node),
      bytes: bytesOf(node, dtype),
      candidates: [],
    })),
    runs,
    arenaBytes: plan.peakElements * bytesPerElement(dtype),
    lowerBoundBytes: plan.peakElements * bytesPerElement(dtype),
    arena: [],
    stateBytes: [...states.values()].reduce((sum, { byteLength }) => sum + byteLength, 0),
    compileMs,
  });

  return {
    graph: given,
    run,
    read: (name) => Float32Array.from(stateNamed(name)),
    write(name, values) {
      const target = stateNamed(name);
      if (weights !== undefined) {
        throw new Error(`The program was compiled with fixed weights; ${name} cannot be written.`);
      }
      if (values.length !== target.length) {
        throw new Error(`The state ${name} got ${values.length} numbers, expected ${target.length}.`);
      }
      target.set(values);
    },
    report,
    dispose() {
      disposed = true;
      states.clear();
      constants.clear();
    },
  };
}

function initialStates(graph: Graph, dtype: ComputeType, seed: number): Map<string, NumericArray> {
  const states = new Map<string, NumericArray>();
  for (const [name, { shape, source }] of graph.states) {
    if (source.kind !== 'state') throw new Error(`The graph lists ${name} as a state, but it is none.`);
    const values = allocate(elementCount(shape), 'full', dtype);
    values.set(initialValues(name, shape, source.initial, seed));
    states.set(name, values);
  }
  return states;
}

function constantData({ source }: Value): NumericArray {
  if (source.kind !== 'constant') throw new Error(`expected a constant, got a value of kind ${source.kind}.`);
  return source.data;
}

function bytesPerElement(dtype: ComputeType): number {
  return dtype === 'f64' ? 8 : 4;
}

/** Size of what a node reads and writes. */
function bytesOf({ inputs, outputs }: Node, dtype: ComputeType): number {
  const elements = [...new Set([...inputs, ...outputs])].map(({ shape }) => elementCount(shape));
  return elements.reduce((sum, count) => sum + count, 0) * bytesPerElement(dtype);
}

function allocate(count: number, precision: Precision, dtype: ComputeType): NumericArray {
  if (precision === 'index') return new Int32Array(count);
  return dtype === 'f64' ? new Float64Array(count) : new Float32Array(count);
}

function round(values: NumericArray, precision: Precision, dtype: ComputeType): void {
  if (dtype === 'bf16' && precision === 'compute') roundToBf16(values as Float32Array);
}

/** Numbers from outside in the storage and precision that `value` has here. */
function store(numbers: NumericArray, value: Value, dtype: ComputeType): NumericArray {
  const stored = allocate(numbers.length, value.precision, dtype);
  stored.set(numbers);
  round(stored, value.precision, dtype);
  return stored;
}
