// The pictures of a training: opened, divided into training, validation and test pictures, with the augmentation
// that the recipe and the data set allow.
import { crc32 } from 'node:zlib';
import type { Augmentation } from '../data/augment.ts';
import type { Dataset } from '../data/dataset.ts';
import { type OpenOptions, openDataset } from '../data/datasets.ts';
import { holdOut } from '../data/split.ts';
import { UserError } from '../errors.ts';
import { picturesOf } from '../evaluate/pictures.ts';
import {
  normalisationOf,
  type Preprocessing,
  paddingFor,
  plainAugmentation,
} from '../evaluate/preprocessing.ts';
import type { FormDescription } from '../nets/network.ts';
import type { AugmentationPlan, Recipe } from './recipes/recipe.ts';

export interface TrainingData {
  readonly trainSet: Dataset;
  readonly testSet: Dataset;
  /** Positions in `trainSet`, `trainSet` again, and `testSet`. */
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
  readonly test: Uint32Array;
  readonly preprocessing: Preprocessing;
  readonly fingerprint: string;
}

export interface TrainingDataOptions {
  readonly data: string;
  readonly form: FormDescription;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly validation: number;
  readonly smoke: boolean;
  readonly open: OpenOptions;
}

/** Opens and divides. Throws a UserError: no such data, a bad file, or fewer pictures than a batch. */
export async function openTrainingData(options: TrainingDataOptions): Promise<TrainingData> {
  const { form, recipe, seed, smoke } = options;
  const open: OpenOptions = { size: { height: form.height, width: form.width }, ...options.open };
  const trainSet = await openDataset(options.data, 'train', open);
  const testSet = trainSet.undivided ? trainSet : await openDataset(options.data, 'test', open);
  const pool = picturesOf(trainSet, 'train');
  const labels = Int32Array.from(pool, (index) => trainSet.labels[index] as number);
  const divided = holdOut(labels, options.validation, seed);
  const place = (positions: Uint32Array): Uint32Array =>
    positions.map((position) => pool[position] as number);
  let train = place(divided.train);
  let validation = place(divided.validation);
  let test = picturesOf(testSet, 'test');
  const { batch } = recipe;
  if (batch > train.length) {
    throw new UserError(
      `The batch of ${batch} is larger than the ${train.length} training pictures of ${trainSet.name}. ` +
        `Choose a batch of at most ${train.length}.`,
      { exitCode: 2 },
    );
  }
  if (smoke) {
    // Two full batches and the small one that the epoch would end with.
    train = spread(train, Math.min(train.length, 2 * batch + (train.length % batch)));
    validation = spread(validation, Math.min(validation.length, batch + 1));
    test = spread(test, Math.min(test.length, batch + 1));
  }
  const { name, channels, height, width } = trainSet;
  const preprocessing: Preprocessing = {
    channels,
    height,
    width,
    pad: paddingFor(form, { name, channels, height, width }),
    normalise: normalisationOf(name, trainSet),
  };
  return { trainSet, testSet, train, validation, test, preprocessing, fingerprint: fingerprintOf(trainSet) };
}

/** `count` of `positions`, evenly spaced, so that sorted classes are all met. */
function spread(positions: Uint32Array, count: number): Uint32Array {
  return Uint32Array.from(
    { length: count },
    (_, i) => positions[Math.floor((i * positions.length) / count)] as number,
  );
}

function fingerprintOf({ pixels, labels }: Dataset): string {
  const bytes = new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength);
  return crc32(bytes, crc32(pixels)).toString(16).padStart(8, '0');
}

/** Digits are other signs, or none, when mirrored. */
function mayBeMirrored(dataset: string): boolean {
  return !/(^|[^a-z])(e|k|q)?mnist$|svhn/i.test(dataset) || /fashion/i.test(dataset);
}

/** What a training picture goes through on its way into a batch. */
export function trainingAugmentation(
  plan: AugmentationPlan,
  dataset: string,
  preprocessing: Preprocessing,
): Augmentation {
  return {
    ...plainAugmentation(preprocessing),
    ...(plan.cropPadding > 0 && { crop: { padding: plan.cropPadding } }),
    flip: plan.flip && mayBeMirrored(dataset),
    rotation: plan.rotation,
  };
}
