// The pictures of a test with the answers that are right for a network: a data set in memory, whose classes are the
// network's by their order, or pictures on disk (folders, archives, packs), whose classes are found by their names.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dataset, Split } from '../data/dataset.ts';
import { knownDataset, type OpenOptions, openDataset } from '../data/datasets.ts';
import { openPictures } from '../data/pictures/open.ts';
import type { PictureIndex } from '../data/pictures/picture-index.ts';
import { splitRequest } from '../data/subset.ts';
import { UserError } from '../errors.ts';
import { classIndices } from './class-map.ts';
import { sourceOf } from './index-source.ts';
import { classNamesOf, type Model, outputsOf } from './model.ts';
import { picturesOf } from './pictures.ts';
import { datasetSource, type PictureSource } from './sources.ts';

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
  const { signal, onNote, onProgress } = open;
  const index = await openPictures(request, split, {
    signal,
    onNote,
    onProgress: (done) =>
      onProgress?.({ activity: 'index', item: request, done, total: undefined, unit: 'pictures' }),
  });
  return index === undefined
    ? openMemory(await openDataset(request, split, open), split, model)
    : openIndex(index, split, model);
}

/** What the run in the folder `weights` was trained on, as it can be opened again; undefined for a weights file. */
export function requestOfRun(weights: string): string | undefined {
  const config = join(weights, 'config.json');
  if (!existsSync(config)) return undefined;
  try {
    const { data } = JSON.parse(readFileSync(config, 'utf8')) as {
      data?: { request?: string; path?: string };
    };
    if (data?.request === undefined) return undefined;
    const { name } = splitRequest(data.request);
    // A path was meant from the folder that the training was started in; a run knows where that led to.
    return knownDataset(name) !== undefined || existsSync(data.request) ? data.request : data.path;
  } catch {
    return undefined;
  }
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

function openIndex(index: PictureIndex, split: Split, model: Model): TestData {
  const { classes: folders, labels, name, path } = index;
  // A source without splits is divided only for weights that were trained on a part of it.
  const trainedOnIt = index.undivided && model.info?.dataset === name;
  const indices = trainedOnIt
    ? picturesOf(index, split)
    : Uint32Array.from({ length: index.length }, (_, picture) => picture);
  const known = classNamesOf(model);
  // Shards may number their classes, the last of which may have no picture here.
  const numbered = folders.every((each, label) => each === `${label}`);
  const meaning =
    known === undefined || (numbered && folders.length <= known.length)
      ? byPosition(folders, model, path)
      : classIndices(folders, known, path);
  return {
    name,
    source: sourceOf(index, indices),
    labels: Int32Array.from(indices, (picture) => meaning[labels[picture] as number] as number),
    classes: known ?? folders,
  };
}

function byPosition(folders: readonly string[], model: Model, path: string): readonly number[] {
  const outputs = outputsOf(model);
  // Weights without the network's last layer are refused as a whole, when they meet the network.
  const enough = classNamesOf(model) !== undefined || outputs === folders.length;
  if (outputs === undefined || enough) return folders.map((_, index) => index);
  throw new UserError(
    `${model.path} has ${outputs} classes, whose names it does not say, but ${path} has ${folders.length}. ` +
      'Choose other data or other weights.',
  );
}
