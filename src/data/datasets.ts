// Opening a data set: by name, from wherever it lies on this machine or else from its official home, or by the path
// of a folder, whose content says what it is.
import { basename, join, resolve } from 'node:path';
import { didYouMean, UserError } from '../errors.ts';
import { readCifar } from './cifar.ts';
import type { Dataset, Split } from './dataset.ts';
import { existingFile, findDataset, folderWithFiles, isFile, isFolder } from './homes.ts';
import { readIdx, readIdxDataset } from './idx.ts';
import { type KnownDataset, knownDataset, knownDatasets } from './known.ts';
import { obtainOrExplain } from './obtain.ts';
import { openPictures } from './pictures/open.ts';
import { readIndex } from './pictures/sources/read-index.ts';
import type { Interpolation } from './resample.ts';
import { classesOf, splitRequest } from './subset.ts';

export { datasetSearchPaths, findDataset } from './homes.ts';
export { type KnownDataset, knownDataset, knownDatasets } from './known.ts';

/** What opening is busy with: bytes of a file, or pictures of a folder, decoded or only found. */
export interface OpenProgress {
  readonly activity: 'download' | 'decode' | 'index';
  readonly item: string;
  readonly done: number;
  readonly total: number | undefined;
  readonly unit: 'bytes' | 'pictures';
}

export interface OpenOptions {
  /** Which labels, where there are two kinds (CIFAR-100); default 'fine'. */
  readonly labels?: 'fine' | 'coarse';
  /** Fetch a known data set that is not on this machine; default true. */
  readonly download?: boolean;
  /** Of the pictures in image folders, px; default 224x224. Other data sets keep their own size. */
  readonly size?: { readonly height: number; readonly width: number };
  /** Short side that those pictures are brought to before their centre is cut, px; default: as small as it fits. */
  readonly resize?: number | undefined;
  /** Default bilinear. */
  readonly interpolation?: Interpolation | undefined;
  /** Of picture files: 'skip' leaves out those that cannot be decoded, up to 1 % of them; default 'fail'. */
  readonly onBadImage?: 'fail' | 'skip' | undefined;
  /** Called for each picture that is left out. */
  readonly onBad?: ((name: string, reason: string) => void) | undefined;
  readonly onProgress?: (progress: OpenProgress) => void;
  /** Remarks, e.g. on a stored index that is made again. */
  readonly onNote?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Opens the data set with that name (`cifar-100`, or a part of its classes: `cifar-100@10`), or the one in that folder.
 * Fails with a UserError: unknown name (exit code 2, nearest names), nothing there, or a bad file (named).
 */
export async function openDataset(
  nameOrPath: string,
  split: Split,
  options: OpenOptions = {},
): Promise<Dataset> {
  const { name, part } = splitRequest(nameOrPath);
  const known = knownDataset(name);
  if (known !== undefined) {
    const whole = await openKnown(known, split, options);
    return part === undefined ? whole : classesOf(whole, part, nameOrPath);
  }
  const pictures = await openDecoded(nameOrPath, split, options);
  if (pictures !== undefined) return pictures;
  const path = resolve(nameOrPath);
  if (isFolder(path)) return openFolder(path, split, options);
  if (/[\\/.]/.test(nameOrPath)) {
    throw new UserError(`${nameOrPath}: there is no such folder. Check the path of the data.`, {
      exitCode: 2,
    });
  }
  const names = knownDatasets.map(({ name }) => name);
  throw new UserError(
    `'${nameOrPath}' is neither a data set that Laurel knows (${names.join(', ')}) nor a folder.` +
      didYouMean(nameOrPath, names),
    { exitCode: 2 },
  );
}

/** Pictures of any size on disk, decoded to one size; undefined where there are none. */
async function openDecoded(
  nameOrPath: string,
  split: Split,
  options: OpenOptions,
): Promise<Dataset | undefined> {
  const { size = { height: 224, width: 224 }, onProgress, onNote, signal } = options;
  const item = basename(nameOrPath);
  const index = await openPictures(nameOrPath, split, {
    signal,
    onNote,
    onProgress: (done) => onProgress?.({ activity: 'index', item, done, total: undefined, unit: 'pictures' }),
  });
  return (
    index &&
    readIndex(index, {
      ...options,
      size,
      onProgress: (done, total) => onProgress?.({ activity: 'decode', item, done, total, unit: 'pictures' }),
    })
  );
}

async function openKnown(known: KnownDataset, split: Split, options: OpenOptions): Promise<Dataset> {
  const { onProgress, download, signal } = options;
  const path =
    findDataset(known.name, split)?.path ??
    (await obtainOrExplain(known, {
      download,
      signal,
      onProgress: ({ file, received, total }) =>
        onProgress?.({ activity: 'download', item: file, done: received, total, unit: 'bytes' }),
    }));
  return readKnown(known, path, split, options);
}

/** Reads the files of `known` in `path`. */
async function readKnown(
  known: KnownDataset,
  path: string,
  split: Split,
  options: OpenOptions,
): Promise<Dataset> {
  const files = known.files[split].map((file) => existingFile(path, file, known.format) ?? join(path, file));
  const { name, classes, coarseClasses } = known;
  const coarse = options.labels === 'coarse';
  if (coarse && coarseClasses === undefined) {
    throw new UserError(
      `${known.title} has no coarse labels; only CIFAR-100 has them. Leave the option out.`,
      {
        exitCode: 2,
      },
    );
  }
  const description = { name, split, path, classes: coarse ? (coarseClasses ?? []) : classes };
  if (known.format === 'cifar-10') return readCifar(files, { labelBytes: 1, labelOffset: 0 }, description);
  if (known.format === 'cifar-100') {
    return readCifar(files, { labelBytes: 2, labelOffset: coarse ? 0 : 1 }, description);
  }
  const [images, labels] = files as [string, string];
  const dataset = await readIdxDataset(images, labels, description);
  const other = byFirstLabels(dataset.labels, split);
  if (other !== undefined && other !== known) {
    throw new UserError(`${path} holds ${other.title}, expected ${known.title}. Use --data ${other.name}.`);
  }
  return dataset;
}

async function openFolder(path: string, split: Split, options: OpenOptions): Promise<Dataset> {
  const otherSplit: Split = split === 'train' ? 'test' : 'train';
  for (const known of knownDatasets) {
    const folder = folderWithFiles(path, known, split);
    if (folder !== undefined && known.format === 'idx') return openIdxFolder(folder, path, split, options);
    if (folder !== undefined) return readKnown(known, folder, split, options);
    if (folderWithFiles(path, known, otherSplit) !== undefined) {
      throw new UserError(
        `${path} has the '${otherSplit}' files of a data set like ${known.title}, but not those of '${split}': ` +
          `${known.files[split].join(', ')}. Put them there.`,
      );
    }
  }
  throw new UserError(unrecognised(path));
}

/** An idx folder is the known data set whose labels it starts with, or one of its own, named after the folder. */
async function openIdxFolder(
  folder: string,
  path: string,
  split: Split,
  options: OpenOptions,
): Promise<Dataset> {
  const format = 'idx';
  const fileOf = (of: Split, position: 0 | 1) =>
    existingFile(folder, knownDataset('mnist')?.files[of][position] ?? '', format);
  const labels = fileOf(split, 1) as string;
  const first = await readIdx(labels, 1);
  const known = byFirstLabels(first.data, split);
  if (known !== undefined) return readKnown(known, folder, split, options);
  // A class may be missing from one split, so both tell how many there are.
  const other = fileOf(split === 'train' ? 'test' : 'train', 1);
  const all = [first, ...(other === undefined ? [] : [await readIdx(other, 1)])];
  const largest = Math.max(...all.map(({ data }) => data.reduce((most, label) => Math.max(most, label), 0)));
  return readIdxDataset(fileOf(split, 0) as string, labels, {
    name: basename(path),
    split,
    path: folder,
    classes: Array.from({ length: largest + 1 }, (_, label) => String(label)),
  });
}

function byFirstLabels(labels: ArrayLike<number>, split: Split): KnownDataset | undefined {
  return knownDatasets.find(({ firstLabels }) =>
    firstLabels?.[split].every((label, position) => labels[position] === label),
  );
}

function unrecognised(path: string): string {
  const python = ['data_batch_1', 'test_batch', 'meta', 'batches.meta'].filter((file) =>
    isFile(join(path, file)),
  );
  if (python.length > 0) {
    return (
      `${path} holds CIFAR in its Python form (${python.join(', ')}); Laurel reads the binary form ` +
      '(data_batch_1.bin, train.bin ...), from the archive whose name ends in -binary.tar.gz.'
    );
  }
  return (
    `${path} holds nothing that Laurel recognises as a data set: expected idx files (train-images-idx3-ubyte, ` +
    '.gz or not), CIFAR binary files (data_batch_1.bin or train.bin), or pictures in <class>/ or train/<class>/.'
  );
}
