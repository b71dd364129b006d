// Names of classes: what people see instead of folders' names and numbers. Folders named by WordNet identifiers are
// shown by ImageNet's own names; a file beside the pictures names or orders the others: `classes.txt` and its like,
// one class a line, with or without an identifier before it, or a JSON list or map.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../errors.ts';
import { reason } from '../../../files.ts';
import { isFile } from '../../homes.ts';
import { imagenetClasses } from '../../imagenet-classes.ts';

/** Names of files that say what classes are called, the first one first. */
const classFiles = [
  'classes.txt',
  'labels.txt',
  'class_names.txt',
  'classes.json',
  'labels.json',
  'class_index.json',
  'imagenet_class_index.json',
  'synset_words.txt',
  'imagenet_synset_words.txt',
  'LOC_synset_mapping.txt',
  'words.txt',
];

export interface ClassNaming {
  /** As they are shown, in the order of the labels. */
  readonly classes: readonly string[];
  /** The label of each identifier (folder). */
  readonly labels: ReadonlyMap<string, number>;
}

/** A line of a file: the name, with the identifier before it where there is one. */
interface Entry {
  readonly id: string | undefined;
  readonly name: string;
  readonly line: string;
}

const knownNames = new Map(imagenetClasses.map(({ wnid, name }) => [wnid, name]));

/**
 * Orders and names classes that are told apart by `identifiers` (folders' names, in code point order), by the first
 * class file in `places`. A file that lists exactly the identifiers sets their order; one with a name for each only
 * names them.
 */
export function nameClasses(
  identifiers: readonly string[],
  places: readonly string[],
  onNote?: (message: string) => void,
): ClassNaming {
  const path = findClassFile(places);
  const entries = path === undefined ? [] : readClassFile(path);
  let ordered = identifiers;
  const names = new Map<string, string>();
  const listed = new Set(entries.map(({ line }) => line));
  const known = new Set(identifiers);
  const identified = new Map(entries.flatMap(({ id, name }) => (id === undefined ? [] : [[id, name]])));
  if (entries.length === identifiers.length && identifiers.every((id) => listed.has(id))) {
    ordered = entries.map(({ line }) => line);
  } else if (identifiers.filter((id) => identified.has(id)).length * 2 > identifiers.length) {
    for (const [id, name] of identified) if (known.has(id)) names.set(id, name);
  } else if (areNumbers(identifiers) && entries.length >= identifiers.length) {
    for (const id of identifiers) names.set(id, entries[Number(id)]?.line ?? id);
  } else if (path !== undefined) {
    onNote?.(`${path} names other classes than the ${identifiers.length} folders beside it; it is not used.`);
  }
  const shown = ordered.map((id) => knownNames.get(id) ?? names.get(id) ?? id);
  return {
    classes: distinct(shown, ordered),
    labels: new Map(ordered.map((id, label) => [id, label])),
  };
}

/** Names for labels that are numbers from 0 to `count - 1`: those of the file, ImageNet's for a thousand, or digits. */
export function nameNumbers(count: number, places: readonly string[]): readonly string[] {
  const path = findClassFile(places);
  if (path === undefined) return Array.from({ length: count }, (_, label) => `${label}`);
  const entries = readClassFile(path);
  if (entries.length < count) {
    throw new UserError(`${path} names ${entries.length} classes, but there are labels up to ${count - 1}.`);
  }
  const ids = entries.map(({ id, line }) => id ?? line);
  const shown = entries.map(({ id, name, line }) => knownNames.get(id ?? line) ?? (id ? name : line));
  return distinct(shown, ids);
}

function findClassFile(places: readonly string[]): string | undefined {
  return places.flatMap((place) => classFiles.map((name) => join(place, name))).find(isFile);
}

function readClassFile(path: string): Entry[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  if (path.endsWith('.json')) return fromJson(path, text);
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [, id, name] = /^(\S+)\s+(.+)$/.exec(line) ?? [];
      return { id, name: name ?? line, line };
    });
}

/** A list of names, a map from identifier to name, or from number to [identifier, name] (Keras, torchvision). */
function fromJson(path: string, text: string): Entry[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is no JSON: ${(error as Error).message}`, { cause: error });
  }
  if (Array.isArray(value)) return value.map((name) => ({ id: undefined, name: `${name}`, line: `${name}` }));
  const pairs = Object.entries((value ?? {}) as Record<string, unknown>);
  return pairs.map(([key, content]) => {
    if (Array.isArray(content)) {
      const [id, ...words] = content.map(String);
      return { id, name: words.join(', '), line: words.join(', ') };
    }
    if (/^\d+$/.test(key)) return { id: undefined, name: `${content}`, line: `${content}` };
    return { id: key, name: `${content}`, line: `${content}` };
  });
}

/** Whether these are 0 to n - 1, however many zeros are put before them. */
function areNumbers(identifiers: readonly string[]): boolean {
  const numbers = identifiers.map((id) => (/^\d+$/.test(id) ? Number(id) : -1)).sort((a, b) => a - b);
  return numbers.every((number, position) => number === position);
}

/** Names that two classes share get their identifiers behind them. */
function distinct(names: readonly string[], ids: readonly string[]): string[] {
  const uses = new Map<string, number>();
  for (const name of names) uses.set(name, (uses.get(name) ?? 0) + 1);
  return names.map((name, i) => (uses.get(name) === 1 ? name : `${name} (${ids[i]})`));
}
