// Where to cut a network for checkpointing, and what is dropped between the cuts (Chen et al. 2016, section 4: cuts at
// narrow places, about the square root of the number of layers of them). For a given room per segment the cuts are the
// ones with the least to keep; rooms are tried until the peak is the lowest. The last segment keeps everything: the
// backward pass begins with it.
import type { Value } from '../graph.ts';
import type { Timeline } from './timeline.ts';

/** Values below this share of the largest one are kept wherever they are. */
const smallest = 1 / 1000;
/** Rooms per segment that are tried, from all of the network down to what its largest value takes. */
const rooms = 24;

/** What to recompute so that the peak is the lowest; empty where cutting gains nothing. */
export function segmentValues(timeline: Timeline, mayRepeat: (value: Value) => boolean): Set<Value> {
  const forward = describeForward(timeline);
  let best = new Set<Value>();
  let least = largest(timeline.live(best));
  for (let i = 0; i < rooms; i++) {
    const room = forward.kept.reduce((sum, bytes) => sum + bytes, 0) * 0.8 ** i;
    const cuts = cutsFor(forward, room);
    if (cuts.length === 0) continue;
    const values = droppedBetween(timeline, forward, cuts, mayRepeat);
    const peak = largest(timeline.live(values));
    if (peak < least) [best, least] = [values, peak];
  }
  return best;
}

interface Forward {
  /** Bytes made at each node that the backward pass reads. */
  readonly kept: Float64Array;
  /** Bytes that stand between each node and the ones after it. */
  readonly crossing: Float64Array;
  /** Nodes after which no cut may be: it would part a ReLU from what it rectifies. */
  readonly joined: ReadonlySet<number>;
  /** Where each value is made, and where the forward pass reads it last. */
  readonly lives: ReadonlyMap<Value, { readonly made: number; readonly last: number }>;
  readonly least: number;
}

function describeForward(timeline: Timeline): Forward {
  const { turn } = timeline;
  const nodes = timeline.nodes.slice(0, turn);
  const lives = new Map<Value, { made: number; last: number }>();
  const joined = new Set<number>();
  const kept = new Float64Array(turn);
  let most = 0;
  nodes.forEach((node, i) => {
    for (const value of node.inputs) {
      const life = lives.get(value);
      if (life === undefined) continue;
      life.last = i;
      if (node.op.name === 'relu') for (let at = life.made; at < i; at++) joined.add(at);
    }
    for (const value of node.outputs) {
      const bytes = timeline.bytesOf(value);
      most = Math.max(most, bytes);
      lives.set(value, { made: i, last: i });
      if (timeline.backwardReaders(value).length > 0) kept[i] = (kept[i] as number) + bytes;
    }
  });
  const crossing = new Float64Array(turn + 1);
  for (const [value, { made, last }] of lives) {
    const bytes = timeline.bytesOf(value);
    crossing[made] = (crossing[made] as number) + bytes;
    crossing[last] = (crossing[last] as number) - bytes;
  }
  for (let i = 1; i < turn; i++) crossing[i] = (crossing[i] as number) + (crossing[i - 1] as number);
  return { kept, crossing, joined, lives, least: most * smallest };
}

/** Nodes after which to cut so that no segment but the last holds more than `room`, and what crosses is least. */
function cutsFor({ kept, crossing, joined }: Forward, room: number): number[] {
  const end = kept.length;
  const total = new Float64Array(end + 1);
  for (let i = 0; i < end; i++) total[i + 1] = (total[i] as number) + (kept[i] as number);
  // Cheapest sum of crossings with a last cut after node i, and the cut before it; -1 is the start.
  const cost = new Float64Array(end).fill(Number.POSITIVE_INFINITY);
  const before = new Int32Array(end).fill(-2);
  const held = (from: number, to: number): number => (total[to + 1] as number) - (total[from + 1] as number);
  let best = { cost: Number.POSITIVE_INFINITY, cut: -1 };
  for (let i = 0; i < end; i++) {
    if (joined.has(i) || crossing[i] === 0) continue;
    for (let from = i - 1; from >= -1; from--) {
      if (held(from, i) > room) break;
      const sum = (from < 0 ? 0 : (cost[from] as number)) + (crossing[i] as number);
      if (sum < (cost[i] as number)) {
        cost[i] = sum;
        before[i] = from;
      }
    }
    if (held(i, end - 1) <= room && (cost[i] as number) < best.cost)
      best = { cost: cost[i] as number, cut: i };
  }
  if (held(-1, end - 1) <= room) return [];
  const cuts: number[] = [];
  for (let cut = best.cut; cut >= 0; cut = before[cut] as number) cuts.unshift(cut);
  return cuts;
}

function droppedBetween(
  timeline: Timeline,
  { lives, least }: Forward,
  cuts: readonly number[],
  mayRepeat: (value: Value) => boolean,
): Set<Value> {
  const lastCut = cuts.at(-1) as number;
  const crosses = (value: Value): boolean => {
    const life = lives.get(value);
    return life !== undefined && cuts.some((cut) => life.made <= cut && cut < life.last);
  };
  const dropped = new Set<Value>();
  /** Small ones, switches, and what crosses a cut are kept. */
  const isKept = (value: Value): boolean => {
    const { source } = value;
    if (source.kind !== 'node' || source.output > 0 || !mayRepeat(value)) return true;
    return timeline.bytesOf(value) < least || crosses(value);
  };
  const drop = (value: Value): void => {
    if (dropped.has(value) || isKept(value) || value.source.kind !== 'node') return;
    dropped.add(value);
    value.source.node.inputs.forEach(drop);
  };
  for (const [value, { made }] of lives) {
    if (made <= lastCut && timeline.backwardReaders(value).length > 0) drop(value);
  }
  return dropped;
}

function largest(live: Float64Array): number {
  return live.reduce((most, bytes) => Math.max(most, bytes), 0);
}
