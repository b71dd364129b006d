// Pictures with classes of their own for a network that may have been trained on others: a known data set, or a folder
// of class folders. The classifier learns their classes, so they need not be the network's.
import { basename, resolve } from 'node:path';
import type { Dataset, Split } from '../data/dataset.ts';
import { knownDataset, type OpenOptions, openDataset } from '../data/datasets.ts';
import { isFolder } from '../data/homes.ts';
import { classFolders, listImageFolder } from '../data/image-folder.ts';
import { permutation } from '../data/random.ts';
import { holdOut } from '../data/split.ts';
import { UserError } from '../errors.ts';
import { picturesOf, undividedTestShare } from '../evaluate/pictures.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import { datasetSource, fileSource } from '../evaluate/sources.ts';
import type { ProbePictures } from './probe.ts';

export interface ProbeData {
  readonly name: string;
  readonly classes: readonly string[];
  readonly train: ProbePictures;
  readonly test: ProbePictures;
}

export interface ProbeDataRequest {
  readonly data: string;
  readonly preprocessing: Preprocessing;
  readonly open: OpenOptions;
  /** Training pictures of each class at most, drawn with the seed; default all. */
  readonly perClass?: number | undefined;
  readonly seed: number;
}

interface Part {
  readonly name: string;
  readonly classes: readonly string[];
  readonly labels: Int32Array;
  source(indices: Uint32Array): ProbePictures['source'];
  readonly indices: Uint32Array;
}

/** Opens both splits. Throws a UserError where there is no such data, or the network cannot take its pictures. */
export async function openProbeData(request: ProbeDataRequest): Promise<ProbeData> {
  const { perClass, seed } = request;
  const [train, test] = [await openPart(request, 'train'), await openPart(request, 'test')];
  for (const [part, { indices }] of [
    ['training', train],
    ['test', test],
  ] as const) {
    if (indices.length > 0) continue;
    throw new UserError(
      `${train.name} has no ${part} pictures. Choose more data, or a folder with train/ and test/.`,
      { exitCode: 2 },
    );
  }
  const chosen = perClass === undefined ? train.indices : few(train, perClass, seed);
  return {
    name: train.name,
    classes: train.classes,
    train: picturesAt(train, chosen),
    test: picturesAt(test, test.indices),
  };
}

function picturesAt({ labels, source }: Part, indices: Uint32Array): ProbePictures {
  return {
    source: source(indices),
    labels: Int32Array.from(indices, (index) => labels[index] as number),
  };
}

async function openPart({ data, open, preprocessing }: ProbeDataRequest, split: Split): Promise<Part> {
  const path = resolve(data);
  if (knownDataset(data) === undefined && isFolder(path) && classFolders(path, split) !== undefined) {
    return openFolder(path, split);
  }
  const dataset = await openDataset(data, split, open);
  checkChannels(dataset, preprocessing);
  const { name, classes, labels } = dataset;
  return {
    name,
    classes,
    labels,
    indices: picturesOf(dataset, split),
    source: (indices) => datasetSource(dataset, indices),
  };
}

/** Files are decoded to the channels that the network takes; pictures in memory are what they are. */
function checkChannels(dataset: Dataset, { channels }: Preprocessing): void {
  if (dataset.channels === channels) return;
  throw new UserError(
    `The pictures of ${dataset.name} have ${dataset.channels} channels, but the network takes ${channels}. ` +
      'Choose other data or another network.',
    { exitCode: 2 },
  );
}

function openFolder(path: string, split: Split): Part {
  const { classes, files, undivided } = listImageFolder(path, split);
  const labels = Int32Array.from(files, ({ label }) => label);
  const divided = undivided ? holdOut(labels, undividedTestShare, 0) : undefined;
  const all = Uint32Array.from(files, (_, index) => index);
  return {
    name: basename(path),
    classes,
    labels,
    indices: divided?.[split === 'test' ? 'validation' : 'train'] ?? all,
    source: (indices) => fileSource(Array.from(indices, (index) => files[index]?.path as string)),
  };
}

/** So many pictures of each class, drawn with a seed, in the order of the data. */
function few({ indices, labels }: Part, perClass: number, seed: number): Uint32Array {
  const taken = new Map<number, number>();
  const chosen: number[] = [];
  for (const place of permutation(indices.length, seed, 0)) {
    const index = indices[place] as number;
    const label = labels[index] as number;
    const before = taken.get(label) ?? 0;
    if (before >= perClass) continue;
    taken.set(label, before + 1);
    chosen.push(index);
  }
  return Uint32Array.from(chosen).sort();
}
