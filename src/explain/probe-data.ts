// Pictures with classes of their own for a network that may have been trained on others: a known data set, or
// pictures on disk. The classifier learns their classes, so they need not be the network's.
import type { Dataset, Split } from '../data/dataset.ts';
import { type OpenOptions, openDataset } from '../data/datasets.ts';
import { openPictures } from '../data/pictures/open.ts';
import { permutation } from '../data/random.ts';
import { UserError } from '../errors.ts';
import { inMemory, sourceOf } from '../evaluate/index-source.ts';
import { picturesOf } from '../evaluate/pictures.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import type { ProbePictures } from './probe.ts';
import { dataChecksum } from './scan-key.ts';

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
  /** Where the pictures are in memory. */
  readonly dataset: Dataset | undefined;
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

function picturesAt({ labels, source, dataset }: Part, indices: Uint32Array): ProbePictures {
  const pictures = source(indices);
  return {
    source: pictures,
    checksum: () => dataChecksum(pictures, dataset),
    labels: Int32Array.from(indices, (index) => labels[index] as number),
  };
}

async function openPart({ data, open, preprocessing }: ProbeDataRequest, split: Split): Promise<Part> {
  const { signal, onNote, onProgress } = open;
  const index = await openPictures(data, split, {
    signal,
    onNote,
    onProgress: (done) =>
      onProgress?.({ activity: 'index', item: data, done, total: undefined, unit: 'pictures' }),
  });
  const set = index ?? (await openDataset(data, split, open));
  if (inMemory(set)) checkChannels(set, preprocessing);
  const { name, classes, labels } = set;
  return {
    name,
    classes,
    labels,
    indices: picturesOf(set, split),
    source: (indices) => sourceOf(set, indices),
    dataset: inMemory(set) ? set : undefined,
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
