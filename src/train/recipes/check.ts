// Whether a recipe makes sense: the first value that does not is named, with what was expected.
import { UserError } from '../../errors.ts';
import type { Schedule } from '../schedule.ts';
import { type AugmentationPlan, type Recipe, usualPictures } from './recipe.ts';

/** Throws a UserError (misuse) for the first value of `recipe` that makes no sense. */
export function checkRecipe(recipe: Recipe): void {
  const { optimizer, augmentation, average, mix } = recipe;
  whole('The batch', recipe.batch, 1);
  whole('The number of epochs', recipe.epochs, 1);
  if (recipe.steps !== undefined) whole('The number of steps', recipe.steps, 1);
  within('The learning rate', recipe.learningRate, 0);
  within('The momentum', optimizer.momentum, 0, 1);
  within('The weight decay', optimizer.weightDecay, 0);
  within('The largest norm of the gradients', optimizer.clipNorm ?? 0, 0);
  within('The largest RMS of a filter', optimizer.clipFilterRms ?? 0, 0);
  within('The label smoothing', recipe.labelSmoothing, 0, 1);
  if (optimizer.nesterov && optimizer.momentum === 0) {
    throw misuse('Nesterov momentum needs a momentum above 0.');
  }
  whole('The number of batches to accumulate', recipe.accumulate ?? 1, 1);
  whole('The number of epochs to stop after', recipe.stopAfter ?? 1, 1);
  within('The alpha of mixup', mix?.mixup ?? 0, 0);
  within('The alpha of CutMix', mix?.cutmix ?? 0, 0);
  if (average?.kind === 'ema' && !(average.decay >= 0 && average.decay < 1)) {
    throw misuse(
      `The decay of the average is ${average.decay}; expected a number from 0 to below 1, e.g. 0.9999.`,
    );
  }
  if (average?.kind === 'polyak') within('The first epoch of the average', average.fromEpoch, 0);
  checkAugmentation(augmentation);
  checkSchedule(recipe.schedule, recipe.epochs);
}

function checkAugmentation({
  cropPadding,
  rotation,
  erase = 0,
  pictures = usualPictures,
  input,
}: AugmentationPlan): void {
  whole('The crop padding', cropPadding, 0);
  within('The rotation', rotation, 0, 180);
  within('The probability of erasing', erase, 0, 1);
  const { scale, resize } = pictures;
  whole('The short side of test pictures', resize, 1);
  if (scale.kind === 'area') {
    within('The least share of the area', scale.least, 1e-4, scale.most);
    within('The largest share of the area', scale.most, scale.least, 1);
    within('The aspect', scale.aspect, 1);
  } else {
    // Crops are of 224 px in these units, and a picture must hold one.
    whole('The least short side of training pictures', scale.least, 224);
    whole('The largest short side of training pictures', scale.most, scale.least);
  }
  const fixed = scale.kind === 'short-side' && scale.square === true && scale.least === scale.most;
  if (input?.mean === 'pixel' && !(fixed && scale.least === resize)) {
    throw misuse(
      'The mean of each pixel needs central squares of one size: --scale 256 --square --resize 256; ' +
        'else --mean channel.',
    );
  }
  if (scale.kind === 'area' && pictures.crops === 'ten') {
    throw misuse('The ten sub-crops belong to a short side (--scale 256), not to a share of the area.');
  }
}

function checkSchedule(schedule: Schedule, epochs: number): void {
  within('The warm-up', schedule.warmupEpochs ?? 0, 0, epochs);
  if ('factor' in schedule) within('The factor', schedule.factor, 0);
  if (schedule.kind === 'multi-step' && !schedule.milestones.every((milestone) => milestone >= 0)) {
    const unit = schedule.unit ?? 'epochs';
    throw misuse(`The milestones are ${schedule.milestones.join(', ')}; expected ${unit} of at least 0.`);
  }
  if (schedule.kind === 'step') whole('The number of epochs between two factors', schedule.every, 1);
  if (schedule.kind === 'plateau') {
    whole('The patience', schedule.patience, 0);
    within('The factor of plateau', schedule.factor, 0, 1);
    within('The threshold', schedule.threshold ?? 0, 0, 1);
    within('The least rate', schedule.least ?? 0, 0);
  }
}

function whole(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw misuse(`${name} is ${value}; expected a whole number of at least ${least}.`);
  }
}

function within(name: string, value: number, low: number, high = Number.MAX_VALUE): void {
  if (!(value >= low && value <= high)) {
    const range = high === Number.MAX_VALUE ? `at least ${low}` : `from ${low} to ${high}`;
    throw misuse(`${name} is ${value}; expected a number ${range}.`);
  }
}

function misuse(message: string): UserError {
  return new UserError(message, { exitCode: 2 });
}
