// The pictures whose features are taken: files by name, or a data set (in memory, folders, archives, packs), of which
// one split or all of it. Labels are the data's own classes, which need not be the network's.
import type { Split } from '../data/dataset.ts';
import { type OpenOptions, openDataset } from '../data/datasets.ts';
import { openPictures } from '../data/pictures/open.ts';
import { allPositions } from '../data/split.ts';
import { UserError } from '../errors.ts';
import { inMemory, type PictureSet, sourceOf } from '../evaluate/index-source.ts';
import { picturesOf } from '../evaluate/pictures.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import { fileSource, type PictureSource } from '../evaluate/sources.ts';

/** Rows of one split; they lie together. */
export interface FeaturePart {
  /** `all` where the source knows no splits. */
  readonly split: Split | 'all';
  readonly source: PictureSource;
  /** Class of each picture; absent for plain files. */
  readonly labels?: Int32Array;
}

export interface FeatureData {
  readonly name: string;
  /** Empty for plain files. */
  readonly classes: readonly string[];
  readonly parts: readonly FeaturePart[];
}

export interface FeatureDataRequest {
  /** A known data set's name, or where pictures lie; either this or `images`. */
  readonly data?: string | undefined;
  readonly images?: readonly string[] | undefined;
  /** Default 'all'. */
  readonly split?: Split | 'all' | undefined;
  readonly preprocessing: Preprocessing;
  readonly open: OpenOptions;
}

/** Opens the pictures. Throws a UserError: none, two sources of them, or pictures that the network cannot take. */
export async function openFeatureData(request: FeatureDataRequest): Promise<FeatureData> {
  const { data, images = [], split = 'all' } = request;
  if (images.length > 0 === (data !== undefined)) {
    const message =
      data === undefined
        ? 'No pictures. Name a data set or a folder with --data, or picture files.'
        : 'Two sources of pictures. Give either --data or picture files.';
    throw new UserError(message, { exitCode: 2 });
  }
  if (data === undefined) {
    return { name: 'files', classes: [], parts: [{ split: 'all', source: fileSource(images) }] };
  }
  if (split !== 'all') {
    const set = await openSet(data, split, request);
    return { name: set.name, classes: set.classes, parts: [partOf(set, split, picturesOf(set, split))] };
  }
  const sets = await openBoth(data, request);
  const [{ set }] = sets as [(typeof sets)[number]];
  const parts = sets.map((each) => {
    const every = allPositions(each.set.length);
    return partOf(each.set, each.set.undivided ? 'all' : each.split, every);
  });
  return { name: set.name, classes: set.classes, parts };
}

/** Both splits, or the one that is there; a source without splits once. */
async function openBoth(
  data: string,
  request: FeatureDataRequest,
): Promise<{ split: Split; set: PictureSet }[]> {
  const found: { split: Split; set: PictureSet }[] = [];
  const failures: unknown[] = [];
  for (const split of ['train', 'test'] as const) {
    try {
      const set = await openSet(data, split, request);
      found.push({ split, set });
      if (set.undivided) break;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failures.push(error);
    }
  }
  if (found.length === 0) throw failures[0];
  // One split is enough to be worth its features, but never silently.
  for (const error of failures) request.open.onNote?.((error as UserError).message);
  return found;
}

async function openSet(
  data: string,
  split: Split,
  { open, preprocessing }: FeatureDataRequest,
): Promise<PictureSet> {
  const { signal, onNote, onProgress } = open;
  const index = await openPictures(data, split, {
    ...(signal && { signal }),
    ...(onNote && { onNote }),
    onProgress: (done) =>
      onProgress?.({ activity: 'index', item: data, done, total: undefined, unit: 'pictures' }),
  });
  const set = index ?? (await openDataset(data, split, open));
  // Files are decoded to the channels that the network takes; pictures in memory are what they are.
  if (inMemory(set) && set.channels !== preprocessing.channels) {
    throw new UserError(
      `The pictures of ${set.name} have ${set.channels} channels, but the network takes ` +
        `${preprocessing.channels}. Choose other data or another network.`,
      { exitCode: 2 },
    );
  }
  return set;
}

function partOf(set: PictureSet, split: Split | 'all', indices: Uint32Array): FeaturePart {
  const labels = Int32Array.from(indices, (index) => set.labels[index] as number);
  return { split, source: sourceOf(set, indices), labels };
}
