// What says the classes of validation pictures that lie together: the devkit of ILSVRC 2012 (a number per picture, and
// MATLAB's meta.mat for what the numbers mean), also packed as it is downloaded; Kaggle's LOC_val_solution.csv; Caffe's
// val.txt (a number per picture in the order of the identifiers); Tiny ImageNet's val_annotations.txt.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { UserError } from '../../../errors.ts';
import { reason } from '../../../files.ts';
import { isFile } from '../../homes.ts';
import { imagenetClasses } from '../../imagenet-classes.ts';
import { extractTarGz } from '../../tar.ts';
import { type MatStructs, readMat } from './mat-file.ts';

export interface Truth {
  /** What it was read from. */
  readonly files: readonly string[];
  /** The WordNet identifier of a picture, by its file's name. */
  wnid(name: string): string | undefined;
}

/** Folders in which the truth may lie, for validation pictures in `folder` of a set with these roots. */
export function truthPlaces(root: string, base: string, folder: string): string[] {
  const devkits = ['', 'devkit', 'ILSVRC2012_devkit_t12'].flatMap((name) => [name, join(name, 'data')]);
  // Kaggle's lists lie above ILSVRC/Data/CLS-LOC, which people name as the root too.
  const above = /CLS-LOC\/?$/.test(root) ? [join(root, '../../..')] : [];
  const roots = [root, base, folder, dirname(folder), ...above];
  return [...new Set(roots.flatMap((place) => devkits.map((name) => join(place, name))))];
}

/** The first there is. Throws a UserError when a file cannot be read, or says nothing. */
export async function findTruth(places: readonly string[]): Promise<Truth | undefined> {
  const first = (name: string): string | undefined => places.map((place) => join(place, name)).find(isFile);
  const [numbers, meta] = [first(numbersFile), first(metaFile)];
  if (numbers !== undefined && meta !== undefined) return devkit(numbers, meta, [numbers, meta]);
  const packed = first('ILSVRC2012_devkit_t12.tar.gz');
  if (packed !== undefined) return packedDevkit(packed);
  const kaggle = first('LOC_val_solution.csv');
  if (kaggle !== undefined) return byName(kaggle, /^([^,]+),\s*(n\d{8})\b/, (wnid) => wnid);
  const caffe = first('val.txt');
  if (caffe !== undefined) return byName(caffe, /^(?:.*\/)?(\S+)\s+(\d+|n\d{8})\s*$/, wnidOfLabel);
  const tiny = first('val_annotations.txt');
  if (tiny !== undefined) return byName(tiny, /^(\S+)\s+(n\d{8})\b/, (wnid) => wnid);
  if (numbers !== undefined) {
    throw new UserError(
      `${numbers} says the classes as numbers, whose meaning is in ${metaFile} of the devkit. Put it beside.`,
    );
  }
  return undefined;
}

const numbersFile = 'ILSVRC2012_validation_ground_truth.txt';
const metaFile = 'meta.mat';

async function packedDevkit(archive: string): Promise<Truth> {
  const folder = mkdtempSync(join(tmpdir(), 'laurel-devkit-'));
  try {
    await extractTarGz(archive, [numbersFile, metaFile], folder);
    return devkit(join(folder, numbersFile), join(folder, metaFile), [archive]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Line n is the class of the picture whose name ends in n. */
function devkit(numbers: string, meta: string, files: readonly string[]): Truth {
  const wnids = readMeta(meta);
  const answers = linesOf(numbers).map((line, i) => {
    const wnid = wnids.get(Number(line));
    if (wnid !== undefined) return wnid;
    throw new UserError(`${numbers}: line ${i + 1} is '${line}', which is no class of ${meta}.`);
  });
  return {
    files,
    wnid(name) {
      const number = /(\d+)\.[^.]*$/.exec(name)?.[1];
      return number === undefined ? undefined : answers[Number(number) - 1];
    },
  };
}

/** What the numbers of the devkit mean: `synsets` is an array of structures with ILSVRC2012_ID and WNID. */
function readMeta(path: string): Map<number, string> {
  let synsets: MatStructs | undefined;
  try {
    synsets = readMat(readFileSync(path)).get('synsets') as MatStructs | undefined;
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${reason(error)}. Take it from the devkit again.`, {
      cause: error,
    });
  }
  const wnids = new Map<number, string>();
  for (const { ILSVRC2012_ID: id, WNID: wnid } of synsets?.elements ?? []) {
    const number = (id as { values?: readonly number[] } | undefined)?.values?.[0];
    if (number !== undefined && typeof wnid === 'string') wnids.set(number, wnid);
  }
  if (wnids.size > 0) return wnids;
  throw new UserError(
    `${path} has no 'synsets' with ILSVRC2012_ID and WNID. It is not the devkit's meta.mat.`,
  );
}

/** One picture a line. */
function byName(path: string, form: RegExp, wnidOf: (text: string) => string | undefined): Truth {
  const answers = new Map<string, string>();
  for (const line of linesOf(path)) {
    const [, name, text] = form.exec(line) ?? [];
    const wnid = text === undefined ? undefined : wnidOf(text);
    if (name !== undefined && wnid !== undefined) answers.set(name.replace(/\.\w+$/, ''), wnid);
  }
  if (answers.size === 0)
    throw new UserError(`${path} says the class of no picture. Take it from its home again.`);
  return { files: [path], wnid: (name) => answers.get(name.replace(/\.\w+$/, '')) };
}

function wnidOfLabel(text: string): string | undefined {
  return text.startsWith('n') ? text : imagenetClasses[Number(text)]?.wnid;
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
}
