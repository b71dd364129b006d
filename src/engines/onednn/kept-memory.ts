// Memory for what a program keeps between runs. Ordinary programs keep their states and whatever is derived from those
// that never change. Where all weights are fixed (inference), only what the steps of a run read is kept: the plain
// weights are read by the prologue where they lie, and go with it; and what is kept can come from the cache, mapped.
import { elementCount } from '../../graph/tensor.ts';
import { version } from '../../version.ts';
import type { EngineDescription, FixedWeights } from '../engine.ts';
import type { Library } from './library.ts';
import type { Lowered, Step, Storage, Tensor } from './lowering.ts';
import { allocateRegion, type Region } from './memory.ts';
import type { Natives } from './natives.ts';
import { openWeightsCache } from './weights-cache.ts';

const alignment = 128;

export interface KeptMemory {
  readonly bytes: number;
  /** Where a kept storage lies; its `offset` counts from there. */
  regionOf(storage: Storage): Region;
  /** States that are written before the prologue runs; undefined: those that somebody writes. */
  readonly written: readonly string[] | undefined;
  /** The content is there: nothing is written, and no prologue runs. */
  readonly ready: boolean;
  /** After the prologue of fixed weights. */
  settle(): void;
}

export interface KeptRequest {
  readonly library: Library;
  readonly natives: Natives;
  readonly engine: EngineDescription;
  readonly dtype: string;
  readonly lowered: Lowered;
  readonly weights: FixedWeights | undefined;
  readonly onNote?: ((message: string) => void) | undefined;
}

export function placeKept(request: KeptRequest): KeptMemory {
  const { library, lowered, weights } = request;
  if (weights !== undefined) return placeFixed(request, weights);
  const storages = keptStorages([
    ...lowered.states.values(),
    ...lowered.constants.map(({ tensor }) => tensor),
    ...[...lowered.prologue, ...lowered.steps].flatMap(tensorsOf),
  ]);
  const bytes = place(storages);
  const region = allocateRegion(library, bytes);
  return { bytes, regionOf: () => region, written: undefined, ready: false, settle() {} };
}

function placeFixed(request: KeptRequest, weights: FixedWeights): KeptMemory {
  const { library, natives, lowered, onNote = () => {} } = request;
  const kept = keptStorages([...lowered.steps.flatMap(tensorsOf), ...lowered.outputs.values()]);
  const bytes = place(kept);
  const key = weights.identity === undefined ? undefined : keyOf(request, weights.identity, kept);
  const cache = key === undefined ? undefined : openWeightsCache();
  const found = key === undefined ? undefined : cache?.find(key, bytes);
  if (found !== undefined) {
    return { bytes, regionOf: () => found, written: [], ready: true, settle() {} };
  }

  const region = allocateRegion(library, bytes);
  const isPlain = ({ layout }: Tensor): boolean =>
    natives.sameLayout(layout, natives.plainLayout(layout.dims, 'f32'));
  const read = new Set(lowered.prologue.flatMap(tensorsOf).map(({ storage }) => storage));
  // Plain weights that the prologue alone reads stay where they were read into.
  const lent = new Map<Storage, Region>();
  const written: string[] = [];
  for (const [name, tensor] of lowered.states) {
    const { storage } = tensor;
    if (kept.has(storage) || (read.has(storage) && !isPlain(tensor))) written.push(name);
    else if (read.has(storage)) {
      storage.offset = 0;
      lent.set(storage, regionOver(library, weights.read(name), elementCount(tensor.layout.dims), name));
    }
  }
  const passing = keptStorages([
    ...lowered.prologue.flatMap(tensorsOf),
    ...lowered.constants.map(({ tensor }) => tensor),
  ]);
  for (const storage of [...kept, ...lent.keys()]) passing.delete(storage);
  let scratch: Region | undefined = allocateRegion(library, place(passing));
  return {
    bytes,
    regionOf: (storage) => (kept.has(storage) ? region : (lent.get(storage) ?? (scratch as Region))),
    written,
    ready: false,
    settle() {
      lent.clear();
      scratch = undefined;
      if (key !== undefined) cache?.keep(key, region.content(bytes), onNote);
    },
  };
}

function tensorsOf(step: Step): Tensor[] {
  const others = step.kind === 'primitive' ? step.arguments.map(([, tensor]) => tensor) : [];
  return [...step.reads, ...step.writes, ...others];
}

function keptStorages(tensors: readonly Tensor[]): Set<Storage> {
  return new Set(tensors.map(({ storage }) => storage).filter(({ place: where }) => where === 'kept'));
}

/** Gives every storage a place of its own; gives the bytes in all. */
function place(storages: Iterable<Storage>): number {
  let bytes = 0;
  for (const storage of storages) {
    storage.offset = bytes;
    bytes += Math.ceil(storage.bytes / alignment) * alignment;
  }
  return bytes;
}

function regionOver(library: Library, numbers: Float32Array, count: number, name: string): Region {
  if (numbers.length !== count) {
    throw new Error(`The state ${name} got ${numbers.length} numbers, expected ${count}.`);
  }
  return {
    address: library.address(numbers),
    floats: (offset, length) => numbers.subarray(offset / 4, offset / 4 + length),
    integers: () => new Int32Array(0),
    content: () => new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength),
  };
}

/** All that the kept bytes depend on. */
function keyOf(
  { natives, engine, dtype, lowered }: KeptRequest,
  identity: string,
  kept: ReadonlySet<Storage>,
): string {
  const { library, isa, threads } = engine;
  const layoutText = ({ layout, storage, byteOffset = 0 }: Tensor): unknown[] => [
    layout.type,
    layout.dims,
    layout.bytes,
    natives.layoutText(layout),
    kept.has(storage) ? storage.offset + byteOffset : -1,
  ];
  const steps = [...lowered.prologue, ...lowered.steps].map((step) => [
    step.op,
    step.path,
    step.kind === 'primitive'
      ? [
          step.descriptor.implementation,
          step.arguments.map(([number, tensor]) => [number, ...layoutText(tensor)]),
        ]
      : [step.kind === 'code' ? step.implementation : '', ...[...step.reads, ...step.writes].map(layoutText)],
  ]);
  return JSON.stringify([version, library, isa, threads, dtype, identity, steps]);
}
