// A recipe in words: a few short lines for the start of a run, and the same as pairs for a table.
import { plural } from '../../plural.ts';
import type { Schedule } from '../schedule.ts';
import { type ColourPlan, type PicturePlan, type Recipe, usualInput, usualPictures } from './recipe.ts';

/** What a recipe does, as names and words. `large`: pictures of ImageNet's size, or small ones; default both. */
export function describeRecipe(recipe: Recipe, large?: boolean): [name: string, words: string][] {
  const { optimizer, augmentation, average, mix, accumulate = 1, initial = 'network' } = recipe;
  const { momentum, nesterov, weightDecay, decayBiasAndNorm, clipNorm, clipFilterRms } = optimizer;
  const length = recipe.steps === undefined ? `${recipe.epochs} epochs` : `${recipe.steps} steps`;
  const batch = accumulate === 1 ? `${recipe.batch}` : `${recipe.batch} x ${accumulate} accumulated`;
  const sgd = [
    `SGD, momentum ${momentum}${nesterov ? ' (Nesterov)' : ''}`,
    `weight decay ${plain(weightDecay)}${decayBiasAndNorm || weightDecay === 0 ? '' : ' on weights alone'}`,
    ...(clipNorm === undefined ? [] : [`gradients clipped to norm ${clipNorm}`]),
    ...(clipFilterRms === undefined ? [] : [`filters to RMS ${clipFilterRms}`]),
  ];
  const loss = [
    ...(recipe.labelSmoothing > 0 ? [`label smoothing ${recipe.labelSmoothing}`] : []),
    ...(mix !== undefined && mix.mixup > 0 ? [`mixup ${mix.mixup}`] : []),
    ...(mix !== undefined && mix.cutmix > 0 ? [`CutMix ${mix.cutmix}`] : []),
  ];
  const rows: [string, string][] = [
    ['Length', `${length}, batch ${batch}, last batch ${recipe.lastBatch === 'keep' ? 'kept' : 'dropped'}`],
    ['Rate', describeSchedule(recipe.schedule, recipe.learningRate)],
    ['Optimiser', sgd.join(', ')],
  ];
  if (loss.length > 0) rows.push(['Loss', loss.join(', ')]);
  if (large !== false) rows.push(['Pictures', picturesInWords(recipe)]);
  if (large !== true) rows.push([large === false ? 'Pictures' : 'Small ones', smallInWords(recipe)]);
  const { mean, divideByDeviation, range } = augmentation.input ?? usualInput;
  const subtracted = `mean of each ${large === false ? 'channel' : mean} subtracted`;
  rows.push(['Input', `0..${range}, ${subtracted}${divideByDeviation ? ', divided by the deviation' : ''}`]);
  if (average?.kind === 'ema') rows.push(['Average', `of weights, decay ${average.decay}`]);
  if (average?.kind === 'polyak') rows.push(['Average', `of weights, from epoch ${average.fromEpoch} on`]);
  if (initial !== 'network') rows.push(['Start', `${initial}`]);
  if (recipe.stopAfter !== undefined) {
    rows.push(['Stop', `after ${plural(recipe.stopAfter, 'epoch')} without a better validation`]);
  }
  return rows;
}

export function describeSchedule(schedule: Schedule, rate: number): string {
  const { warmupEpochs = 0 } = schedule;
  const warmup = warmupEpochs > 0 ? `, warm-up of ${plural(warmupEpochs, 'epoch')}` : '';
  switch (schedule.kind) {
    case 'constant':
      return `${plain(rate)}${warmup}`;
    case 'cosine':
      return `${plain(rate)} down to 0 along a cosine${warmup}`;
    case 'one-cycle':
      return `one cycle with peak ${plain(rate)} after ${100 * schedule.rise} %`;
    case 'step':
      return `${plain(rate)}, times ${schedule.factor} every ${schedule.every} epochs${warmup}`;
    case 'multi-step': {
      const { unit = 'epochs', milestones, factor } = schedule;
      const when = unit === 'steps' ? 'after step' : 'at epoch';
      const at = `${when}${milestones.length === 1 ? '' : 's'} ${listed(milestones)}`;
      return `${plain(rate)}, times ${factor} ${at}${warmup}`;
    }
    case 'plateau': {
      const { factor, patience, least } = schedule;
      const floor = least ? `, down to ${plain(least)}` : '';
      return `${plain(rate)}, times ${factor} on a plateau of ${patience} epochs${floor}${warmup}`;
    }
  }
}

/** 1e-5 rather than 0.00001. */
function plain(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : `${value}`;
}

function picturesInWords({ augmentation }: Recipe): string {
  const { pictures = usualPictures, flip } = augmentation;
  return [
    scaleInWords(pictures),
    ...sharedInWords(flip, augmentation.erase),
    ...colourInWords(pictures.colour),
  ].join(', ');
}

function smallInWords({ augmentation }: Recipe): string {
  const { cropPadding, rotation, flip, erase } = augmentation;
  const parts = [
    ...(cropPadding > 0 ? [`padded by ${cropPadding} px and cropped`] : []),
    ...(rotation > 0 ? [`rotated by up to ${rotation} degrees`] : []),
    ...sharedInWords(flip, erase),
  ];
  return parts.length === 0 ? 'as they are' : parts.join(', ');
}

function sharedInWords(flip: boolean, erase = 0): string[] {
  return [...(flip ? ['mirrored'] : []), ...(erase > 0 ? [`erased in part (${100 * erase} %)`] : [])];
}

function scaleInWords({ scale, crops }: PicturePlan): string {
  if (scale.kind === 'area') {
    const aspect = `${Number((1 / scale.aspect).toFixed(2))} to ${Number(scale.aspect.toFixed(2))}`;
    return `${100 * scale.least} to ${100 * scale.most} % of the area with aspect ${aspect}`;
  }
  const { least, most, square } = scale;
  const side = least === most ? `${least}` : `${least} to ${most}`;
  const from = square ? ', central square' : '';
  return `short side ${side} px${from}, ${crops === 'ten' ? 'one of the ten crops' : 'random crop'}`;
}

function colourInWords(colour: ColourPlan | undefined): string[] {
  if (colour === undefined) return [];
  if (colour.kind === 'pca') return [`PCA colour ${colour.deviation}`];
  if (colour.kind === 'shift') return [`RGB shift ${colour.deviation}`];
  const { kind: _, ...amounts } = colour;
  const changed = Object.entries(amounts).filter(([, amount]) => amount > 0);
  const alike = new Set(changed.map(([, amount]) => amount)).size === 1;
  if (alike) return [`${listed(changed.map(([what]) => what))} by up to ${changed[0]?.[1]}`];
  return changed.map(([what, amount]) => `${what} by up to ${amount}`);
}

/** `60, 120 and 160`. */
function listed(items: readonly (string | number)[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}
