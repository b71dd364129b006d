import { describe, expect, it } from 'vitest';
import { adjustRecipe } from './adjust.ts';
import { defaultRecipe, findRecipe, recipes } from './index.ts';
import type { Recipe, RecipeOverrides } from './recipe.ts';

const published = findRecipe('pytorch-cifar100');
const fast = findRecipe('fast');

/** The numbers of each source, written down a second time; what the sources leave open is not among them. */
const letters: Readonly<Record<string, object>> = {
  // Section 2 (256x256, per-pixel mean), 4.1 (224 crops, mirrors, N(0, .1) along the principal components), 5.
  'alexnet-2012': {
    batch: 128,
    epochs: 90,
    learningRate: 0.01,
    schedule: { kind: 'plateau', factor: 0.1, least: 1e-5 },
    optimizer: { momentum: 0.9, nesterov: false, weightDecay: 5e-4 },
    augmentation: {
      flip: true,
      pictures: {
        scale: { kind: 'short-side', least: 256, most: 256, square: true },
        colour: { kind: 'pca', deviation: 0.1 },
      },
      input: { mean: 'pixel', divideByDeviation: false, range: 255 },
    },
    initial: 'alexnet-2012',
  },
  // Section 3.1: ten sub-crops, filters whose RMS exceeds .1 scaled back, 70 epochs, weights from 1e-2, biases 0.
  'zfnet-2013': {
    batch: 128,
    epochs: 70,
    learningRate: 0.01,
    schedule: { kind: 'plateau' },
    optimizer: { momentum: 0.9, nesterov: false, clipFilterRms: 0.1 },
    augmentation: {
      pictures: { scale: { kind: 'short-side', least: 256, most: 256, square: true }, crops: 'ten' },
      input: { mean: 'pixel', divideByDeviation: false, range: 255 },
    },
    initial: 'zfnet',
  },
  'vgg-2014': {
    batch: 256,
    epochs: 74,
    learningRate: 0.01,
    schedule: { kind: 'plateau', factor: 0.1, least: 1e-5 },
    optimizer: { momentum: 0.9, nesterov: false, weightDecay: 5e-4 },
    augmentation: {
      flip: true,
      pictures: { scale: { kind: 'short-side', least: 256, most: 512 }, colour: { kind: 'pca' } },
      input: { mean: 'channel', divideByDeviation: false },
    },
    initial: 'glorot',
  },
  'googlenet-2014': {
    schedule: { kind: 'step', every: 8, factor: 0.96 },
    optimizer: { momentum: 0.9 },
    augmentation: {
      pictures: {
        scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 },
        colour: { kind: 'photometric' },
      },
    },
    average: { kind: 'polyak' },
  },
  'resnet-2015': {
    batch: 256,
    // 60 x 10^4 steps of 256 out of 1281167 pictures.
    epochs: Math.round((600_000 * 256) / 1_281_167),
    learningRate: 0.1,
    schedule: { kind: 'plateau', factor: 0.1 },
    optimizer: { momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
    augmentation: {
      flip: true,
      pictures: {
        scale: { kind: 'short-side', least: 256, most: 480 },
        colour: { kind: 'pca', deviation: 0.1 },
      },
    },
    initial: 'he',
  },
  'resnet-cifar10': {
    batch: 128,
    epochs: Math.ceil(64_000 / Math.ceil(45_000 / 128)),
    steps: 64_000,
    learningRate: 0.1,
    schedule: { kind: 'multi-step', milestones: [32_000, 48_000], unit: 'steps', factor: 0.1 },
    optimizer: { momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
    augmentation: { cropPadding: 4, flip: true, rotation: 0 },
    initial: 'he',
  },
  'resnext-2016': {
    batch: 256,
    learningRate: 0.1,
    schedule: { kind: 'step', every: 30, factor: 0.1 },
    optimizer: { momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
    augmentation: { pictures: { scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 } } },
  },
  'senet-2017': {
    batch: 1024,
    epochs: 100,
    learningRate: 0.6,
    schedule: { kind: 'step', every: 30, factor: 0.1 },
    optimizer: { momentum: 0.9, nesterov: false },
    augmentation: {
      flip: true,
      pictures: { scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 } },
      input: { mean: 'channel', divideByDeviation: false },
    },
    initial: 'he',
  },
  torchvision: {
    batch: 32 * 8,
    epochs: 90,
    learningRate: 0.1,
    schedule: { kind: 'step', every: 30, factor: 0.1 },
    optimizer: { momentum: 0.9, nesterov: false, weightDecay: 1e-4, decayBiasAndNorm: true },
    labelSmoothing: 0,
    augmentation: {
      flip: true,
      pictures: {
        scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 },
        resize: 256,
        interpolation: 'bilinear',
      },
    },
  },
  'pytorch-cifar100': {
    batch: 128,
    epochs: 200,
    learningRate: 0.1,
    schedule: { kind: 'multi-step', milestones: [60, 120, 160], factor: 0.2, warmupEpochs: 1 },
    optimizer: { momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true },
    labelSmoothing: 0,
    augmentation: { cropPadding: 4, flip: true, rotation: 15 },
    lastBatch: 'keep',
  },
};

describe('recipes', () => {
  it.each(Object.keys(letters))('%s has the numbers of its source', (name) => {
    expect(findRecipe(name)).toMatchObject(letters[name] as object);
  });

  it('holds only recipes that pass their own check, under names of their own', () => {
    for (const recipe of recipes) expect(adjustRecipe(recipe, {})).toStrictEqual(recipe);
    expect(new Set(recipes.map(({ name }) => name)).size).toBe(recipes.length);
  });

  it('can be written down and read', () => {
    for (const recipe of recipes) expect(JSON.parse(JSON.stringify(recipe))).toStrictEqual(recipe);
  });

  it('names the nearest recipes', () => {
    expect(() => findRecipe('fats')).toThrow(/no recipe named 'fats'\. Did you mean fast/);
  });

  it('has one for each network', () => {
    expect(defaultRecipe('lenet').name).toBe('lenet');
    expect(defaultRecipe('resnet18').name).toBe('fast');
  });
});

describe('adjustRecipe', () => {
  it('replaces any part and leaves the others', () => {
    const overrides: RecipeOverrides = {
      epochs: 3,
      batch: 32,
      learningRate: 0.01,
      momentum: 0.8,
      nesterov: true,
      weightDecay: 0,
      decayBiasAndNorm: false,
      clipNorm: 5,
      clipFilterRms: 0.2,
      labelSmoothing: 0.2,
      cropPadding: 1,
      flip: false,
      rotation: 5,
      erase: 0.25,
      scale: [256, 480],
      square: true,
      crops: 'ten',
      colour: 'shift',
      resize: 300,
      interpolation: 'bicubic',
      mean: 'channel',
      divideByDeviation: false,
      range: 255,
      lastBatch: 'drop',
      milestones: [1, 2],
      factor: 0.5,
      warmupEpochs: 2,
      accumulate: 4,
      ema: 0.999,
      mixup: 0.2,
      cutmix: 1,
      initial: 'he',
      stopAfter: 10,
    };
    expect(adjustRecipe(published, overrides)).toStrictEqual({
      name: published.name,
      source: published.source,
      batch: 32,
      epochs: 3,
      learningRate: 0.01,
      schedule: { kind: 'multi-step', milestones: [1, 2], factor: 0.5, warmupEpochs: 2 },
      optimizer: {
        momentum: 0.8,
        nesterov: true,
        weightDecay: 0,
        decayBiasAndNorm: false,
        clipNorm: 5,
        clipFilterRms: 0.2,
      },
      labelSmoothing: 0.2,
      augmentation: {
        cropPadding: 1,
        flip: false,
        rotation: 5,
        erase: 0.25,
        pictures: {
          scale: { kind: 'short-side', least: 256, most: 480, square: true },
          crops: 'ten',
          colour: { kind: 'shift', deviation: 0.1 },
          resize: 300,
          interpolation: 'bicubic',
        },
        input: { mean: 'channel', divideByDeviation: false, range: 255 },
      },
      lastBatch: 'drop',
      accumulate: 4,
      average: { kind: 'ema', decay: 0.999 },
      mix: { mixup: 0.2, cutmix: 1 },
      initial: 'he',
      stopAfter: 10,
    });
    expect(adjustRecipe(published, { epochs: undefined })).toStrictEqual(published);
  });

  it('leaves the recipe of an older run as it was stored', () => {
    const stored = JSON.parse(`{
      "name": "fast", "source": "as it was", "batch": 128, "epochs": 15, "learningRate": 0.2,
      "schedule": { "kind": "one-cycle", "rise": 0.3, "startDivisor": 25, "endDivisor": 10000 },
      "optimizer": { "momentum": 0.9, "nesterov": true, "weightDecay": 0.0005, "decayBiasAndNorm": false },
      "labelSmoothing": 0.1, "augmentation": { "cropPadding": 4, "flip": true, "rotation": 0 }, "lastBatch": "drop"
    }`);
    expect(adjustRecipe(stored, {})).toStrictEqual(stored);
  });

  it('switches parts off with 0 and none', () => {
    const off: RecipeOverrides = {
      clipNorm: 0,
      clipFilterRms: 0,
      erase: 0,
      colour: 'none',
      accumulate: 1,
      ema: 0,
      mixup: 0,
      cutmix: 0,
      stopAfter: 0,
    };
    const on: RecipeOverrides = {
      clipNorm: 1,
      clipFilterRms: 1,
      erase: 1,
      colour: 'pca',
      accumulate: 2,
      ema: 0.5,
      mixup: 1,
      cutmix: 1,
      stopAfter: 1,
    };
    expect(adjustRecipe(adjustRecipe(fast, on), off)).toStrictEqual(fast);
    const googlenet = findRecipe('googlenet-2014');
    expect(adjustRecipe(googlenet, { polyak: 'none' }).average).toBeUndefined();
    expect(adjustRecipe(googlenet, { polyak: 3 }).average).toEqual({ kind: 'polyak', fromEpoch: 3 });
    expect(adjustRecipe(googlenet, { ema: 0.9 }).average).toEqual({ kind: 'ema', decay: 0.9 });
  });

  it('counts epochs where they are given instead of the steps', () => {
    const cifar = findRecipe('resnet-cifar10');
    expect(adjustRecipe(cifar, { epochs: 5 })).not.toHaveProperty('steps');
    expect(adjustRecipe(cifar, { steps: 7 }).steps).toBe(7);
    expect(adjustRecipe(fast, { steps: 7 }).steps).toBe(7);
    // Milestones from the command line are epochs.
    const { schedule } = adjustRecipe(cifar, { milestones: [2] });
    expect(schedule).toStrictEqual({ kind: 'multi-step', milestones: [2], factor: 0.1 });
  });

  it('keeps what a scale does not replace', () => {
    const scaleOf = (recipe: Recipe) => recipe.augmentation.pictures?.scale;
    expect(scaleOf(adjustRecipe(fast, { scale: 0.5 }))).toEqual({
      kind: 'area',
      least: 0.5,
      most: 1,
      aspect: 4 / 3,
    });
    expect(scaleOf(adjustRecipe(findRecipe('vgg-2014'), { scale: [384, 384] }))).toEqual({
      kind: 'short-side',
      least: 384,
      most: 384,
    });
    expect(scaleOf(adjustRecipe(findRecipe('resnet-2015'), { scale: 0.3, aspect: 1 }))).toEqual({
      kind: 'area',
      least: 0.3,
      most: 1,
      aspect: 1,
    });
  });

  it.each<[RecipeOverrides, Recipe['schedule']]>([
    [
      { schedule: 'cosine', warmupEpochs: 1 },
      { kind: 'cosine', warmupEpochs: 1 },
    ],
    [{ milestones: [5] }, { kind: 'multi-step', milestones: [5], factor: 0.2 }],
    [
      { milestones: [5], factor: 0.3 },
      { kind: 'multi-step', milestones: [5], factor: 0.3 },
    ],
    [
      { every: 8, factor: 0.96 },
      { kind: 'step', every: 8, factor: 0.96 },
    ],
    [{ patience: 3 }, { kind: 'plateau', factor: 0.1, patience: 3 }],
    [
      { schedule: 'plateau', factor: 0.5, threshold: 0.01, leastRate: 1e-6 },
      { kind: 'plateau', factor: 0.5, patience: 10, threshold: 0.01, least: 1e-6 },
    ],
  ])('a schedule by its name or its settings: %j', (overrides, schedule) => {
    expect(adjustRecipe(fast, overrides).schedule).toStrictEqual(schedule);
  });

  it.each<[RecipeOverrides, RegExp]>([
    [{ batch: 0 }, /batch is 0; expected a whole number of at least 1/],
    [{ epochs: 1.5 }, /epochs is 1.5/],
    [{ steps: 0 }, /steps is 0/],
    [{ learningRate: -1 }, /learning rate is -1; expected a number at least 0/],
    [{ momentum: 2 }, /momentum is 2; expected a number from 0 to 1/],
    [{ momentum: 0 }, /Nesterov momentum needs a momentum/],
    [{ labelSmoothing: Number.NaN }, /label smoothing is NaN/],
    [{ warmupEpochs: 1 }, /one-cycle schedule has its own rise/],
    [{ schedule: 'cosine', milestones: [3] }, /belong to the multi-step schedule, not to 'cosine'/],
    [{ schedule: 'plateau', every: 3 }, /belongs to the step schedule, not to 'plateau'/],
    [{ milestones: [3], patience: 3 }, /belongs? to the (multi-step|plateau) schedule, not to/],
    [{ schedule: 'stepp' }, /no schedule named 'stepp'.*step/],
    [{ schedule: 'plateau', factor: 2 }, /factor of plateau is 2/],
    [{ ema: 1 }, /decay of the average is 1; expected a number from 0 to below 1/],
    [{ ema: 0.9, polyak: 3 }, /averaged one way/],
    [{ accumulate: 0.5 }, /to accumulate is 0.5/],
    [{ mixup: -1 }, /alpha of mixup is -1/],
    [{ erase: 2 }, /erasing is 2; expected a number from 0 to 1/],
    [{ clipNorm: -5 }, /norm of the gradients is -5/],
    [
      { scale: [200, 300] },
      /short side of training pictures is 200; expected a whole number of at least 224/,
    ],
    [{ scale: [300, 256] }, /largest short side of training pictures is 256/],
    [{ scale: [256, 256], aspect: 2 }, /An aspect belongs to a share of the area/],
    [{ square: true }, /central square belongs to a short side/],
    [{ crops: 'ten' }, /ten sub-crops belong to a short side/],
    [{ mean: 'pixel' }, /mean of each pixel needs central squares of one size/],
    [{ stopAfter: -1 }, /to stop after is -1/],
  ])('refuses %j', (overrides, message) => {
    expect(() => adjustRecipe(fast, overrides)).toThrow(message);
  });
});
