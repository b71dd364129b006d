// From a graph to native steps with a place for each tensor: all that is decided before memory is taken and primitives
// are made. What the backward pass would keep too dearly is recomputed (`graph/rewrite/recompute.ts`).
import { type Graph, liveNodes, type Node, type Value } from '../../graph/graph.ts';
import { adaptivePoolsAsProducts } from '../../graph/rewrite/adaptive-pools.ts';
import { poolBeforeRelu } from '../../graph/rewrite/pool-before-relu.ts';
import { type Recomputed, type RecomputeOptions, recompute } from '../../graph/rewrite/recompute.ts';
import type { CompileOptions } from '../engine.ts';
import { elementBytes } from './abi.ts';
import type { Tuner } from './autotune/tuner.ts';
import { planFusion } from './fusion.ts';
import { kernels } from './kernels/index.ts';
import { optimizedStateLayout } from './kernels/sgd.ts';
import { type Lowered, type LoweringOptions, lower, type Storage, type Tensor } from './lowering.ts';
import { type MemoryPlan, planMemory } from './memory-plan.ts';
import type { Natives } from './natives.ts';
import { withQuantisation } from './quantised/index.ts';
import { schedule } from './schedule.ts';
import { sideBySide } from './side-by-side.ts';

export interface PlannedProgram {
  /** What runs: the given graph, or one with the same names that recomputes. */
  readonly graph: Graph;
  readonly lowered: Lowered;
  readonly memory: MemoryPlan;
}

export interface PlanOptions
  extends Pick<CompileOptions, 'recompute'>,
    Omit<LoweringOptions, 'natives' | 'graph' | 'nodes' | 'fusion' | 'kernels' | 'stateLayout'> {}

export function planProgram(
  natives: Natives,
  given: Graph,
  { recompute: what, ...options }: PlanOptions,
): PlannedProgram {
  const { graph, nodes } = ordered(given, what, {
    elementBytes: elementBytes[options.dtype],
    macsPerByte: macsPerByte[options.dtype === 'bf16' ? natives.bf16Units : 'none'],
  });
  const prepared = withQuantisation(graph, nodes, { fusion: planFusion(graph, nodes), kernels });
  const { tuner } = options;
  const planned = (own: Tuner | undefined): PlannedProgram => {
    const lowered = lower({
      natives,
      graph,
      nodes,
      ...prepared,
      ...options,
      tuner: own,
      stateLayout: optimizedStateLayout,
    });
    // States and inputs that no node reads exist all the same: they can be read, written and fed.
    for (const [name, value] of graph.states) {
      if (!lowered.states.has(name)) lowered.states.set(name, unread(natives, value, 'kept'));
    }
    for (const [name, value] of graph.inputs) {
      if (!lowered.inputs.has(name)) lowered.inputs.set(name, unread(natives, value, 'arena'));
    }
    checkBounds(lowered);
    const parts = sideBySide(natives, lowered);
    const { steps, inputs, outputs } = lowered;
    return { graph, lowered, memory: planMemory(steps, inputs.values(), outputs.values(), parts) };
  };
  const program = planned(tuner);
  return tuner === undefined || graph.updates.size === 0 ? program : restrained(program, tuner, planned);
}

/**
 * A training step takes no more memory for the sake of faster ways than with first choices alone: at steps that would, these
 * are taken after all.
 */
function restrained(
  given: PlannedProgram,
  tuner: Tuner,
  planned: (tuner: Tuner | undefined) => PlannedProgram,
): PlannedProgram {
  const bound = planned(undefined).memory.lowerBoundBytes;
  let program = given;
  for (;;) {
    const { lowered, memory } = program;
    const dear = lowered.steps.filter((_, i) => (memory.liveBytes[i] as number) > bound);
    if (!tuner.restrain(dear.flatMap(({ node }) => node ?? []))) return program;
    program = planned(tuner);
  }
}

/** No step may reach beyond the memory that a tensor was given. Parts of tensors lie within by how they are made. */
function checkBounds({ prologue, steps }: Lowered): void {
  for (const { op, path, reads, writes } of [...prologue, ...steps]) {
    for (const { layout, storage, byteOffset = 0 } of [...reads, ...writes]) {
      if (byteOffset > 0 || layout.bytes <= storage.bytes) continue;
      throw new Error(
        `oneDNN: ${op} at '${path}' takes ${layout.bytes} bytes for ${layout.dims.join('x')}, ` +
          `expected at most the ${storage.bytes} that are there.`,
      );
    }
  }
}

/**
 * Multiply-adds of the convolutions while a byte is moved, by what multiplies. Where matrix units do, ten times as fast,
 * memory is what a step waits for, and half of the bytes are gone already: little is worth being recomputed.
 */
const macsPerByte = { none: 5, vectors: 8, matrices: 40 };
/** The share of a step that recomputing may take where nobody asked for it. */
const limit = 0.025;

type Costs = Pick<RecomputeOptions, 'elementBytes' | 'macsPerByte'>;

/** The graph that runs, and the order. */
function ordered(
  given: Graph,
  what: CompileOptions['recompute'],
  costs: Costs,
): { graph: Graph; nodes: readonly Node[] } {
  const even = adaptivePoolsAsProducts(given);
  const graph = even.updates.size === 0 ? even : poolBeforeRelu(even);
  const nodes = schedule(liveNodes(graph));
  if (what === 'none' || graph.updates.size === 0) return { graph, nodes };
  const { graph: rewritten } = recomputed(graph, nodes, what, costs);
  return rewritten === graph ? { graph, nodes } : { graph: rewritten, nodes: schedule(liveNodes(rewritten)) };
}

function recomputed(
  graph: Graph,
  nodes: readonly Node[],
  what: CompileOptions['recompute'],
  costs: Costs,
): Recomputed {
  // Batch norm keeps the signs of what its ReLU gives, one bit each: the ReLU's gradient reads nothing else.
  const signsKept = new Set(planFusion(graph, nodes).reluBackwardInto.values());
  return recompute(graph, {
    what: what === 'segments' ? 'segments' : 'cheap',
    nodes,
    signsKept,
    ...costs,
    ...(what === undefined && { limit }),
  });
}

function unread(natives: Natives, value: Value, place: Storage['place']): Tensor {
  const type = value.precision === 'index' ? 's32' : 'f32';
  const layout = natives.plainLayout(value.shape.length === 0 ? [1] : value.shape, type);
  return { layout, storage: { place, bytes: layout.bytes, first: -1, last: -1, offset: 0 } };
}
