// One arena for everything that a run needs only for a while: two tensors share memory if no step needs both.
// This is the dynamic storage allocation problem, which is NP-hard; placing storages one after another, each where it
// meets none that lives at the same time, comes close if the order is good. Several orders are tried, then storages
// that stick out on top are placed earlier, until the plan meets the largest live set or the tries are used up.
import type { Step, Storage, Tensor } from './lowering.ts';
import type { Part } from './side-by-side.ts';

const alignment = 128;

export interface MemoryPlan {
  readonly arenaBytes: number;
  /** The largest sum of what is alive at one step: no plan can do with less. */
  readonly lowerBoundBytes: number;
  /** What is alive at each step. */
  readonly liveBytes: readonly number[];
}

/**
 * Fills in offsets of all `arena` storages. `inputs` are there before the first step, `outputs` after the last; `parts` lie
 * within others.
 */
export function planMemory(
  steps: readonly Step[],
  inputs: Iterable<Tensor>,
  outputs: Iterable<Tensor>,
  parts: ReadonlyMap<Storage, Part> = new Map(),
): MemoryPlan {
  const storages = lifetimes(steps, inputs, outputs);
  for (const [{ first }, { whole }] of parts) whole.first = Math.min(whole.first, first);
  const alone = new Set([...storages].filter((storage) => !parts.has(storage)));
  const merged = mergeInPlace(steps, alone);
  const roots = [...alone].filter((storage) => !merged.has(storage));
  const live = liveSets(roots, steps.length);
  const lowerBoundBytes = Math.max(0, ...live);
  const arenaBytes = place(roots, lowerBoundBytes);
  for (const storage of alone) {
    let root = storage;
    for (let next = merged.get(root); next !== undefined; next = merged.get(root)) root = next;
    storage.offset = root.offset;
  }
  // Wholes that are parts themselves come behind their own parts.
  for (const [storage, { whole, byteOffset }] of [...parts].toReversed())
    storage.offset = whole.offset + byteOffset;
  // Before the first step lie the inputs, after the last the outputs.
  return { arenaBytes, lowerBoundBytes, liveBytes: live.slice(1, -1) };
}

function lifetimes(
  steps: readonly Step[],
  inputs: Iterable<Tensor>,
  outputs: Iterable<Tensor>,
): Set<Storage> {
  const storages = new Set<Storage>();
  const touch = ({ storage }: Tensor, step: number): void => {
    if (storage.place !== 'arena') return;
    storages.add(storage);
    storage.first = Math.min(storage.first, step);
    storage.last = Math.max(storage.last, step);
  };
  for (const tensor of inputs) touch(tensor, -1);
  steps.forEach((step, i) => {
    for (const tensor of [...step.reads, ...step.writes]) touch(tensor, i);
  });
  for (const tensor of outputs) touch(tensor, steps.length);
  return storages;
}

/** Lets a result take over the memory of an input that dies in the same step. */
function mergeInPlace(steps: readonly Step[], storages: ReadonlySet<Storage>): Map<Storage, Storage> {
  const merged = new Map<Storage, Storage>();
  const rootOf = (storage: Storage): Storage => {
    let root = storage;
    for (let next = merged.get(root); next !== undefined; next = merged.get(root)) root = next;
    return root;
  };
  steps.forEach((step, i) => {
    for (const [place, taken] of (step.inPlace ?? []).entries()) {
      const result = step.writes[place]?.storage;
      const given = taken?.storage;
      if (result === undefined || given === undefined || result === given) continue;
      if (!storages.has(result) || !storages.has(given)) continue;
      const root = rootOf(given);
      const readTwice = step.reads.filter(({ storage }) => rootOf(storage) === root).length > 1;
      if (readTwice || root.last !== i || result.first !== i || result.bytes !== root.bytes) continue;
      merged.set(result, root);
      root.last = result.last;
    }
  });
  return merged;
}

type Order = (a: Storage, b: Storage) => number;

const duration = ({ first, last }: Storage): number => last - first + 1;

/** Largest first; largest in bytes times steps first; longest first; in the order of their lives. */
const orders: readonly Order[] = [
  (a, b) => b.bytes - a.bytes || a.first - b.first,
  (a, b) => b.bytes * duration(b) - a.bytes * duration(a) || a.first - b.first,
  (a, b) => duration(b) - duration(a) || b.bytes - a.bytes,
  (a, b) => a.first - b.first || b.bytes - a.bytes,
];
/** `lowest`: the lowest gap that is large enough; `tightest`: the one that is left with the least room. */
const fits = ['lowest', 'tightest'] as const;
type Fit = (typeof fits)[number];
/** Tries that place what stuck out earlier, for each order and fit; a try of ResNet-152 takes about 10 ms. */
const repairs = 8;

/** Gives each storage an offset and says how many bytes that takes, `bound` at best. */
function place(storages: readonly Storage[], bound: number): number {
  let best: Placement = { offsets: new Map(), total: Number.POSITIVE_INFINITY };
  // The last per cent is not worth a search.
  const goodEnough = bound * 1.01 + alignment;
  for (const order of orders) {
    for (const fit of fits) {
      let sequence = [...storages].sort(order);
      for (let attempt = 0; attempt <= repairs; attempt++) {
        const placement = placeInOrder(sequence, fit);
        if (placement.total < best.total) best = placement;
        if (best.total <= goodEnough) break;
        sequence = sooner(sequence, placement);
      }
      if (best.total <= goodEnough) break;
    }
    if (best.total <= goodEnough) break;
  }
  for (const storage of storages) storage.offset = best.offsets.get(storage) as number;
  return best.total === Number.POSITIVE_INFINITY ? 0 : best.total;
}

interface Placement {
  readonly offsets: ReadonlyMap<Storage, number>;
  readonly total: number;
}

function placeInOrder(sequence: readonly Storage[], fit: Fit): Placement {
  const offsets = new Map<Storage, number>();
  let total = 0;
  /** Placed ones, the lowest first. */
  const placed: Placed[] = [];
  for (const storage of sequence) {
    const { bytes, first, last } = storage;
    const offset = findGap(storage, placed, fit);
    const end = align(offset + bytes);
    offsets.set(storage, offset);
    total = Math.max(total, end);
    let at = placed.length;
    while (at > 0 && (placed[at - 1] as Placed).offset > offset) at--;
    placed.splice(at, 0, { first, last, offset, end });
  }
  return { offsets, total };
}

interface Placed {
  readonly first: number;
  readonly last: number;
  readonly offset: number;
  readonly end: number;
}

/** Where a storage goes between those that live at the same time; above all of them if nowhere else. */
function findGap({ bytes, first, last }: Storage, placed: readonly Placed[], fit: Fit): number {
  let end = 0;
  let best: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const other of placed) {
    if (other.first > last || first > other.last) continue;
    const room = other.offset - end;
    if (bytes <= room && room < least) {
      [best, least] = [end, room];
      if (fit === 'lowest') break;
    }
    end = Math.max(end, other.end);
  }
  return best ?? end;
}

/** The sequence with the storages that reach the top moved to its front. */
function sooner(sequence: readonly Storage[], { offsets, total }: Placement): Storage[] {
  const isHighest = (storage: Storage): boolean =>
    align((offsets.get(storage) as number) + storage.bytes) === total;
  return [...sequence.filter(isHighest), ...sequence.filter((storage) => !isHighest(storage))];
}

function align(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/** Bytes alive before the first step, at each step, and after the last. */
function liveSets(storages: readonly Storage[], steps: number): number[] {
  const change = new Float64Array(steps + 3);
  for (const { first, last, bytes } of storages) {
    change[first + 1] = (change[first + 1] as number) + bytes;
    change[last + 2] = (change[last + 2] as number) - bytes;
  }
  let live = 0;
  return Array.from(change.subarray(0, steps + 2), (delta) => {
    live += delta;
    return live;
  });
}
