// The names that tensors need in a PyTorch checkpoint, and what each does here. All of them build descriptions of
// tensors (which storage, which shape, which strides); everything that is not in this table is refused by name.
// Source: pytorch, torch/_utils.py (_rebuild_*), torch/serialization.py (persistent ids).
import {
  kindName,
  ofKind,
  type PickleGlobal,
  type PickleStorage,
  type PickleTensor,
  type PickleValue,
  quoted,
} from './pickle-values.ts';
import { type StoredType, storedBytes } from './storage.ts';
import { elementCount } from './tensor-file.ts';
import { BadFile, type Budget } from './weights-file.ts';

const storageClasses: Readonly<Record<string, StoredType>> = {
  FloatStorage: 'f32',
  DoubleStorage: 'f64',
  HalfStorage: 'f16',
  BFloat16Storage: 'bf16',
  LongStorage: 'i64',
  IntStorage: 'i32',
  ShortStorage: 'i16',
  CharStorage: 'i8',
  ByteStorage: 'u8',
  BoolStorage: 'bool',
};

const dtypes: Readonly<Record<string, StoredType>> = {
  float32: 'f32',
  float64: 'f64',
  float16: 'f16',
  bfloat16: 'bf16',
  int64: 'i64',
  int32: 'i32',
  int16: 'i16',
  int8: 'i8',
  uint8: 'u8',
  uint16: 'u16',
  uint32: 'u32',
  uint64: 'u64',
  bool: 'bool',
};

const maxRank = 64;

/** The table for one file; `budget` pays for copies that a call makes. */
export function tensorGlobals(budget: Budget): (name: string) => PickleGlobal | undefined {
  const table = new Map<string, PickleGlobal>();
  const add = (name: string, rest: Omit<PickleGlobal, 'kind' | 'name'> = {}): void => {
    table.set(name, { kind: 'global', name, ...rest });
  };
  for (const [name, type] of Object.entries(storageClasses)) {
    add(`torch.${name}`, { type });
    add(`torch.cuda.${name}`, { type });
  }
  add('torch.storage.UntypedStorage', { type: 'u8' });
  for (const [name, type] of Object.entries(dtypes)) add(`torch.${name}`, { type });

  add('torch._utils._rebuild_tensor', { call: (args) => rebuildTensor(args) });
  add('torch._utils._rebuild_tensor_v2', { call: (args) => rebuildTensor(args) });
  add('torch._utils._rebuild_tensor_v3', {
    call: (args) => {
      const type = ofKind(args[6], 'global')?.type;
      if (type === undefined) throw new BadFile(`a tensor has ${kindName(args[6])} where its dtype belongs.`);
      return rebuildTensor(args, type);
    },
  });
  // A parameter is its tensor: gradients and hooks do not matter here.
  const itsTensor = (args: readonly PickleValue[]): PickleValue =>
    ofKind(args[0], 'tensor') ?? bad(`a parameter is made of ${kindName(args[0])}, expected a tensor`);
  for (const name of ['torch._utils._rebuild_parameter', 'torch._utils._rebuild_parameter_with_state']) {
    add(name, { call: itsTensor });
  }
  add('torch.nn.parameter.Parameter', { call: itsTensor });
  add('torch.Tensor');
  // A tensor with attributes of its own: (rebuild, class, its arguments, attributes).
  add('torch._tensor._rebuild_from_type_v2', {
    call: ([rebuild, , args]) => {
      const global = ofKind(rebuild, 'global');
      if (global?.call === undefined || !global.name.startsWith('torch._utils.')) {
        return bad(`a tensor is made by ${kindName(rebuild)}`);
      }
      return global.call(ofKind(args, 'tuple')?.items ?? bad('a tensor lacks its arguments'));
    },
  });

  const dictionary = ([pairs]: readonly PickleValue[]): PickleValue => {
    const entries = new Map<PickleValue, PickleValue>();
    for (const pair of itemsOf(pairs) ?? []) {
      const [key, value] = itemsOf(pair) ?? [];
      if (key === undefined || value === undefined) bad('an ordered dictionary has an entry that is no pair');
      else entries.set(key, value);
      budget.spend(40, 'its pickle');
    }
    return { kind: 'dict', entries };
  };
  add('collections.OrderedDict', { call: dictionary });
  const set = ([members]: readonly PickleValue[]): PickleValue => {
    const items = itemsOf(members) ?? [];
    budget.spend(40 * items.length, 'its pickle');
    return { kind: 'set', items: new Set(items) };
  };
  for (const name of ['builtins.set', '__builtin__.set']) add(name, { call: set });
  add('torch.Size', { call: ([sizes]) => ({ kind: 'tuple', items: itemsOf(sizes) ?? [] }) });
  add('torch.device', { call: () => ({ kind: 'inert', name: 'torch.device' }) });
  return (name) => table.get(name);
}

function bad(problem: string): never {
  throw new BadFile(`${problem}. Fetch or save it again.`);
}

function itemsOf(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  return (ofKind(value, 'list') ?? ofKind(value, 'tuple'))?.items;
}

/** A whole number from 0 up; PyTorch's counts are at most 2^63, ours must be exact. */
function count(value: PickleValue | undefined, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  const got = typeof value === 'number' || typeof value === 'bigint' ? String(value) : kindName(value);
  return bad(`${what} is ${got}, expected a whole number of at least 0`);
}

/** (storage, offset, shape, strides, ...): a view that must lie inside its storage. */
function rebuildTensor(args: readonly PickleValue[], dtype?: StoredType): PickleTensor {
  const storage = ofKind(args[0], 'storage');
  if (storage === undefined) return bad(`a tensor has ${kindName(args[0])} where its storage belongs`);
  const type = dtype ?? storage.type;
  const offset = count(args[1], "a tensor's offset");
  const shape = (itemsOf(args[2]) ?? bad('a tensor has no shape')).map((n) => count(n, "a tensor's size"));
  const strides = (itemsOf(args[3]) ?? bad('a tensor has no strides')).map((n) =>
    count(n, "a tensor's stride"),
  );
  if (shape.length !== strides.length || shape.length > maxRank) {
    bad(`a tensor has ${shape.length} sizes and ${strides.length} strides`);
  }
  const total = elementCount(shape);
  const last = shape.reduce((at, size, axis) => at + (size - 1) * (strides[axis] as number), offset);
  const available = Math.floor(storage.bytes / storedBytes[type]);
  if (!Number.isSafeInteger(total) || (total > 0 && !(last < available))) {
    const view = `${quoted(shape.join('x'))} with strides ${quoted(strides.join(', '))}`;
    bad(`a tensor (${view}, from element ${offset}) goes beyond its storage of ${available} elements`);
  }
  return { kind: 'tensor', storage, type, offset, shape, strides };
}

/**
 * What the persistent ids of a file stand for: ('storage', class, key, location, elements), in the legacy format with
 * (view key, first element, elements) or None at the end. A key always means the same storage.
 */
export function storageIds(): {
  readonly persistent: (id: PickleValue) => PickleValue;
  /** Every storage that was named, whole, by key. */
  readonly storages: ReadonlyMap<string, PickleStorage>;
} {
  const storages = new Map<string, PickleStorage>();
  const persistent = (id: PickleValue): PickleValue => {
    const [what, storageClass, key, , elements, view] = itemsOf(id) ?? [];
    const type = ofKind(storageClass, 'global')?.type;
    if (what !== 'storage' || typeof key !== 'string' || type === undefined) {
      return bad(
        `it refers to ${typeof what === 'string' ? quoted(what) : kindName(what)}, expected a storage`,
      );
    }
    const bytes = count(elements, "a storage's length") * storedBytes[type];
    const whole = storages.get(key) ?? { kind: 'storage' as const, key, type, start: 0, bytes };
    if (whole.type !== type || whole.bytes !== bytes)
      bad(`it describes the storage ${quoted(key)} in two ways`);
    storages.set(key, whole);
    if (view === undefined || view === null) return whole;
    const [, first, length] = itemsOf(view) ?? [];
    const start = count(first, "a storage view's start") * storedBytes[type];
    const viewed = count(length, "a storage view's length") * storedBytes[type];
    if (!(start + viewed <= bytes)) bad(`a view goes beyond its storage ${quoted(key)}`);
    return { ...whole, start, bytes: viewed };
  };
  return { persistent, storages };
}
