// The pictures of a test with the answers that are right for a network: a data set in memory, whose classes are the
// network's by their order, or a folder of pictures, whose classes are found by their names.
import { basename, resolve } from 'node:path';
import type { Dataset, Split } from '../data/dataset.ts';
import { knownDataset, knownDatasets, type OpenOptions, openDataset } from '../data/datasets.ts';
import { folderWithFiles, isFolder } from '../data/homes.ts';
import { classFolders, listImageFolder } from '../data/image-folder.ts';
import { holdOut } from '../data/split.ts';
import { UserError } from '../errors.ts';
import { classIndices } from './class-map.ts';
import { classNamesOf, type Model, outputsOf } from './model.ts';
import { picturesOf, undividedTestShare } from './pictures.ts';
import { datasetSource, fileSource, type PictureSource } from './sources.ts';

export interface TestData {
  readonly name: string;
  readonly source: PictureSource;
  /** Of each picture of `source`: the answer that is right. */
  readonly labels: Int32Array;
  /** The answers that the network has. */
  readonly classes: readonly string[];
  /** The data set, where it is in memory; its pictures all have one size. */
  readonly dataset?: Dataset;
}

/** Opens what is to be tested. Throws a UserError where there is nothing, or its classes are not the weights'. */
export async function openTestData(
  request: string,
  split: Split,
  model: Model,
  open: OpenOptions,
): Promise<TestData> {
  return isImageFolder(request, split)
    ? openFolder(resolve(request), split, model)
    : openMemory(await openDataset(request, split, open), split, model);
}

function isImageFolder(request: string, split: Split): boolean {
  if (knownDataset(request) !== undefined) return false;
  const path = resolve(request);
  if (!isFolder(path)) return false;
  const known = knownDatasets.some((each) =>
    (['train', 'test'] as const).some((part) => folderWithFiles(path, each, part) !== undefined),
  );
  return !known && classFolders(path, split) !== undefined;
}

function openMemory(dataset: Dataset, split: Split, model: Model): TestData {
  const outputs = outputsOf(model);
  if (outputs !== undefined && outputs !== dataset.classes.length) {
    throw new UserError(
      `${model.path} has ${outputs} classes, but ${dataset.name} has ${dataset.classes.length}. ` +
        'Choose other data or other weights.',
    );
  }
  const indices = picturesOf(dataset, split);
  return {
    name: dataset.name,
    source: datasetSource(dataset, indices),
    labels: Int32Array.from(indices, (index) => dataset.labels[index] as number),
    classes: dataset.classes,
    dataset,
  };
}

function openFolder(path: string, split: Split, model: Model): TestData {
  const { classes: folders, files, undivided } = listImageFolder(path, split);
  const name = basename(path);
  const own = Int32Array.from(files, ({ label }) => label);
  // A folder without splits is divided only for weights that were trained on a part of it.
  const trainedOnIt = undivided && model.info?.dataset === name;
  const divided = trainedOnIt ? holdOut(own, undividedTestShare, 0) : undefined;
  const indices = divided?.[split === 'test' ? 'validation' : 'train'] ?? own.map((_, index) => index);
  const known = classNamesOf(model);
  const meaning = known === undefined ? byPosition(folders, model, path) : classIndices(folders, known, path);
  return {
    name,
    source: fileSource(Array.from(indices, (index) => files[index]?.path as string)),
    labels: Int32Array.from(indices, (index) => meaning[own[index] as number] as number),
    classes: known ?? folders,
  };
}

function byPosition(folders: readonly string[], model: Model, path: string): readonly number[] {
  const outputs = outputsOf(model);
  // Weights without the network's last layer are refused as a whole, when they meet the network.
  if (outputs === undefined || outputs === folders.length) return folders.map((_, index) => index);
  throw new UserError(
    `${model.path} has ${outputs} classes, whose names it does not say, but ${path} has ${folders.length}. ` +
      'Choose other data or other weights.',
  );
}
