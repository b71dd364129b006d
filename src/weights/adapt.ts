// A file's tensors made to fit a network: other people's names become ours, and for inference the tensors of side
// heads, which training alone uses, are left out. What was done is said in `notes`.
import { buildNetwork, type Form, type NetworkDescription, type OptionValues } from '../nets/network.ts';
import { isCounter, matchWeights } from './match.ts';
import { applyNamingMap, type NamingMap, namingMapFor } from './naming-maps.ts';
import { renamed } from './state-dict.ts';
import type { Tensor, TensorFile } from './tensor-file.ts';

export interface Adapted {
  readonly file: TensorFile;
  /** The naming map that was applied. */
  readonly map: NamingMap | undefined;
  /** What was done to the file, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Fits `file` to a network in one of its forms; `training` keeps the side heads. Names that stay unknown are left for
 * `matchWeights` to report.
 */
export function adaptWeights(
  file: TensorFile,
  description: NetworkDescription,
  form: Form,
  options?: OptionValues,
  training = false,
): Adapted {
  const notes: string[] = [];
  const namesOf = (mode: boolean): ReadonlySet<string> =>
    new Set(buildNetwork(description, { form, options, training: mode }).graph.states.keys());
  const wanted = namesOf(training);
  const isUnknown = (name: string): boolean => !wanted.has(name) && !isCounter(name);
  if (!file.tensors.keys().some(isUnknown)) return { file, map: undefined, notes };

  const map = namingMapFor(file, description.name, form);
  let adapted = file;
  if (map !== undefined) {
    adapted = applyNamingMap(file, map);
    notes.push(`The names of ${map.title} were translated to those of ${description.name}.`);
  }
  const forTraining = namesOf(true);
  const side = [...adapted.tensors.keys()].filter((name) => isUnknown(name) && forTraining.has(name));
  if (side.length > 0) {
    const leftOut = new Set(side);
    adapted = renamed(adapted, (name) => (leftOut.has(name) ? undefined : name));
    notes.push(
      `${side.length} tensors of the side heads (${side[0]}, ...) were left out: only training uses them.`,
    );
  }
  return { file: adapted, map, notes };
}

/**
 * The tensors that a network needs for inference, in its order, out of a file that fits it once adapted. Throws a
 * UserError that lists what does not fit; `path` is the file's name in it.
 */
export function fitWeights(
  file: TensorFile,
  description: NetworkDescription,
  options: { readonly form: Form; readonly classes?: number; readonly options?: OptionValues },
  path: string,
): Adapted {
  const adapted = adaptWeights(file, description, options.form, options.options);
  const { states } = buildNetwork(description, options).graph;
  const wanted = [...states].map(([name, { shape }]) => ({ name, shape }));
  const data = matchWeights(adapted.file, wanted, path);
  const tensors = new Map<string, Tensor>();
  for (const { name, shape } of wanted) tensors.set(name, { shape, data: data.get(name) as Float32Array });
  return { ...adapted, file: { ...adapted.file, tensors } };
}
