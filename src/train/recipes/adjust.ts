// Replacing parts of a recipe, and the check that what comes of it makes sense.
import { UserError } from '../../errors.ts';
import { findSchedule, type Schedule, type ScheduleKind } from '../schedule.ts';
import { checkRecipe } from './check.ts';
import {
  type AugmentationPlan,
  type AveragePlan,
  type ColourPlan,
  type InputPlan,
  type OptimizerOptions,
  type PicturePlan,
  type Recipe,
  type RecipeOverrides,
  usualInput,
  usualPictures,
} from './recipe.ts';

/** `recipe` with the given parts replaced; a UserError (misuse) names the first value that makes no sense. */
export function adjustRecipe(recipe: Recipe, overrides: RecipeOverrides): Recipe {
  const o = overrides;
  const steps = o.steps ?? (o.epochs === undefined ? recipe.steps : undefined);
  const accumulate = o.accumulate ?? recipe.accumulate;
  const average = adjustAverage(recipe.average, o);
  const mixup = o.mixup ?? recipe.mix?.mixup ?? 0;
  const cutmix = o.cutmix ?? recipe.mix?.cutmix ?? 0;
  const initial = o.initial ?? recipe.initial;
  const stopAfter = o.stopAfter ?? recipe.stopAfter;
  const adjusted: Recipe = {
    name: recipe.name,
    source: recipe.source,
    ...(recipe.choices && { choices: recipe.choices }),
    batch: o.batch ?? recipe.batch,
    epochs: o.epochs ?? recipe.epochs,
    ...(steps !== undefined && { steps }),
    learningRate: o.learningRate ?? recipe.learningRate,
    schedule: adjustSchedule(recipe.schedule, o),
    optimizer: adjustOptimizer(recipe.optimizer, o),
    labelSmoothing: o.labelSmoothing ?? recipe.labelSmoothing,
    augmentation: adjustAugmentation(recipe.augmentation, o),
    lastBatch: o.lastBatch ?? recipe.lastBatch,
    ...(accumulate !== undefined && accumulate !== 1 && { accumulate }),
    ...(average && { average }),
    ...((mixup !== 0 || cutmix !== 0) && { mix: { mixup, cutmix } }),
    ...(initial !== undefined && { initial }),
    ...(stopAfter !== undefined && stopAfter !== 0 && { stopAfter }),
  };
  checkRecipe(adjusted);
  return adjusted;
}

function adjustOptimizer(optimizer: OptimizerOptions, o: RecipeOverrides): OptimizerOptions {
  const clipNorm = o.clipNorm ?? optimizer.clipNorm ?? 0;
  const clipFilterRms = o.clipFilterRms ?? optimizer.clipFilterRms ?? 0;
  return {
    momentum: o.momentum ?? optimizer.momentum,
    nesterov: o.nesterov ?? optimizer.nesterov,
    weightDecay: o.weightDecay ?? optimizer.weightDecay,
    decayBiasAndNorm: o.decayBiasAndNorm ?? optimizer.decayBiasAndNorm,
    ...(clipNorm !== 0 && { clipNorm }),
    ...(clipFilterRms !== 0 && { clipFilterRms }),
  };
}

function adjustAverage(average: AveragePlan | undefined, o: RecipeOverrides): AveragePlan | undefined {
  if (o.ema !== undefined && typeof o.polyak === 'number') {
    throw misuse('Weights are averaged one way: give a decay (--ema) or a first epoch (--polyak), not both.');
  }
  if (o.ema !== undefined) return o.ema === 0 ? undefined : { kind: 'ema', decay: o.ema };
  if (o.polyak === 'none') return undefined;
  return o.polyak === undefined ? average : { kind: 'polyak', fromEpoch: o.polyak };
}

/** What the names of the command line stand for; PCA's deviation is AlexNet's, the others are chosen alike. */
const usualColours: { readonly [K in ColourPlan['kind']]: ColourPlan } = {
  pca: { kind: 'pca', deviation: 0.1 },
  shift: { kind: 'shift', deviation: 0.1 },
  photometric: { kind: 'photometric', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0 },
};

function adjustAugmentation(plan: AugmentationPlan, o: RecipeOverrides): AugmentationPlan {
  const erase = o.erase ?? plan.erase ?? 0;
  const pictures = adjustPictures(plan.pictures, o);
  const input = adjustInput(plan.input, o);
  return {
    cropPadding: o.cropPadding ?? plan.cropPadding,
    flip: o.flip ?? plan.flip,
    rotation: o.rotation ?? plan.rotation,
    ...(erase !== 0 && { erase }),
    ...(pictures && { pictures }),
    ...(input && { input }),
  };
}

function adjustInput(given: InputPlan | undefined, o: RecipeOverrides): InputPlan | undefined {
  const { mean, divideByDeviation, range } = o;
  if (mean === undefined && divideByDeviation === undefined && range === undefined) return given;
  const plan = given ?? usualInput;
  return {
    mean: mean ?? plan.mean,
    divideByDeviation: divideByDeviation ?? plan.divideByDeviation,
    range: range ?? plan.range,
  };
}

function adjustPictures(given: PicturePlan | undefined, o: RecipeOverrides): PicturePlan | undefined {
  const { scale, aspect, square, resize, interpolation } = o;
  const replaced = [scale, aspect, square, o.crops, o.colour, resize, interpolation];
  if (replaced.every((value) => value === undefined)) return given;
  const plan = given ?? usualPictures;
  const crops = o.crops ?? plan.crops;
  const colour =
    o.colour === undefined ? plan.colour : o.colour === 'none' ? undefined : usualColours[o.colour];
  return {
    scale: adjustScale(plan.scale, o),
    ...(crops && { crops }),
    ...(colour && { colour }),
    resize: resize ?? plan.resize,
    interpolation: interpolation ?? plan.interpolation,
  };
}

function adjustScale(before: PicturePlan['scale'], o: RecipeOverrides): PicturePlan['scale'] {
  const { scale, aspect, square } = o;
  const usual = usualPictures.scale as PicturePlan['scale'] & { kind: 'area' };
  let adjusted = before;
  if (typeof scale === 'number') adjusted = { ...(before.kind === 'area' ? before : usual), least: scale };
  else if (scale !== undefined) {
    const [least, most] = scale;
    adjusted = { ...(before.kind === 'short-side' ? before : { kind: 'short-side' }), least, most };
  }
  if (adjusted.kind === 'area') {
    if (square)
      throw misuse('The central square belongs to a short side (--scale 256), not to a share of the area.');
    return aspect === undefined ? adjusted : { ...adjusted, aspect };
  }
  if (aspect !== undefined) {
    throw misuse('An aspect belongs to a share of the area (--scale 0.08), not to a range of short sides.');
  }
  return square === undefined ? adjusted : { ...adjusted, square };
}

/** The schedules that a setting belongs to. */
const settingsOf = {
  milestones: ['multi-step'],
  factor: ['multi-step', 'step', 'plateau'],
  every: ['step'],
  patience: ['plateau'],
  threshold: ['plateau'],
  leastRate: ['plateau'],
} as const satisfies { readonly [K in keyof RecipeOverrides]?: readonly ScheduleKind[] };

function adjustSchedule(schedule: Schedule, overrides: RecipeOverrides): Schedule {
  const { warmupEpochs } = overrides;
  const given = (Object.keys(settingsOf) as (keyof typeof settingsOf)[]).filter(
    (name) => overrides[name] !== undefined,
  );
  const implied = given.map((name) => settingsOf[name]).sort((a, b) => a.length - b.length)[0];
  const fits = (kind: ScheduleKind): boolean =>
    given.every((name) => (settingsOf[name] as readonly ScheduleKind[]).includes(kind));
  const kind = overrides.schedule ?? (fits(schedule.kind) ? schedule.kind : (implied?.[0] ?? schedule.kind));
  let adjusted: Schedule = kind === schedule.kind ? schedule : findSchedule(kind);
  for (const name of given) {
    const kinds: readonly ScheduleKind[] = settingsOf[name];
    if (kinds.includes(adjusted.kind)) continue;
    throw misuse(`${words[name]} to the ${kinds.join(' or ')} schedule, not to '${adjusted.kind}'.`);
  }
  const { milestones, factor, every, patience, threshold, leastRate } = overrides;
  if (adjusted.kind === 'multi-step') {
    // Milestones that are given are epochs, whatever the recipe counts.
    const { unit, ...rest } = adjusted;
    adjusted = {
      ...rest,
      ...(unit && milestones === undefined && { unit }),
      ...(milestones && { milestones }),
      ...(factor !== undefined && { factor }),
    };
  } else if (adjusted.kind === 'step') {
    adjusted = {
      ...adjusted,
      ...(every !== undefined && { every }),
      ...(factor !== undefined && { factor }),
    };
  } else if (adjusted.kind === 'plateau') {
    adjusted = {
      ...adjusted,
      ...(factor !== undefined && { factor }),
      ...(patience !== undefined && { patience }),
      ...(threshold !== undefined && { threshold }),
      ...(leastRate !== undefined && { least: leastRate }),
    };
  }
  if (warmupEpochs === undefined) return adjusted;
  if (adjusted.kind === 'one-cycle' && warmupEpochs !== 0) {
    throw misuse(
      'The one-cycle schedule has its own rise; a warm-up cannot be added. Choose another schedule.',
    );
  }
  return { ...adjusted, warmupEpochs };
}

const words: { readonly [K in keyof typeof settingsOf]: string } = {
  milestones: 'Milestones belong',
  factor: 'A factor belongs',
  every: 'A number of epochs between two factors (--every) belongs',
  patience: 'A patience belongs',
  threshold: 'A threshold belongs',
  leastRate: 'A least rate belongs',
};

function misuse(message: string): UserError {
  return new UserError(message, { exitCode: 2 });
}
