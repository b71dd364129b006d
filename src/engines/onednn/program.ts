// A compiled graph: lowered, planned, and bound to memory; then every run is a walk over a static list of
// native calls, with the few host steps between them.
import { didYouMean } from '../../errors.ts';
import { type Graph, liveNodes, type Value } from '../../graph/graph.ts';
import { elementCount, type NumericArray } from '../../graph/tensor.ts';
import type { CompileOptions, EngineDescription, Program, ProgramReport } from '../engine.ts';
import { checkFeeds } from '../feeds.ts';
import { initialValues } from '../initial.ts';
import { argument, type Layout } from './abi.ts';
import { candidateFinder } from './candidates.ts';
import { planFusion } from './fusion.ts';
import { kernels } from './kernels/index.ts';
import { optimizedStateLayout } from './kernels/sgd.ts';
import type { Library } from './library.ts';
import { lower, type Step, type Storage, type Tensor } from './lowering.ts';
import { allocateRegion, type Region } from './memory.ts';
import { planMemory } from './memory-plan.ts';
import { argumentTable, createNatives, type Natives } from './natives.ts';
import { createStopwatch, describeArena, describeSteps } from './report.ts';
import { schedule } from './schedule.ts';
import { signalShield } from './signals.ts';

const alignment = 128;

export function compileProgram(
  library: Library,
  engine: EngineDescription,
  graph: Graph,
  options: CompileOptions,
): Program {
  const { dtype = 'f32', seed = 0, profile = false, betweenSteps } = options;
  if (dtype === 'f64' || !engine.dtypes.includes(dtype)) {
    throw new Error(
      `oneDNN ${library.version} on this CPU (${engine.isa}) got dtype ${dtype}, ` +
        `expected ${engine.dtypes.join(' or ')}.`,
    );
  }
  const began = performance.now();
  const shielded = signalShield();
  const natives = createNatives(library);
  const nodes = schedule(liveNodes(graph));
  const lowered = lower({
    natives,
    graph,
    nodes,
    fusion: planFusion(graph, nodes),
    dtype,
    kernels,
    stateLayout: optimizedStateLayout,
  });
  // States and inputs that no node reads exist all the same: they can be read, written and fed.
  for (const [name, value] of graph.states) {
    if (!lowered.states.has(name)) lowered.states.set(name, unread(natives, value, 'kept'));
  }
  for (const [name, value] of graph.inputs) {
    if (!lowered.inputs.has(name)) lowered.inputs.set(name, unread(natives, value, 'arena'));
  }

  const plan = planMemory(lowered.steps, lowered.inputs.values(), lowered.outputs.values());
  const arena = allocateRegion(library, plan.arenaBytes);
  const kept = placeKept(library, [
    ...lowered.states.values(),
    ...lowered.constants.map(({ tensor }) => tensor),
    ...[...lowered.prologue, ...lowered.steps].flatMap(({ reads, writes }) => [...reads, ...writes]),
  ]);
  const regionOf = (storage: Storage): Region => (storage.place === 'arena' ? arena : kept.region);
  const addressOf = ({ storage }: Tensor): bigint => regionOf(storage).address + BigInt(storage.offset);
  const arrayOf = ({ layout, storage }: Tensor): NumericArray => {
    const count = elementCount(layout.dims);
    const region = regionOf(storage);
    return layout.type === 's32'
      ? region.integers(storage.offset, count)
      : region.floats(storage.offset, count);
  };

  const bind = (step: Step): (() => void) => {
    if (step.kind === 'host') {
      const inputs = step.reads.map(arrayOf);
      const outputs = step.writes.map(arrayOf);
      return () => step.compute(inputs, outputs);
    }
    const pairs = step.arguments.map(
      ([number, tensor]) => [number, natives.memory(tensor.layout, addressOf(tensor))] as const,
    );
    const table = argumentTable(pairs);
    const primitive = natives.primitive(step.descriptor);
    const what = `${step.op} at '${step.path}' (${step.descriptor.implementation})`;
    return () => natives.execute(primitive, table, what);
  };
  const prologue = lowered.prologue.map(bind);
  const steps = lowered.steps.map(bind);
  const inputArrays = new Map([...lowered.inputs].map(([name, tensor]) => [name, arrayOf(tensor)]));
  const outputArrays = [...lowered.outputs].map(([name, tensor]) => [name, arrayOf(tensor)] as const);
  for (const { tensor, data } of lowered.constants) arrayOf(tensor).set(data);

  const access = createStateAccess(graph, natives, lowered.states, addressOf, library);
  // Random numbers are drawn when they are first needed: weights that are read from a file replace them before.
  const unstarted = new Set(graph.states.keys());
  const start = (name: string): void => {
    const { shape, source } = graph.states.get(name) as Value;
    if (source.kind === 'state') access.write(name, initialValues(name, shape, source.initial, seed));
    unstarted.delete(name);
  };

  const stopwatch = createStopwatch(steps);
  const compileMs = performance.now() - began;
  const candidatesOf = profile ? candidateFinder(library, natives, profile === 'full') : () => [];
  let prologueIsStale = true;
  let runs = 0;
  let disposed = false;
  const alive = (): void => {
    if (disposed) throw new Error('The program has been disposed of; compile the graph again.');
  };

  return {
    graph,
    run(feeds = {}) {
      alive();
      checkFeeds(graph, feeds);
      for (const name of unstarted) start(name);
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
      if (unstarted.has(name)) start(name);
      return access.read(name);
    },
    write(name, values) {
      alive();
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
    }),
    dispose() {
      if (disposed) return;
      disposed = true;
      natives.dispose();
    },
  };
}

function unread(natives: Natives, value: Value, place: Storage['place']): Tensor {
  const type = value.precision === 'index' ? 's32' : 'f32';
  const layout = natives.plainLayout(value.shape.length === 0 ? [1] : value.shape, type);
  return { layout, storage: { place, bytes: layout.bytes, first: -1, last: -1, offset: 0 } };
}

/** Gives every kept storage a place of its own. */
function placeKept(library: Library, tensors: readonly Tensor[]): { region: Region; bytes: number } {
  let bytes = 0;
  for (const storage of new Set(tensors.map((tensor) => tensor.storage))) {
    if (storage.place !== 'kept') continue;
    storage.offset = bytes;
    bytes += Math.ceil(storage.bytes / alignment) * alignment;
  }
  return { region: allocateRegion(library, bytes), bytes };
}

interface StateAccess {
  read(name: string): Float32Array;
  write(name: string, values: ArrayLike<number>): void;
}

/** States in plain layout, whatever layout they are kept in. Reorders are made on first use. */
function createStateAccess(
  graph: Graph,
  natives: Natives,
  states: ReadonlyMap<string, Tensor>,
  addressOf: (tensor: Tensor) => bigint,
  library: Library,
): StateAccess {
  const shielded = signalShield();
  const moves = new Map<string, { numbers: Float32Array; run: () => void }>();
  const mover = (name: string, direction: 'read' | 'write') => {
    const tensor = states.get(name);
    if (tensor === undefined) {
      throw new Error(`The graph has no state named ${name}.${didYouMean(name, states.keys())}`);
    }
    const key = `${direction} ${name}`;
    let move = moves.get(key);
    if (move === undefined) {
      const plain = natives.plainLayout(tensor.layout.dims, 'f32');
      const numbers = new Float32Array(elementCount(tensor.layout.dims));
      move = { numbers, run: copier(plain, tensor, library.address(numbers), direction) };
      moves.set(key, move);
    }
    return move;
  };
  const copier = (plain: Layout, tensor: Tensor, address: bigint, direction: 'read' | 'write') => {
    const [src, dst] = direction === 'read' ? [tensor.layout, plain] : [plain, tensor.layout];
    const descriptor = natives.describe('reorder', { src, dst });
    if (descriptor === undefined)
      throw new Error(`oneDNN: no reorder for a state of ${plain.dims.join('x')}.`);
    const inside = natives.memory(tensor.layout, addressOf(tensor));
    const outside = natives.memory(plain, address);
    const [from, to] = direction === 'read' ? [inside, outside] : [outside, inside];
    const scratch = new Uint8Array(descriptor.scratchpadBytes + alignment);
    const scratchLayout = natives.plainLayout([Math.max(1, descriptor.scratchpadBytes)], 'u8');
    const table = argumentTable([
      [argument.src, from],
      [argument.dst, to],
      [argument.scratchpad, natives.memory(scratchLayout, library.address(scratch))],
    ]);
    const primitive = natives.primitive(descriptor);
    return () => {
      // The closure keeps `scratch` alive as long as the primitive that writes into it.
      if (scratch.length > 0) natives.execute(primitive, table, 'the copy of a state');
    };
  };
  return {
    read(name) {
      const { numbers, run } = mover(name, 'read');
      shielded(run);
      return numbers.slice();
    },
    write(name, values) {
      const count = elementCount(graph.states.get(name)?.shape ?? []);
      const { numbers, run } = mover(name, 'write');
      if (values.length !== count) {
        throw new Error(`The state ${name} got ${values.length} numbers, expected ${count}.`);
      }
      numbers.set(values);
      shielded(run);
    },
  };
}
