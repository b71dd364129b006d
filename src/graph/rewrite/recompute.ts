// Training with less memory by computing again: values that the backward pass reads are dropped after the forward
// pass and made once more right before they are read. Two ways, which may be combined:
//   cheap     what costs memory traffic only: batch norm from its input and the saved statistics, ReLU, sums,
//             concatenations, gates. Convolutions are never run again.
//   segments  checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"): the network is cut at
//             narrow places; of a segment only what crosses its ends is kept, and the rest, convolutions too, is run
//             again when the backward pass gets there. See `segments.ts`.
// The results are the same to the bit where the engine computes the same op twice alike: nodes are repeated, masks of
// dropout come from the fed seed, and a batch norm is repeated with the statistics that it gave.
import { macsOf } from '../cost.ts';
import { type Graph, liveNodes, type Node, type Value } from '../graph.ts';
import { withRecomputed } from './again.ts';
import { segmentValues } from './segments.ts';
import { type Timeline, type TimelineOptions, timelineOf } from './timeline.ts';

export interface RecomputeOptions extends TimelineOptions {
  readonly what: 'cheap' | 'segments';
  /** The order in which nodes run; default the graph's. */
  readonly nodes?: readonly Node[];
  /** With `cheap`: the share of a step's time that it may cost at most; default as much as it takes. */
  readonly limit?: number;
  /** Multiply-adds that the machine does while it moves a byte, by which time is estimated; default 6. */
  readonly macsPerByte?: number;
}

export interface Recomputed {
  /** The same graph where nothing is gained. */
  readonly graph: Graph;
  /** Nodes that run twice. */
  readonly repeated: number;
  /** Estimates: the most that is alive at one node before and after, and what repeating costs. */
  readonly peakBytes: { readonly before: number; readonly after: number };
  readonly movedBytes: number;
  readonly macs: number;
}

/** `graph` is a training graph, left as it is; without a backward pass there is nothing to recompute. */
export function recompute(graph: Graph, options: RecomputeOptions): Recomputed {
  const nodes = options.nodes ?? liveNodes(graph);
  const timeline = timelineOf(graph, nodes, options);
  const nothing = { graph, repeated: 0, peakBytes: { before: 0, after: 0 }, movedBytes: 0, macs: 0 };
  if (timeline === undefined) return nothing;
  const outputs = new Set(graph.outputs.values());
  const mayRepeat = (value: Value): boolean => !outputs.has(value) && !travels(value);
  const start = options.what === 'segments' ? segmentValues(timeline, mayRepeat) : new Set<Value>();
  const values = addCheap(timeline, start, mayRepeat, options);
  const before = largest(timeline.live(new Set()));
  const after = largest(timeline.live(values));
  if (values.size === 0 || after >= before) return { ...nothing, peakBytes: { before, after: before } };
  const again = timeline.order(values).filter((place) => place.again);
  const macs = again.reduce((sum, { node }) => sum + macsOf(node), 0);
  const movedBytes = again.reduce((sum, { node }) => sum + moved(timeline, node), 0);
  return {
    graph: withRecomputed(graph, timeline, values),
    repeated: again.length,
    peakBytes: { before, after },
    movedBytes,
    macs,
  };
}

/** Whether a value has come from other ranks: to ask for it once more they would have to have decided alike. */
function travels({ source }: Value): boolean {
  return (
    source.kind === 'node' && ['swap', 'jointStatistics', 'exchangeFinish'].includes(source.node.op.name)
  );
}

/** Ops that a memory-bound pass can repeat. Pools are none: each number takes a window of comparisons. */
const cheapOps: ReadonlySet<string> = new Set([
  'batchNormTraining',
  'batchNormInference',
  'synchronisedBatchNorm',
  'relu',
  'tanh',
  'sigmoid',
  'add',
  'multiply',
  'concat',
  'slice',
  'pad',
  'reshape',
]);

/** Values below this share of the peak are not worth a node. */
const smallest = 1 / 2000;
/** A step is gained only if the peak falls by this part of what the recomputed value takes. */
const worthwhile = 0.25;

interface Candidate {
  /** The value, and what has to be made again on the way to it. */
  readonly values: readonly Value[];
  readonly saved: number;
  readonly moved: number;
}

/**
 * Adds cheap values to `start`, those first that save the most bytes per byte moved, for as long as the peak falls
 * and the time allows.
 */
function addCheap(
  timeline: Timeline,
  start: ReadonlySet<Value>,
  mayRepeat: (value: Value) => boolean,
  { limit = Number.POSITIVE_INFINITY, macsPerByte = 6 }: RecomputeOptions,
): Set<Value> {
  const chosen = new Set(start);
  let peak = largest(timeline.live(chosen));
  let budget = limit * timeline.nodes.reduce((sum, node) => sum + costOf(timeline, node, macsPerByte), 0);
  const candidates = findCandidates(timeline, chosen, mayRepeat, peak * smallest);
  // What is turned down may be welcome once others have lowered their part of the peak.
  for (let round = 0; round < 3; round++) {
    let accepted = 0;
    for (const [i, candidate] of candidates.entries()) {
      const fresh = candidate?.values.filter((value) => !chosen.has(value)) ?? [];
      if (candidate === undefined || fresh.length === 0) continue;
      const cost = fresh.reduce((sum, value) => sum + moved(timeline, makerOf(value)), 0);
      if (cost > budget) continue;
      for (const value of fresh) chosen.add(value);
      const lower = largest(timeline.live(chosen));
      if (peak - lower >= worthwhile * candidate.saved) {
        peak = lower;
        budget -= cost;
        candidates[i] = undefined;
        accepted++;
      } else {
        for (const value of fresh) chosen.delete(value);
      }
    }
    if (accepted === 0) break;
  }
  return chosen;
}

function findCandidates(
  timeline: Timeline,
  chosen: ReadonlySet<Value>,
  mayRepeat: (value: Value) => boolean,
  least: number,
): (Candidate | undefined)[] {
  const candidates: Candidate[] = [];
  for (const node of timeline.nodes.slice(0, timeline.turn)) {
    const value = node.outputs[0] as Value;
    const saved = timeline.bytesOf(value);
    if (saved < least || chosen.has(value) || timeline.backwardReaders(value).length === 0) continue;
    const values = new Set<Value>();
    if (!collect(timeline, value, mayRepeat, least, values)) continue;
    const bytes = [...values].reduce((sum, one) => sum + moved(timeline, makerOf(one)), 0);
    candidates.push({ values: [...values], saved, moved: bytes });
  }
  return candidates.sort((a, b) => b.saved / b.moved - a.saved / a.moved || b.saved - a.saved);
}

/** Gathers what has to be repeated to have `value` again; false where something dear would be among it. */
function collect(
  timeline: Timeline,
  value: Value,
  mayRepeat: (value: Value) => boolean,
  least: number,
  into: Set<Value>,
): boolean {
  const node = makerOf(value);
  if (!cheapOps.has(node.op.name) || node.outputs[0] !== value || !mayRepeat(value)) return false;
  into.add(value);
  return node.inputs.every((input) => {
    if (input.source.kind !== 'node' || into.has(input)) return true;
    // Small ones are kept, and so is what the backward pass reads anyway.
    if (timeline.bytesOf(input) < least || timeline.backwardReaders(input).length > 0) return true;
    return collect(timeline, input, mayRepeat, least, into);
  });
}

function makerOf({ source }: Value): Node {
  if (source.kind !== 'node') throw new Error(`A ${source.kind} cannot be computed again.`);
  return source.node;
}

/**
 * Bytes that a node reads and writes. A ReLU runs inside the op before it, a batch norm or a gate inside the sum behind
 * it, and a reshape moves nothing.
 */
function moved(timeline: Timeline, node: Node): number {
  const { op, inputs, outputs } = node;
  if (op.name === 'relu' || op.name === 'reshape') return 0;
  const inside = op.name === 'add' ? inputs.find((value) => runsInside(timeline, value, node)) : undefined;
  const reader = timeline.onlyReader(outputs[0] as Value);
  const written = reader && runsInside(timeline, outputs[0] as Value, reader) ? [] : outputs;
  const read = inputs.filter((value) => value !== inside);
  return [...new Set([...read, ...written])].reduce((sum, value) => sum + timeline.bytesOf(value), 0);
}

/** Whether `value` never stands in memory: a batch norm's or a gate's for one sum alone, the first of two such operands. */
function runsInside(timeline: Timeline, value: Value, sum: Node): boolean {
  if (sum.op.name !== 'add' || value.shape.length !== 4) return false;
  const scaled = ({ source }: Value): boolean => source.kind === 'node' && isScaled(source.node);
  const first = sum.inputs.find((input) => scaled(input) && timeline.onlyReader(input) === sum);
  return first === value;
}

function isScaled({ op }: Node): boolean {
  return op.name === 'multiply' || op.name.startsWith('batchNorm');
}

/** Of a forward node in a training step, in bytes moved: its gradients cost twice as much once more. */
function costOf(timeline: Timeline, node: Node, macsPerByte: number): number {
  return (3 * macsOf(node)) / macsPerByte + moved(timeline, node);
}

function largest(live: Float64Array): number {
  return live.reduce((most, bytes) => Math.max(most, bytes), 0);
}
