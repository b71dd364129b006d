// The pictures of a training: opened, divided into training, validation and test pictures, with the augmentation
// that the recipe and the data set allow. Pictures of a network's small form are held in memory, decoded; those of
// ImageNet's size stay on disk and are decoded as they are needed (`picture-data.ts`).
import { crc32 } from 'node:zlib';
import type { Augmentation, Normalisation } from '../data/augment.ts';
import type { Dataset } from '../data/dataset.ts';
import { type OpenOptions, openDataset } from '../data/datasets.ts';
import type { PictureIndex } from '../data/pictures/picture-index.ts';
import type { PictureTransform } from '../data/pictures/render/transform.ts';
import { holdOut } from '../data/split.ts';
import { UserError } from '../errors.ts';
import { picturesOf } from '../evaluate/pictures.ts';
import {
  checkPictures,
  normalisationOf,
  type Preprocessing,
  paddingFor,
  plainAugmentation,
} from '../evaluate/preprocessing.ts';
import type { FormDescription } from '../nets/network.ts';
import { openPictureData } from './picture-data.ts';
import type { PictureStatistics } from './picture-statistics.ts';
import { type AugmentationPlan, type InputPlan, type Recipe, usualInput } from './recipes/recipe.ts';

export interface TrainingData {
  readonly trainSet: Dataset | PictureIndex;
  readonly testSet: Dataset | PictureIndex;
  /** Positions in `trainSet`, `trainSet` again, and `testSet`. */
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
  readonly test: Uint32Array;
  readonly preprocessing: Preprocessing;
  readonly fingerprint: string;
  /** What pictures that stay on disk go through; absent for pictures in memory. */
  readonly transforms?: { readonly train: PictureTransform; readonly plain: PictureTransform };
  /** Of a sample of the training pictures, where they stay on disk. */
  readonly statistics?: PictureStatistics;
  /** Pictures in memory that were left out, by name. */
  readonly skipped?: readonly string[];
  /** What is worth a line. */
  readonly notes: readonly string[];
}

export interface TrainingDataOptions {
  readonly data: string;
  readonly form: FormDescription;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly validation: number;
  readonly smoke: boolean;
  readonly open: OpenOptions;
  /** How the weights that training starts from want pictures; default: as the data set has them. */
  readonly preprocessing?: Preprocessing | undefined;
  readonly onBadImage?: 'fail' | 'skip' | undefined;
  /** What a run that is taken up again knows of its pictures. */
  readonly stored?:
    | { readonly preprocessing: Preprocessing; readonly statistics?: PictureStatistics }
    | undefined;
}

/** Opens and divides. Throws a UserError: no such data, a bad file, or fewer pictures than a batch. */
export async function openTrainingData(options: TrainingDataOptions): Promise<TrainingData> {
  return (await openPictureData(options)) ?? openMemoryData(options);
}

async function openMemoryData(options: TrainingDataOptions): Promise<TrainingData> {
  const { form, recipe, preprocessing: wanted } = options;
  const { height: fitted, width: wide } = wanted ?? form;
  const skipped: string[] = [];
  const reasons: string[] = [];
  const open: OpenOptions = {
    size: { height: fitted, width: wide },
    resize: wanted?.resize,
    interpolation: wanted?.interpolation,
    onBadImage: options.onBadImage ?? 'fail',
    onBad: (name, reason) => {
      skipped.push(name);
      reasons.push(`Skipped ${name}: ${reason}.`);
    },
    ...options.open,
  };
  const trainSet = await openDataset(options.data, 'train', open);
  const testSet = trainSet.undivided ? trainSet : await openDataset(options.data, 'test', open);
  const divided = divide(trainSet, testSet, options);
  const { name, channels, height, width } = trainSet;
  if (wanted !== undefined) checkPictures(wanted, trainSet);
  const preprocessing: Preprocessing = wanted ?? {
    channels,
    height,
    width,
    pad: paddingFor(form, { name, channels, height, width }),
    ...inputOf(recipe.augmentation.input, normalisationOf(name, trainSet)),
  };
  const notes = [...reasons, ...smallNotes(recipe, trainSet)];
  const fingerprint = fingerprintOf(trainSet);
  return { trainSet, testSet, ...divided, preprocessing, fingerprint, skipped, notes };
}

/** What of a recipe small pictures do without. */
function smallNotes({ name, augmentation }: Recipe, { height, width }: Dataset): string[] {
  const { pictures, input } = augmentation;
  const lost = [
    ...(pictures?.scale.kind === 'short-side' ? ['the choice of scale'] : []),
    ...(pictures?.crops === 'ten' ? ['the ten crops'] : []),
    ...(pictures?.colour ? ['the change of colours'] : []),
    ...(input?.mean === 'pixel' ? ['the mean of each pixel (that of each channel is subtracted)'] : []),
  ];
  if (lost.length === 0) return [];
  return [`Pictures of ${height}x${width} do without these parts of ${name}: ${lost.join(', ')}.`];
}

/** The numbers that a recipe's input plan makes of mean and deviation of pixels in 0..1. */
export function inputOf(
  plan: InputPlan = usualInput,
  { mean, std }: Normalisation,
): Pick<Preprocessing, 'normalise' | 'range'> {
  const { range, divideByDeviation } = plan;
  const scaled = (values: readonly number[]): number[] => values.map((value) => value * range);
  // A channel that never changes has no scale of its own.
  const scale = divideByDeviation ? scaled(std.map((value) => (value > 0 ? value : 1))) : std.map(() => 1);
  const normalise = { mean: scaled(mean), std: scale };
  return range === 1 ? { normalise } : { normalise, range };
}

/** Divides the pictures, all of them or for a smoke run a few. A UserError when a batch is more than there are. */
export function divide(
  trainSet: TrainingData['trainSet'],
  testSet: TrainingData['testSet'],
  { recipe, seed, validation: amount, smoke }: TrainingDataOptions,
): Pick<TrainingData, 'train' | 'validation' | 'test'> {
  const pool = picturesOf(trainSet, 'train');
  const labels = new Int32Array(pool.length);
  for (let i = 0; i < pool.length; i++) labels[i] = trainSet.labels[pool[i] as number] as number;
  const divided = holdOut(labels, amount, seed);
  const place = (positions: Uint32Array): Uint32Array => {
    const placed = new Uint32Array(positions.length);
    for (let i = 0; i < placed.length; i++) placed[i] = pool[positions[i] as number] as number;
    return placed;
  };
  const train = place(divided.train);
  const validation = place(divided.validation);
  const test = picturesOf(testSet, 'test');
  const { batch } = recipe;
  if (batch > train.length) {
    throw new UserError(
      `The batch of ${batch} is larger than the ${train.length} training pictures of ${trainSet.name}. ` +
        `Choose a batch of at most ${train.length}.`,
      { exitCode: 2 },
    );
  }
  if (!smoke) return { train, validation, test };
  return {
    // Two full batches and the small one that the epoch would end with.
    train: spread(train, Math.min(train.length, 2 * batch + (train.length % batch))),
    validation: spread(validation, Math.min(validation.length, batch + 1)),
    test: spread(test, Math.min(test.length, batch + 1)),
  };
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
export function mayBeMirrored(dataset: string): boolean {
  return !/(^|[^a-z])(e|k|q)?mnist$|svhn/i.test(dataset) || /fashion/i.test(dataset);
}

/** What a training picture in memory goes through on its way into a batch. */
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
    ...(plan.erase !== undefined && { erase: { probability: plan.erase } }),
  };
}
