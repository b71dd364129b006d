// Opening pictures that stay on disk: what lies at a path is recognised by its content.
import { basename, dirname, extname, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import type { Split } from '../dataset.ts';
import { folderWithFiles, isFile, isFolder } from '../homes.ts';
import { knownDataset, knownDatasets } from '../known.ts';
import { isPack, openPack, readPack } from './pack/file.ts';
import type { PictureIndex } from './picture-index.ts';
import {
  findClassFolders,
  type Listed,
  listFolders,
  type Trained,
  trainedFolders,
} from './sources/folders.ts';
import {
  findTrainTars,
  findValidation,
  identifiersOf,
  ilsvrcBase,
  isTrainTar,
  listTrainTars,
  listValidation,
} from './sources/ilsvrc.ts';
import { cachedIndex, defaultIndexCache, type IndexCache } from './sources/index-file.ts';
import { hasPictures, type ListingOptions } from './sources/listing.ts';
import { findList, listList } from './sources/lists.ts';
import { findPattern, findShards, listShards, type Shards } from './sources/shards.ts';

export interface OpenPicturesOptions extends ListingOptions {
  /** Where indices are kept; default the user's cache folder. */
  readonly cache?: IndexCache;
}

/**
 * The pictures of `split` at a path: image folders, the ILSVRC layout, tar shards (a folder, or a pattern with
 * braces), lists, or a pack. Undefined where there is nothing of the kind, as for the names of data sets and their
 * files. Throws a UserError when it is of the kind but damaged, without that split, or not there.
 */
export async function openPictures(
  pathOrName: string,
  split: Split,
  options: OpenPicturesOptions = {},
): Promise<PictureIndex | undefined> {
  if (knownDataset(pathOrName) !== undefined) return undefined;
  const cache = options.cache ?? defaultIndexCache();
  const path = resolve(pathOrName);
  const { onNote } = options;
  const cached = (list: () => Promise<Listed | undefined>): Promise<PictureIndex | undefined> =>
    cachedIndex(path, split, cache, list, onNote);
  if (isFile(path)) {
    if (isPack(path)) return openPack(path, split, onNote);
    if (/\.tar$/i.test(path)) {
      // The archive of all training pictures stands for the folder of the official files.
      if (isTrainTar(path)) return openPictures(dirname(path), split, options);
      const alone: Shards = { path, files: [path], undivided: true };
      return cached(() => listShards(alone, split, undefined, options));
    }
    if (/^\.(txt|tsv|csv)$/.test(extname(path))) return cached(async () => listList(path, path, split, true));
    throw new UserError(
      `${pathOrName} is a file, and none of these: a pack that \`laurel pack\` made, a tar archive of pictures, or a ` +
        'list of pictures (.txt). Name the folder that holds the data.',
      { exitCode: 2 },
    );
  }
  if (isPattern(pathOrName)) {
    return cached(() =>
      listSplit(findPattern(path, split), split, (other) => findPattern(path, other), options),
    );
  }
  if (!isFolder(path)) {
    if (/\.(pack|tar|txt|csv|tsv)$/i.test(path)) {
      throw new UserError(`There is no file ${pathOrName}. Check the path of the data.`, { exitCode: 2 });
    }
    return undefined;
  }
  if (isKnownFolder(path)) return undefined;
  const index = await cached(() => listAt(path, split, options));
  if (index !== undefined) return index;
  const other: Split = split === 'train' ? 'test' : 'train';
  if (holdsSplit(path, other)) {
    throw new UserError(
      `${path} holds no pictures for the split '${split}', only for '${other}': expected ` +
        `${split === 'train' ? 'train/' : 'val/ or test/'} beside it, with a folder for each class.`,
    );
  }
  if (hasPictures(path, 0)) {
    throw new UserError(
      `${path} holds pictures, but not in a folder for each class, and no list that names their classes. Move them ` +
        `into ${basename(path)}/<class>/, or write ${basename(path)}/train.txt with a path and a class on each line.`,
    );
  }
  return undefined;
}

/** The splits that a path has pictures of; none where it is nothing that `openPictures` opens. */
export function splitsAt(pathOrName: string): readonly (Split | 'undivided')[] {
  const path = resolve(pathOrName);
  const both = ['train', 'test'] as const;
  if (knownDataset(pathOrName) !== undefined) return [];
  if (isFile(path)) {
    if (isPack(path)) return readPack(path).meta.splits.map(({ split }) => split);
    return /\.tar$/i.test(path) && isTrainTar(path) ? splitsAt(dirname(path)) : ['undivided'];
  }
  if (isPattern(pathOrName)) return findPattern(path, 'train').undivided ? ['undivided'] : both;
  if (!isFolder(path) || isKnownFolder(path)) return [];
  if (both.some((split) => findList(path, split) !== undefined))
    return both.filter((split) => holdsSplit(path, split));
  if (findClassFolders(path, 'train')?.undivided || findShards(path, 'train')?.undivided)
    return ['undivided'];
  return both.filter((split) => holdsSplit(path, split));
}

function isPattern(request: string): boolean {
  return /\{[^{}]*\}.*\.tar$/i.test(request);
}

/** Whether the folder is one of a data set that is read into memory (CIFAR, MNIST). */
function isKnownFolder(path: string): boolean {
  return knownDatasets.some((known) =>
    (['train', 'test'] as const).some((split) => folderWithFiles(path, known, split) !== undefined),
  );
}

async function listAt(root: string, split: Split, options: ListingOptions): Promise<Listed | undefined> {
  const base = ilsvrcBase(root);
  if (split === 'train') {
    const tars = findTrainTars(base);
    if (tars !== undefined) return listTrainTars(root, tars, options);
  }
  const trained = split === 'test' ? trainedAt(base) : undefined;
  const validation = split === 'test' ? findValidation(base) : undefined;
  if (validation !== undefined && !validation.tar) {
    return listValidation(root, validation, trained?.identifiers, options);
  }
  const list = findList(root, split);
  const found = findClassFolders(base, split);
  // A list knows better than folders which no split's name divides.
  if (found !== undefined && (list === undefined || !found.undivided)) {
    return listFolders(base, split, trained, options);
  }
  if (list !== undefined) return listList(root, list, split, false);
  if (validation !== undefined) return listValidation(root, validation, trained?.identifiers, options);
  const shards = findShards(root, split);
  return shards && listSplit(shards, split, (other) => findShards(root, other), options);
}

function trainedAt(base: string): Trained | undefined {
  const tars = findTrainTars(base);
  return tars === undefined
    ? trainedFolders(base)
    : { identifiers: identifiersOf(tars), folder: tars.folder };
}

/** Shards of a test have the classes of the training shards, whose labels must be read for them. */
async function listSplit(
  shards: Shards,
  split: Split,
  find: (split: Split) => Shards | undefined,
  options: ListingOptions,
): Promise<Listed> {
  const training = split === 'test' && !shards.undivided ? find('train') : undefined;
  const trained =
    training && (await listShards(training, 'train', undefined, { ...options, onNote: () => {} }));
  const listed = await listShards(shards, split, trained?.index.classes, options);
  return { ...listed, stamps: [...listed.stamps, ...(trained?.stamps ?? [])] };
}

function holdsSplit(path: string, split: Split): boolean {
  const base = ilsvrcBase(path);
  return (
    (split === 'train' && findTrainTars(base) !== undefined) ||
    (split === 'test' && findValidation(base) !== undefined) ||
    findList(path, split) !== undefined ||
    findShards(path, split) !== undefined ||
    findClassFolders(base, split) !== undefined
  );
}
