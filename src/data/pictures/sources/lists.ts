// Lists of pictures: `train.txt` with `val.txt` or `test.txt` (or .tsv, .csv), a path and its class on each line, as
// Caffe has them. Paths are relative to the list's folder; classes are numbers, or names in code point order.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { UserError } from '../../../errors.ts';
import { reason } from '../../../files.ts';
import type { Split } from '../../dataset.ts';
import { isFile } from '../../homes.ts';
import { nameNumbers } from './class-files.ts';
import { type Listed, splitFolders } from './folders.ts';
import { growing, growingNames } from './growing.ts';
import { pictureFile, type Stamp, stampOf } from './listing.ts';

/** The list of a split in `root`; undefined where there is none. */
export function findList(root: string, split: Split): string | undefined {
  const names = splitFolders[split].flatMap((name) => ['txt', 'tsv', 'csv'].map((end) => `${name}.${end}`));
  return names.map((name) => join(root, name)).find((path) => isFile(path) && readLines(path).length > 0);
}

interface Line {
  readonly path: string;
  readonly label: string;
}

/** Lines of the form "path label"; what begins a table is passed over, anything else makes it no list. */
function readLines(path: string): Line[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  const lines: Line[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const [, file, label] = /^(.*?\.\w+)[\s,]+(.+?)\s*$/.exec(line) ?? [];
    if (file !== undefined && label !== undefined && pictureFile.test(file))
      lines.push({ path: file, label });
    else if (i > 0 || lines.length > 0) return [];
  }
  return lines;
}

/** Lists the pictures that `list` names. `undivided`: the list is all there is. */
export function listList(root: string, list: string, split: Split, undivided: boolean): Listed {
  const lines = readLines(list);
  if (lines.length === 0) {
    throw new UserError(`${list} is no list of pictures: expected a path and a class on each line.`);
  }
  const trainList = split === 'test' && !undivided ? findList(root, 'train') : undefined;
  const trained = trainList === undefined ? lines : readLines(trainList);
  const classes = classesOf(trained, [dirname(list), root]);
  const numbered = trained.every(({ label }) => /^\d+$/.test(label));
  const places = new Map(classes.map((name, label) => [name, label]));
  const labels = growing(Int32Array);
  const names = growingNames();
  const folder = dirname(list);
  for (const { path, label } of lines) {
    const number = numbered ? Number(label) : places.get(label);
    if (number === undefined || !(number < classes.length)) {
      throw new UserError(
        `${list}: ${path} has the class '${label}', which is none of ${trainList ?? list}.`,
      );
    }
    labels.push(number);
    names.push(relative(folder, resolve(folder, path)).replaceAll(sep, '/'));
  }
  const first = join(folder, (lines[0] as Line).path);
  if (!existsSync(resolve(folder, (lines[0] as Line).path))) {
    throw new UserError(
      `${list} names ${first}, which is not there: paths are relative to the list's folder.`,
    );
  }
  const all = labels.finish();
  const stamps = [root, list, ...(trainList === undefined ? [] : [trainList])];
  return {
    stamps: stamps.map((path) => stampOf(path) as Stamp),
    index: {
      name: basename(root).replace(/\.\w+$/, ''),
      split,
      path: root,
      length: all.length,
      classes,
      labels: all,
      undivided,
      store: { kind: 'files', root: folder, ...names.finish() },
    },
  };
}

function classesOf(lines: readonly Line[], places: readonly string[]): readonly string[] {
  if (lines.every(({ label }) => /^\d+$/.test(label))) {
    return nameNumbers(
      lines.reduce((most, { label }) => Math.max(most, Number(label) + 1), 0),
      places,
    );
  }
  return [...new Set(lines.map(({ label }) => label))].sort();
}
