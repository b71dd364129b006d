// What a training recipe is: data alone, so that a run can print it, store it and be started with any part of it
// replaced. Recipes stand beside this file, one each.
import { UserError } from '../../errors.ts';
import { defaultSchedules, findSchedule, type Schedule } from '../schedule.ts';

/** What SGD does with the gradients (as torch.optim.SGD; dampening 0). */
export interface OptimizerOptions {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  /** Whether weight decay also pulls at biases and at batch norm's weight and bias. */
  readonly decayBiasAndNorm: boolean;
}

/** Augmentation of the training pictures, before normalisation. */
export interface AugmentationPlan {
  /** Random crop after adding so many px of zeros on every side; 0: none. */
  readonly cropPadding: number;
  /** Mirror left to right half of the time; never done to digits. */
  readonly flip: boolean;
  /** Largest rotation, degrees; 0: none. */
  readonly rotation: number;
}

export interface Recipe {
  readonly name: string;
  /** Where it comes from. */
  readonly source: string;
  readonly batch: number;
  readonly epochs: number;
  /** The largest rate of the schedule. */
  readonly learningRate: number;
  readonly schedule: Schedule;
  readonly optimizer: OptimizerOptions;
  readonly labelSmoothing: number;
  readonly augmentation: AugmentationPlan;
  /** The last batch of an epoch when it is not full: trained on as it is, or left out of this epoch. */
  readonly lastBatch: 'keep' | 'drop';
}

/** Parts of a recipe to replace, by the names that the command line's options have. */
export interface RecipeOverrides {
  readonly batch?: number;
  readonly epochs?: number;
  readonly learningRate?: number;
  /** The name of a schedule. */
  readonly schedule?: string;
  readonly warmupEpochs?: number;
  readonly milestones?: readonly number[];
  /** What multi-step multiplies the rate by at each milestone. */
  readonly factor?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
  readonly decayBiasAndNorm?: boolean;
  readonly labelSmoothing?: number;
  readonly cropPadding?: number;
  readonly flip?: boolean;
  readonly rotation?: number;
  readonly lastBatch?: 'keep' | 'drop';
}

/** `recipe` with the given parts replaced; a UserError (misuse) names the first value that makes no sense. */
export function adjustRecipe(recipe: Recipe, overrides: RecipeOverrides): Recipe {
  const o = overrides;
  const adjusted: Recipe = {
    name: recipe.name,
    source: recipe.source,
    batch: o.batch ?? recipe.batch,
    epochs: o.epochs ?? recipe.epochs,
    learningRate: o.learningRate ?? recipe.learningRate,
    schedule: adjustSchedule(recipe.schedule, overrides),
    optimizer: {
      momentum: o.momentum ?? recipe.optimizer.momentum,
      nesterov: o.nesterov ?? recipe.optimizer.nesterov,
      weightDecay: o.weightDecay ?? recipe.optimizer.weightDecay,
      decayBiasAndNorm: o.decayBiasAndNorm ?? recipe.optimizer.decayBiasAndNorm,
    },
    labelSmoothing: o.labelSmoothing ?? recipe.labelSmoothing,
    augmentation: {
      cropPadding: o.cropPadding ?? recipe.augmentation.cropPadding,
      flip: o.flip ?? recipe.augmentation.flip,
      rotation: o.rotation ?? recipe.augmentation.rotation,
    },
    lastBatch: o.lastBatch ?? recipe.lastBatch,
  };
  checkRecipe(adjusted);
  return adjusted;
}

function adjustSchedule(schedule: Schedule, overrides: RecipeOverrides): Schedule {
  const { warmupEpochs, milestones, factor } = overrides;
  const multiStep = milestones !== undefined || factor !== undefined;
  const name = overrides.schedule ?? (multiStep ? 'multi-step' : schedule.kind);
  let adjusted = name === schedule.kind ? schedule : findSchedule(name);
  if (multiStep) {
    if (adjusted.kind !== 'multi-step') {
      throw misuse(`Milestones and a factor belong to the multi-step schedule, not to '${adjusted.kind}'.`);
    }
    const base = adjusted.kind === schedule.kind ? adjusted : defaultSchedules['multi-step'];
    adjusted = { ...base, ...(milestones && { milestones }), ...(factor !== undefined && { factor }) };
  }
  if (warmupEpochs === undefined) return adjusted;
  if (adjusted.kind === 'one-cycle' && warmupEpochs !== 0) {
    throw misuse(
      'The one-cycle schedule has its own rise; a warm-up cannot be added. Choose another schedule.',
    );
  }
  return { ...adjusted, warmupEpochs };
}

function checkRecipe(recipe: Recipe): void {
  const { optimizer, schedule, augmentation } = recipe;
  const whole = (name: string, value: number, least: number): void => {
    if (!Number.isInteger(value) || value < least) {
      throw misuse(`${name} is ${value}; expected a whole number of at least ${least}.`);
    }
  };
  const within = (name: string, value: number, low: number, high: number): void => {
    if (!(value >= low && value <= high)) {
      const range = high === Number.MAX_VALUE ? `at least ${low}` : `from ${low} to ${high}`;
      throw misuse(`${name} is ${value}; expected a number ${range}.`);
    }
  };
  whole('The batch', recipe.batch, 1);
  whole('The number of epochs', recipe.epochs, 1);
  whole('The crop padding', augmentation.cropPadding, 0);
  within('The rotation', augmentation.rotation, 0, 180);
  within('The learning rate', recipe.learningRate, 0, Number.MAX_VALUE);
  within('The momentum', optimizer.momentum, 0, 1);
  within('The weight decay', optimizer.weightDecay, 0, Number.MAX_VALUE);
  within('The label smoothing', recipe.labelSmoothing, 0, 1);
  within('The warm-up', schedule.warmupEpochs ?? 0, 0, recipe.epochs);
  if (optimizer.nesterov && optimizer.momentum === 0) {
    throw misuse('Nesterov momentum needs a momentum above 0.');
  }
  if (schedule.kind === 'multi-step') {
    within('The factor', schedule.factor, 0, Number.MAX_VALUE);
    if (!schedule.milestones.every((milestone) => milestone >= 0)) {
      throw misuse(`The milestones are ${schedule.milestones.join(', ')}; expected epochs of at least 0.`);
    }
  }
}

function misuse(message: string): UserError {
  return new UserError(message, { exitCode: 2 });
}
