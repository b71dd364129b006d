// One arena for everything that a run needs only for a while: two tensors share memory if no step needs both.
// Storages are placed largest first, each at the lowest place where it meets none that lives at the same time.
import type { Step, Storage, Tensor } from './lowering.ts';

const alignment = 128;

export interface MemoryPlan {
  readonly arenaBytes: number;
  /** The largest sum of what is alive at one step: no plan can do with less. */
  readonly lowerBoundBytes: number;
}

/** Fills in offsets of all `arena` storages. `inputs` are there before the first step, `outputs` after the last. */
export function planMemory(
  steps: readonly Step[],
  inputs: Iterable<Tensor>,
  outputs: Iterable<Tensor>,
): MemoryPlan {
  const storages = lifetimes(steps, inputs, outputs);
  const merged = mergeInPlace(steps, storages);
  const roots = [...storages].filter((storage) => !merged.has(storage));
  const arenaBytes = place(roots);
  for (const storage of storages) {
    let root = storage;
    for (let next = merged.get(root); next !== undefined; next = merged.get(root)) root = next;
    storage.offset = root.offset;
  }
  return { arenaBytes, lowerBoundBytes: largestLiveSet(roots, steps.length) };
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
    const result = step.writes[0]?.storage;
    const given = step.inPlace?.storage;
    if (result === undefined || given === undefined || result === given) return;
    if (!storages.has(result) || !storages.has(given)) return;
    const root = rootOf(given);
    const readTwice = step.reads.filter(({ storage }) => rootOf(storage) === root).length > 1;
    if (readTwice || root.last !== i || result.first !== i || result.bytes !== root.bytes) return;
    merged.set(result, root);
    root.last = result.last;
  });
  return merged;
}

function place(storages: readonly Storage[]): number {
  const placed: Storage[] = [];
  let total = 0;
  for (const storage of [...storages].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const neighbours = placed
      .filter((other) => other.first <= storage.last && storage.first <= other.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of neighbours) {
      if (offset + storage.bytes <= other.offset) break;
      offset = Math.max(offset, align(other.offset + other.bytes));
    }
    storage.offset = offset;
    total = Math.max(total, align(offset + storage.bytes));
    placed.push(storage);
  }
  return total;
}

function align(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function largestLiveSet(storages: readonly Storage[], steps: number): number {
  const change = new Float64Array(steps + 3);
  for (const { first, last, bytes } of storages) {
    change[first + 1] = (change[first + 1] as number) + bytes;
    change[last + 2] = (change[last + 2] as number) - bytes;
  }
  let live = 0;
  return change.reduce((most, delta) => {
    live += delta;
    return Math.max(most, live);
  }, 0);
}
