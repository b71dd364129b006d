// The pictures of a training that stay on disk, found and divided by their index alone; how each becomes a crop is
// data (`PictureTransform`) made of the recipe, the network's form and the colours of the training pictures. Sizes in
// a recipe are for crops of 224 px, those of another form are in proportion.
import { openPictures } from '../data/pictures/open.ts';
import { indexFingerprint, type PictureIndex } from '../data/pictures/picture-index.ts';
import type { ColourChange, PictureTransform, TrainingScale } from '../data/pictures/render/transform.ts';
import { UserError } from '../errors.ts';
import { unpackMean } from '../evaluate/mean-picture.ts';
import { type Preprocessing, unitNormalisation } from '../evaluate/preprocessing.ts';
import { meanOf, type PictureStatistics, statisticsOf } from './picture-statistics.ts';
import { type PicturePlan, type Recipe, usualPictures } from './recipes/recipe.ts';
import {
  divide,
  inputOf,
  mayBeMirrored,
  type TrainingData,
  type TrainingDataOptions,
} from './training-data.ts';

/** Forms whose pictures are no larger are trained from memory, px. */
export const largestInMemory = 64;

/** Opens and divides; undefined where the pictures are better held in memory, or lie in no such form. */
export async function openPictureData(options: TrainingDataOptions): Promise<TrainingData | undefined> {
  const { form, recipe, stored } = options;
  // A run that was started in memory goes on so.
  if (stored !== undefined && stored.statistics === undefined) return undefined;
  const wanted = options.preprocessing ?? stored?.preprocessing;
  const { channels, height, width } = wanted ?? form;
  if (channels !== 3 || Math.max(height, width) <= largestInMemory) return undefined;
  const trainSet = await open(options, 'train');
  if (trainSet === undefined) return undefined;
  const testSet = trainSet.undivided ? trainSet : await open(options, 'test');
  if (testSet === undefined) {
    throw new UserError(`${options.data} has pictures to train on, but none for the test.`);
  }
  const divided = divide(trainSet, testSet, options);
  const { pictures = usualPictures, input } = recipe.augmentation;
  const { seed, open: opening } = options;
  const sample = {
    indices: divided.train,
    seed,
    onBadImage: options.onBadImage,
    signal: opening.signal,
    onProgress: (done: number, total: number) =>
      opening.onProgress?.({ activity: 'decode', item: 'a sample', done, total, unit: 'pictures' }),
  };
  const statistics = stored?.statistics ?? (await statisticsOf(trainSet, sample));
  const resize = inProportion(pictures.resize, form);
  const preprocessing: Preprocessing = (wanted && suited(wanted, pictures)) ?? {
    channels,
    height,
    width,
    pad: 0,
    resize,
    interpolation: pictures.interpolation,
    ...inputOf(input, statistics),
    ...(input?.mean === 'pixel' && { meanPicture: await meanOf(trainSet, resize, sample) }),
  };
  const transforms = transformsOf(recipe, trainSet.name, preprocessing, statistics);
  const fingerprint = indexFingerprint(trainSet);
  return { trainSet, testSet, ...divided, preprocessing, fingerprint, transforms, statistics, notes: [] };
}

/** What weights want of pictures that are cut as `plan` says: the mean of each pixel fits squares of one size alone. */
function suited(wanted: Preprocessing, { scale }: PicturePlan): Preprocessing {
  const { meanPicture, ...rest } = wanted;
  if (meanPicture === undefined) return wanted;
  const side = (px: number): number => inProportion(px, wanted);
  const fits =
    scale.kind === 'short-side' &&
    scale.square === true &&
    side(scale.least) === meanPicture.side &&
    side(scale.most) === meanPicture.side;
  return fits ? wanted : rest;
}

async function open(
  options: TrainingDataOptions,
  split: 'train' | 'test',
): Promise<PictureIndex | undefined> {
  const { signal, onNote, onProgress } = options.open;
  return openPictures(options.data, split, {
    signal,
    onNote,
    onProgress: (done) =>
      onProgress?.({ activity: 'index', item: options.data, done, total: undefined, unit: 'pictures' }),
  });
}

/** px of a recipe, which are for crops of 224, at the form's size. */
function inProportion(px: number, { height, width }: { height: number; width: number }): number {
  return Math.round((px * Math.max(height, width)) / 224);
}

/** What training pictures, and those of validation and test, go through. */
export function transformsOf(
  recipe: Recipe,
  dataset: string,
  preprocessing: Preprocessing,
  statistics: PictureStatistics,
): { readonly train: PictureTransform; readonly plain: PictureTransform } {
  const { pictures = usualPictures, flip, erase } = recipe.augmentation;
  const { height, width, resize, interpolation = pictures.interpolation, order, meanPicture } = preprocessing;
  const plain: PictureTransform = {
    size: { height, width },
    train: null,
    resize: resize ?? Math.max(height, width),
    interpolation,
    // The network sees the numbers of the preprocessing's range; in terms of pixels in 0..1 they are these.
    normalise: unitNormalisation(preprocessing),
    ...(order && { order }),
    ...(meanPicture && { meanPicture: unpackMean(meanPicture) }),
  };
  const colour = pictures.colour && colourChange(pictures.colour, statistics);
  return {
    plain,
    train: {
      ...plain,
      train: {
        scale: scaleFor(pictures.scale, preprocessing),
        flip: flip && mayBeMirrored(dataset),
        ...(pictures.crops && { crops: pictures.crops }),
        ...(colour && { colour }),
        ...(erase !== undefined && { erase: { probability: erase } }),
      },
    },
  };
}

function scaleFor(scale: PicturePlan['scale'], size: { height: number; width: number }): TrainingScale {
  if (scale.kind === 'area') return scale;
  const { least, most, square } = scale;
  const sides = { least: inProportion(least, size), most: inProportion(most, size) };
  return { kind: 'short-side', ...sides, ...(square && { square }) };
}

function colourChange(
  colour: NonNullable<PicturePlan['colour']>,
  { values, vectors }: PictureStatistics,
): ColourChange {
  return colour.kind === 'pca' ? { ...colour, values, vectors } : colour;
}
