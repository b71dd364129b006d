// Weights by name: a file fits a network when it holds exactly the network's tensors in their shapes. A file that
// does not is reported as a whole, in one message, with the nearest names, because the usual causes (another form,
// another number of classes, a prefix) show themselves in the pattern.
import { nearestNames, UserError } from '../errors.ts';
import { shapeText, type Tensor, type TensorFile } from './tensor-file.ts';

/** A tensor that a network needs. */
export type WantedTensor = { readonly name: string; readonly shape: readonly number[] };

const shown = 3;

/**
 * The data of each wanted tensor, in the order of `wanted`. Names that end in "num_batches_tracked" (a counter
 * that PyTorch's batch norm saves) may be there and are left out. Throws a UserError that counts and names the
 * missing, the unknown and the misshapen tensors; `path` is the file's name in it.
 */
export function matchWeights(
  file: TensorFile,
  wanted: readonly WantedTensor[],
  path: string,
): Map<string, Float32Array> {
  const found = matchTensors(file, wanted, path);
  return new Map([...found].map(([name, { data }]) => [name, data]));
}

/** The tensors themselves, whose data need not have been read yet. */
export function matchTensors(
  file: TensorFile,
  wanted: readonly WantedTensor[],
  path: string,
): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const { name, shape } of wanted) {
    const tensor = file.tensors.get(name);
    if (tensor === undefined) {
      missing.push(name);
    } else if (shapeText(tensor.shape) !== shapeText(shape)) {
      misshapen.push(`${name} is ${shapeText(tensor.shape)}, expected ${shapeText(shape)}`);
    } else {
      found.set(name, tensor);
    }
  }
  const names = new Set(wanted.map(({ name }) => name));
  const unknown = [...file.tensors.keys()].filter((name) => !names.has(name) && !isCounter(name));
  const problems = [
    ...describe(missing, 'is missing', 'are missing'),
    ...describe(
      unknown.slice(0, shown).map((name) => withNearest(name, missing.length > 0 ? missing : [...names])),
      'is unknown',
      'are unknown',
      unknown.length,
    ),
    ...describe(misshapen, 'has the wrong shape', 'have the wrong shape'),
  ];
  if (problems.length > 0) {
    throw new UserError(
      `${path} does not fit the network: of its ${wanted.length} tensors ${problems.join('; ')}. ` +
        'Check the network, its form and its number of classes.',
    );
  }
  return found;
}

/** The batch counter that PyTorch saves with every batch norm. */
export function isCounter(name: string): boolean {
  return name === 'num_batches_tracked' || name.endsWith('.num_batches_tracked');
}

function withNearest(name: string, candidates: readonly string[]): string {
  const nearest = nearestNames(name, candidates, 2);
  return nearest.length === 0 ? name : `${name} (nearest: ${nearest.join(', ')})`;
}

/** "2 are missing (a, b)": the count, the verb and the first few of `items`; nothing for none. */
function describe(items: readonly string[], one: string, many: string, count = items.length): string[] {
  if (count === 0) return [];
  const list = items.slice(0, shown).join(', ') + (count > shown ? ', ...' : '');
  return [`${count} ${count === 1 ? one : many} (${list})`];
}
