import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { initialSchemes } from '../train/initial.ts';
import { adjustRecipe } from '../train/recipes/adjust.ts';
import { findRecipe } from '../train/recipes/index.ts';
import type { RecipeOverrides } from '../train/recipes/recipe.ts';
import { addRecipeFlags, initialNames, type RecipeFlags, recipeOverrides } from './train-options.ts';

function parse(...args: string[]): RecipeOverrides {
  const command = addRecipeFlags(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  return recipeOverrides(command.parse(args, { from: 'user' }).opts<RecipeFlags>());
}

/** Without what is undefined. */
function given(...args: string[]): object {
  return JSON.parse(JSON.stringify(parse(...args)));
}

describe('the flags of a recipe', () => {
  it('say nothing unless asked', () => {
    expect(given()).toEqual({});
    const fast = findRecipe('fast');
    expect(adjustRecipe(fast, parse())).toStrictEqual(fast);
  });

  it.each<[string, RecipeOverrides]>([
    [
      '--epochs 3 --batch 64 --lr 0.3 --last-batch keep',
      { epochs: 3, batch: 64, learningRate: 0.3, lastBatch: 'keep' },
    ],
    ['--steps 64000 --accumulate 4', { steps: 64_000, accumulate: 4 }],
    ['--schedule plateau --factor 0.5 --patience 3', { schedule: 'plateau', factor: 0.5, patience: 3 }],
    ['--threshold 0.01 --least-lr 1e-5 --stop-after 10', { threshold: 0.01, leastRate: 1e-5, stopAfter: 10 }],
    ['--schedule step --every 8 --warmup 1', { schedule: 'step', every: 8, warmupEpochs: 1 }],
    ['--milestones 60,120,160', { milestones: [60, 120, 160] }],
    [
      '--momentum 0.8 --no-nesterov --weight-decay 1e-4',
      { momentum: 0.8, nesterov: false, weightDecay: 1e-4 },
    ],
    [
      '--decay-all --clip-norm 5 --clip-filters 0.1',
      { decayBiasAndNorm: true, clipNorm: 5, clipFilterRms: 0.1 },
    ],
    ['--ema 0.9999', { ema: 0.9999 }],
    ['--polyak 200', { polyak: 200 }],
    ['--polyak none', { polyak: 'none' }],
    ['--initial he --label-smoothing 0.1', { initial: 'he', labelSmoothing: 0.1 }],
    ['--mixup 0.2 --cutmix 1 --erase 0.25', { mixup: 0.2, cutmix: 1, erase: 0.25 }],
    ['--no-flip --crop-padding 2 --rotation 10', { flip: false, cropPadding: 2, rotation: 10 }],
    ['--scale 256', { scale: [256, 256] }],
    ['--scale 256-480 --crops ten --square', { scale: [256, 480], crops: 'ten', square: true }],
    ['--scale 0.08 --aspect 1.5 --colour none', { scale: 0.08, aspect: 1.5, colour: 'none' }],
    ['--resize 288 --interpolation bicubic', { resize: 288, interpolation: 'bicubic' }],
    ['--subtract pixel --no-divide --range 255', { mean: 'pixel', divideByDeviation: false, range: 255 }],
  ])('%s', (line, overrides) => {
    expect(given(...line.split(' '))).toEqual(overrides);
  });

  it.each([
    ['--scale 256-300-400', /Expected a short side/],
    ['--scale -1', /Expected a short side/],
    ['--scale 1.5', /Expected a short side/],
    ['--milestones 3,x', /Expected epochs with commas/],
    ['--schedule sideways', /Expected constant, multi-step/],
    ['--polyak never', /whole number/],
    ['--range 128', /Expected 1, 255/],
    ['--initial xavier', /Expected network, he/],
  ])('refuses %s', (line, message) => {
    expect(() => parse(...line.split(' '))).toThrow(message);
  });

  it('names every way that weights can start', () => {
    expect(initialNames).toEqual(initialSchemes);
  });
});
