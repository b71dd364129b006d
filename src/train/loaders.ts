// The batches of a training: training pictures augmented and in a fresh order each epoch, validation and test pictures
// as they are.
import { createLoader, type Loader } from '../data/loader.ts';
import type { RankShare } from '../data/part.ts';
import { createPictureLoader, type PictureLoaderOptions } from '../data/pictures/picture-loader.ts';
import { inMemory, type PictureSet } from '../evaluate/index-source.ts';
import { plainAugmentation } from '../evaluate/preprocessing.ts';
import { passingLoader } from './passing-loader.ts';
import type { RunConfig } from './run-folder.ts';
import { type TrainingData, trainingAugmentation } from './training-data.ts';

export interface Loaders {
  readonly trainLoader: Loader;
  /** Undefined without validation pictures. */
  readonly validationLoader: Loader | undefined;
  readonly testLoader: Loader;
}

export interface LoaderRequest {
  readonly config: Pick<RunConfig, 'recipe' | 'preprocessing' | 'seed'>;
  readonly data: TrainingData;
  readonly workers?: number | undefined;
  /** Makes one rank's part of every batch; default the whole. */
  readonly part?: RankShare | undefined;
  /** Of the training batches, where it is another part. */
  readonly trainingPart?: RankShare | undefined;
  readonly onBadImage?: 'fail' | 'skip' | undefined;
  /** Called once for each picture that is left out. */
  readonly onBad?: (name: string, reason: string) => void;
}

type Request = Pick<
  PictureLoaderOptions,
  'batch' | 'part' | 'seed' | 'shuffle' | 'indices' | 'lastBatch' | 'mix'
>;

/** Opens all three. `close` each when done with it. */
export function openLoaders(request: LoaderRequest): Loaders {
  const { config, data, part, trainingPart = part } = request;
  const { recipe, seed } = config;
  const { batch, lastBatch, mix } = recipe;
  const { trainSet, testSet, train, validation, test } = data;
  const plain = { batch, part, shuffle: false, lastBatch: 'pad' } as const;
  return {
    trainLoader: open(request, trainSet, true, {
      batch,
      part: trainingPart,
      seed,
      shuffle: true,
      indices: train,
      lastBatch,
      ...(mix && { mix }),
    }),
    validationLoader:
      validation.length > 0 ? open(request, trainSet, false, { ...plain, indices: validation }) : undefined,
    testLoader: open(request, testSet, false, { ...plain, indices: test }),
  };
}

function open(request: LoaderRequest, set: PictureSet, training: boolean, options: Request): Loader {
  const { config, data, workers, onBadImage = 'fail', onBad } = request;
  const { preprocessing, recipe } = config;
  if (!inMemory(set)) {
    const transform = data.transforms?.[training ? 'train' : 'plain'];
    if (transform === undefined) throw new Error(`${set.name}: pictures on disk without a transform`);
    const given = { ...options, transform, workers, onBadImage, ...(onBad && { onBad }) };
    const { height, width } = transform.size;
    return training
      ? createPictureLoader(set, given)
      : passingLoader(set, options, [3, height, width], () => createPictureLoader(set, given));
  }
  const augmentation = training
    ? trainingAugmentation(recipe.augmentation, set.name, preprocessing)
    : plainAugmentation(preprocessing);
  return createLoader(set, { ...options, augmentation, workers });
}
