// A compiled graph: lowered, planned, and bound to memory; then every run is a few native calls, with the host steps
// between them.
import { didYouMean } from '../../errors.ts';
import type { Graph, Initial, Value } from '../../graph/graph.ts';
import { elementCount, type NumericArray, type Shape } from '../../graph/tensor.ts';
import type {
  CompileOptions,
  ComputeType,
  EngineDescription,
  MemoryNeed,
  Program,
  ProgramReport,
} from '../engine.ts';
import { checkFeeds } from '../feeds.ts';
import { initialValues } from '../initial.ts';
import type { FloatType } from './abi.ts';
import { createTuner } from './autotune/tuner.ts';
import { bindNative, joined } from './binding.ts';
import { candidateFinder } from './candidates.ts';
import { placeKept } from './kept-memory.ts';
import type { Library } from './library.ts';
import type { Step, Storage, Tensor } from './lowering.ts';
import { allocateRegion, type Region } from './memory.ts';
import { createNatives, type NativeWork } from './natives.ts';
import { planProgram } from './planned.ts';
import { createStopwatch, describeArena, describeSteps } from './report.ts';
import { signalShield } from './signals.ts';
import { createStateAccess } from './state-access.ts';

/** Bytes of a program's arena. */
const worthTrimming = 4 << 20;

export function compileProgram(
  library: Library,
  engine: EngineDescription,
  given: Graph,
  options: CompileOptions,
): Program {
  const { seed = 0, profile = false, betweenSteps, recompute } = options;
  const dtype = checkedType(library, engine, options.dtype);
  const began = performance.now();
  const shielded = signalShield();
  const natives = createNatives(library);
  const tuner = createTuner(library, engine, options);
  const { graph, lowered, memory: plan } = planProgram(natives, given, { dtype, recompute, tuner });
  const autotune = tuner?.finish();
  const arena = allocateRegion(library, plan.arenaBytes);
  const { weights, onNote } = options;
  const kept = placeKept({ library, natives, engine, dtype, lowered, weights, onNote });
  const regionOf = (storage: Storage): Region => (storage.place === 'arena' ? arena : kept.regionOf(storage));
  const addressOf = ({ storage, byteOffset = 0 }: Tensor): bigint =>
    regionOf(storage).address + BigInt(storage.offset + byteOffset);
  const arrayOf = ({ layout, storage }: Tensor): NumericArray => {
    const count = elementCount(layout.dims);
    const region = regionOf(storage);
    return layout.type === 's32'
      ? region.integers(storage.offset, count)
      : region.floats(storage.offset, count);
  };

  const bind = (step: Step): NativeWork | (() => void) => {
    if (step.kind === 'host') {
      const inputs = step.reads.map(arrayOf);
      const outputs = step.writes.map(arrayOf);
      return () => step.compute(inputs, outputs);
    }
    return bindNative(natives, step, addressOf);
  };
  const prologue = kept.ready ? [] : joined(natives, lowered.prologue.map(bind));
  const isWatched = profile || betweenSteps !== undefined;
  const works = lowered.steps.map(bind);
  const steps = isWatched ? works.flatMap((work) => joined(natives, [work])) : joined(natives, works);
  const inputArrays = new Map([...lowered.inputs].map(([name, tensor]) => [name, arrayOf(tensor)]));
  const outputArrays = [...lowered.outputs].map(([name, tensor]) => [name, arrayOf(tensor)] as const);
  if (!kept.ready) for (const { tensor, data } of lowered.constants) arrayOf(tensor).set(data);

  const access = createStateAccess(natives, lowered.states, addressOf, library);
  // Random numbers are drawn when they are first needed: weights that are read from a file replace them before.
  const unstarted = new Set(weights === undefined ? graph.states.keys() : []);
  const start = (name: string): void => {
    const { shape, source } = graph.states.get(name) as Value;
    if (source.kind === 'state') startState(name, shape, source.initial);
    unstarted.delete(name);
  };
  const isPlain = (name: string): boolean => {
    const { layout } = lowered.states.get(name) as Tensor;
    return natives.sameLayout(layout, natives.plainLayout(layout.dims, 'f32'));
  };
  const startState = (name: string, shape: Shape, initial: Initial): void => {
    // Memory that nobody has written to holds zeros.
    if (initial.kind === 'constant' && initial.value === 0) return;
    // Row-major ones are drawn where they will lie: the largest layers take as much memory as all the rest.
    const place = isPlain(name) ? (arrayOf(lowered.states.get(name) as Tensor) as Float32Array) : undefined;
    const values = initialValues(name, shape, initial, seed, place ?? roomFor(elementCount(shape)));
    if (place === undefined) access.write(name, values);
  };
  /** One room for all: what is left to be collected would still be there when a run begins. */
  let room = new Float32Array(0);
  const roomFor = (count: number): Float32Array => {
    const others = [...unstarted].filter((name) => !isPlain(name));
    const counts = others.map((name) => elementCount(graph.states.get(name)?.shape ?? []));
    if (room.length < count) room = new Float32Array(Math.max(count, ...counts));
    return room.subarray(0, count);
  };

  let prologueIsStale = true;
  if (weights !== undefined) {
    if (!kept.ready) {
      for (const name of kept.written ?? []) access.write(name, weights.read(name));
      shielded(() => {
        for (const step of prologue) step();
      });
      kept.settle();
    }
    prologue.length = 0;
    prologueIsStale = false;
  }

  const stopwatch = createStopwatch(steps);
  const compileMs = performance.now() - began;
  const candidatesOf = profile ? candidateFinder(library, natives, profile === 'full') : () => [];
  let runs = 0;
  let disposed = false;
  const alive = (): void => {
    if (disposed) throw new Error('The program has been disposed of; compile the graph again.');
  };

  const known = (name: string): string => {
    if (graph.states.has(name)) return name;
    throw new Error(`The graph has no state named ${name}.${didYouMean(name, graph.states.keys())}`);
  };

  return {
    graph: given,
    run(feeds = {}) {
      alive();
      checkFeeds(graph, feeds);
      if (unstarted.size > 0) {
        for (const name of unstarted) start(name);
        // Small programs leave nothing that is worth a walk over all that is free.
        room = new Float32Array(0);
        if (plan.arenaBytes >= worthTrimming) library.trim();
      }
      for (const [name, array] of inputArrays) array.set(feeds[name] as NumericArray);
      shielded(() => {
        if (prologueIsStale) for (const step of prologue) step();
        prologueIsStale = false;
        if (profile) stopwatch.run();
        else if (betweenSteps === undefined) for (const step of steps) step();
        else {
          for (const step of steps) {
            step();
            betweenSteps();
          }
        }
      });
      runs++;
      return Object.fromEntries(outputArrays.map(([name, array]) => [name, array.slice()]));
    },
    read(name) {
      alive();
      if (weights !== undefined) return weights.read(known(name)).slice();
      if (unstarted.has(name)) start(name);
      return access.read(name);
    },
    write(name, values) {
      alive();
      if (weights !== undefined) {
        throw new Error(`The program was compiled with fixed weights; ${known(name)} cannot be written.`);
      }
      access.write(name, values);
      unstarted.delete(name);
      prologueIsStale = true;
    },
    report: (): ProgramReport => ({
      engine,
      dtype,
      steps: describeSteps(lowered.steps, stopwatch.times(), disposed ? () => [] : candidatesOf),
      runs,
      arenaBytes: plan.arenaBytes,
      lowerBoundBytes: plan.lowerBoundBytes,
      arena: describeArena(lowered.steps, lowered.inputs),
      stateBytes: kept.bytes,
      compileMs,
      autotune,
    }),
    dispose() {
      if (disposed) return;
      disposed = true;
      natives.dispose();
    },
  };
}

/** What `compileProgram` would take for activations, gradients and scratch. */
export function planMemoryOf(
  library: Library,
  engine: EngineDescription,
  graph: Graph,
  options: Pick<CompileOptions, 'dtype' | 'recompute'>,
): MemoryNeed {
  const natives = createNatives(library);
  try {
    const dtype = checkedType(library, engine, options.dtype);
    return planProgram(natives, graph, { dtype, recompute: options.recompute }).memory;
  } finally {
    natives.dispose();
  }
}

function checkedType(library: Library, engine: EngineDescription, dtype: ComputeType = 'f32'): FloatType {
  if (dtype !== 'f64' && engine.dtypes.includes(dtype)) return dtype;
  throw new Error(
    `oneDNN ${library.version} on this CPU (${engine.isa}) got dtype ${dtype}, ` +
      `expected ${engine.dtypes.join(' or ')}.`,
  );
}
