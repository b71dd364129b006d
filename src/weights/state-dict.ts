// The weights in what a checkpoint holds. Some files are the state dict itself, some have it among an optimiser's
// state and an epoch; names may begin with the wrappers that training put around the network. Numbers and texts that
// stand beside it (epoch, arch, best accuracy) become metadata.
import {
  kindName,
  ofKind,
  type PickleDict,
  type PickleTensor,
  type PickleValue,
  quoted,
} from './pickle-values.ts';
import type { StoredType } from './storage.ts';
import type { Tensor, TensorFile } from './tensor-file.ts';
import { BadFile } from './weights-file.ts';

/** Under which keys checkpoints keep their weights, the first one found is taken. */
const containers = [
  'state_dict',
  'model_state_dict',
  'model',
  'net',
  'network',
  'weights',
  'params',
  'state_dict_ema',
  'model_ema',
] as const;
const maxNesting = 4;

/** What wrappers put before every name: DataParallel and DistributedDataParallel, torch.compile. */
const wrappers = ['module.', '_orig_mod.'] as const;

/** Finds the state dict in a checkpoint and reads its tensors. Throws a BadFile when there is none. */
export function stateDictFile(root: PickleValue, read: (tensor: PickleTensor) => Tensor): TensorFile {
  const { dict, path, outer } = findStateDict(root);
  const tensors = new Map<string, Tensor>();
  const storedTypes = new Map<string, StoredType>();
  for (const [name, value] of dict.entries) {
    const tensor = ofKind(value, 'tensor');
    if (typeof name !== 'string' || tensor === undefined) continue;
    tensors.set(name, read(tensor));
    storedTypes.set(name, tensor.type);
  }
  const metadata: Record<string, string> = Object.create(null);
  for (const each of [...outer, dict]) addScalars(each, metadata);
  if (path.length > 0) metadata.container = path.join('.');
  return { tensors, metadata: { ...metadata }, storedTypes };
}

function findStateDict(root: PickleValue): { dict: PickleDict; path: string[]; outer: PickleDict[] } {
  const path: string[] = [];
  const outer: PickleDict[] = [];
  let dict = ofKind(root, 'dict');
  if (dict === undefined) {
    throw new BadFile(
      `it holds ${kindName(root)}, expected a dictionary of tensors. ` +
        'Save the weights alone: torch.save(model.state_dict(), path).',
    );
  }
  while (path.length < maxNesting) {
    const inside: PickleDict = dict;
    const key = containers.find((name) => isDictionaryWithTensors(inside.entries.get(name), maxNesting));
    if (key === undefined) break;
    outer.push(dict);
    path.push(key);
    dict = inside.entries.get(key) as PickleDict;
  }
  if (!holdsTensors(dict)) {
    const keys = [...dict.entries.keys()].filter((key) => typeof key === 'string');
    const shown = keys.slice(0, 5).map(quoted).join(', ') + (keys.length > 5 ? ', ...' : '');
    throw new BadFile(
      `it has no tensors where a checkpoint keeps its weights (${containers.join(', ')} or at the top); ` +
        `its keys are ${keys.length === 0 ? 'none' : shown}. Save model.state_dict() instead.`,
    );
  }
  return { dict, path, outer };
}

function holdsTensors(dict: PickleDict): boolean {
  return dict.entries.values().some((value) => ofKind(value, 'tensor') !== undefined);
}

/** A dictionary that holds tensors, or one under a container's key that does. */
function isDictionaryWithTensors(value: PickleValue | undefined, depth: number): boolean {
  const dict = ofKind(value, 'dict');
  if (dict === undefined || depth === 0) return false;
  return (
    holdsTensors(dict) ||
    containers.some((name) => isDictionaryWithTensors(dict.entries.get(name), depth - 1))
  );
}

const maxText = 200;

function addScalars(dict: PickleDict, metadata: Record<string, string>): void {
  for (const [name, value] of dict.entries) {
    const isScalar = typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
    if (typeof name === 'string' && isScalar && String(value).length <= maxText)
      metadata[name] = String(value);
  }
}

/** The file with names as the network has them: prefixes that all names share and that only wrappers write go. */
export function withoutWrappers(file: TensorFile): TensorFile {
  const names = [...file.tensors.keys()];
  let cut = 0;
  for (let found = true; found && names.length > 0; ) {
    const prefix = wrappers.find((each) => names.every((name) => name.startsWith(each, cut)));
    found = prefix !== undefined;
    cut += prefix?.length ?? 0;
  }
  return cut === 0 ? file : renamed(file, (name) => name.slice(cut));
}

/** The file with other names for its tensors; those for which `rename` gives undefined are left out. */
export function renamed(file: TensorFile, rename: (name: string) => string | undefined): TensorFile {
  const tensors = new Map<string, Tensor>();
  const storedTypes = new Map<string, StoredType>();
  for (const [name, tensor] of file.tensors) {
    const other = rename(name);
    if (other === undefined) continue;
    tensors.set(other, tensor);
    const type = file.storedTypes?.get(name);
    if (type !== undefined) storedTypes.set(other, type);
  }
  return { ...file, tensors, storedTypes };
}
