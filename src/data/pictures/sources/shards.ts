// Tar shards in WebDataset's layout: members that share a key (the name up to its first dot) are one sample, e.g.
// 000123.jpg with 000123.cls (the class as a number, or by name) or 000123.json ({"label": 7}). A folder of *.tar is
// divided by the words train, val and test in the archives' names; a pattern is `train-{000000..000009}.tar`.
import { basename, dirname, join, posix } from 'node:path';
import { UserError } from '../../../errors.ts';
import type { Split } from '../../dataset.ts';
import { isFile } from '../../homes.ts';
import { nameNumbers } from './class-files.ts';
import type { Listed } from './folders.ts';
import { entriesOf, type ListingOptions, pictureFile, type Stamp, stampOf } from './listing.ts';
import { type AddMember, tarList } from './tar-list.ts';
import type { TarMember } from './tar-members.ts';

export interface Shards {
  /** What the user named: the folder, file or pattern. */
  readonly path: string;
  readonly files: readonly string[];
  readonly undivided: boolean;
}

const words: Readonly<Record<Split, RegExp>> = {
  train: /(^|[^a-z])train(ing)?([^a-z]|$)/i,
  test: /(^|[^a-z])(test|val|valid|validation)([^a-z]|$)/i,
};

/** The archives of a split in a folder, or in its folder of that name; undefined where there are none at all. */
export function findShards(folder: string, split: Split): Shards | undefined {
  const tars = (path: string): string[] =>
    entriesOf(path, (name) => /\.tar$/i.test(name)).files.map((name) => join(path, name));
  const below = split === 'train' ? ['train'] : ['test', 'val', 'validation'];
  for (const name of below) {
    const files = tars(join(folder, name));
    if (files.length > 0) return { path: folder, files, undivided: false };
  }
  return divided(folder, tars(folder), split);
}

/** The archives that a pattern names, all of which must be there. */
export function findPattern(pattern: string, split: Split): Shards {
  const files = expandBraces(pattern);
  const missing = files.filter((file) => !isFile(file));
  if (missing.length > 0) {
    throw new UserError(
      `${pattern}: ${missing.length} of its ${files.length} archives are not there, ${missing[0]} the first.`,
    );
  }
  // One split alone is all there is, whatever it is called.
  const found = divided(pattern, files, split);
  const both = words.train.test(files.join(' ')) && files.some((file) => words.test.test(basename(file)));
  return both && found !== undefined ? found : { path: pattern, files, undivided: true };
}

function divided(path: string, files: readonly string[], split: Split): Shards | undefined {
  if (files.length === 0) return undefined;
  const of = (each: Split): string[] => files.filter((file) => words[each].test(basename(file)));
  if (of('train').length === 0 && of('test').length === 0) return { path, files, undivided: true };
  const own = of(split);
  return own.length === 0 ? undefined : { path, files: own, undivided: false };
}

/** `a{0..2}b{x,y}`: numbers count, with as many digits as the first has; lists are taken in turn. */
export function expandBraces(pattern: string): string[] {
  const found = /\{([^{}]*)\}/.exec(pattern);
  if (found === null) return [pattern];
  const [whole, inner = ''] = found;
  const range = /^(\d+)\.\.(\d+)$/.exec(inner);
  const [first, last] = [Number(range?.[1]), Number(range?.[2])];
  const digits = range?.[1]?.length ?? 0;
  if (range !== null && (last < first || last - first >= 1e6)) {
    throw new UserError(`${pattern}: {${inner}} does not count up. Write it as {000000..000009}.`, {
      exitCode: 2,
    });
  }
  const parts =
    range === null
      ? inner.split(',')
      : Array.from({ length: last - first + 1 }, (_, i) => `${first + i}`.padStart(digits, '0'));
  const [before, after] = [pattern.slice(0, found.index), pattern.slice(found.index + whole.length)];
  return parts.flatMap((part) => expandBraces(before + part + after));
}

/** Lists the pictures of shards. `trained`: the classes of the training pictures, for those of a test. */
export async function listShards(
  shards: Shards,
  split: Split,
  trained: readonly string[] | undefined,
  options: ListingOptions,
): Promise<Listed> {
  const { path, files, undivided } = shards;
  const list = tarList(options);
  /** Classes that are named, by name; numbered ones stand for themselves. */
  const named = new Map<string, number>();
  let numbered = 0;
  const labelOf = (text: string, where: string): number => {
    if (/^\d+$/.test(text)) {
      if (named.size > 0) throw mixture(where, text);
      numbered = Math.max(numbered, Number(text) + 1);
      return Number(text);
    }
    if (numbered > 0) throw mixture(where, text);
    const label = named.get(text) ?? named.size;
    named.set(text, label);
    return label;
  };
  for (const file of files) {
    await list.read(file, (members, add, bytes) => readSamples(file, members, bytes, labelOf, add));
  }
  if (list.length === 0) {
    throw new UserError(
      `${path} holds no samples: expected members like 000123.jpg with 000123.cls or 000123.json.`,
    );
  }
  const folders = [...new Set(files.map((file) => dirname(file)))];
  const places = [...folders, ...folders.map((folder) => dirname(folder))];
  const stamps = [...folders, ...files].map((each) => stampOf(each) as Stamp);
  const description = { path, split, mixed: true, undivided, stamps };
  if (named.size > 0) {
    const classes = trained ?? [...named.keys()].sort();
    const places = new Map(classes.map((name, label) => [name, label]));
    const stranger = [...named.keys()].find((name) => !places.has(name));
    if (stranger !== undefined) {
      throw new UserError(
        `${path}: the class '${stranger}' is not among the ${classes.length} of the training shards.`,
      );
    }
    const meaning = [...named.keys()].map((name) => places.get(name) as number);
    return list.finish({ ...description, classes, relabel: (label) => meaning[label] as number });
  }
  if (trained !== undefined && numbered > trained.length) {
    throw new UserError(
      `${path}: there is a label ${numbered - 1}, but the training shards have ${trained.length} classes.`,
    );
  }
  return list.finish({ ...description, classes: trained ?? nameNumbers(numbered, places) });
}

function mixture(where: string, text: string): UserError {
  return new UserError(
    `${where} has the class '${text}', while others are ${/^\d+$/.test(text) ? 'names' : 'numbers'}. ` +
      'Use one kind for all samples.',
  );
}

const labelFields = ['label', 'cls', 'class', 'class_id', 'label_id', 'class_name'];
const mostJsonBytes = 1 << 24;

/** Adds the picture of each sample with its label. */
function readSamples(
  file: string,
  members: Generator<TarMember>,
  bytes: (member: TarMember) => Buffer,
  labelOf: (text: string, where: string) => number,
  add: AddMember,
): void {
  let key: string | undefined;
  let picture: TarMember | undefined;
  let label: number | undefined;
  const finish = (): void => {
    if (picture === undefined) return;
    if (label === undefined) {
      throw new UserError(
        `${file}: the sample ${key} at byte ${picture.start} has no label: expected ${key}.cls or ${key}.json.`,
      );
    }
    add(picture, label);
  };
  for (const member of members) {
    const name = posix.basename(member.name);
    if (name.startsWith('.')) continue;
    const dot = name.indexOf('.');
    const extension = dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
    const own = member.name.slice(0, member.name.length - (dot < 0 ? 0 : name.length - dot));
    if (own !== key) {
      finish();
      [key, picture, label] = [own, undefined, undefined];
    }
    const where = `${file}: ${member.name} at byte ${member.start}`;
    if (pictureFile.test(`.${extension}`) && !extension.includes('.')) picture ??= member;
    else if (extension === 'cls' || extension === 'cls.txt') {
      label = labelOf(bytes(member).toString('utf8').trim(), where);
    } else if (extension === 'json' && label === undefined && member.size <= mostJsonBytes) {
      const found = labelInJson(bytes(member), where);
      if (found !== undefined) label = labelOf(found, where);
    }
  }
  finish();
}

function labelInJson(bytes: Buffer, where: string): string | undefined {
  try {
    const value = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'number' || typeof value === 'string') return `${value}`;
    const found = labelFields.map((field) => value?.[field]).find((each) => each !== undefined);
    return found === undefined ? undefined : `${found}`;
  } catch (error) {
    throw new UserError(`${where} is no JSON: ${(error as Error).message}`, { cause: error });
  }
}
