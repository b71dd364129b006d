import { describe, expect, it } from 'vitest';
import { defaultRecipe, findRecipe, recipes } from './index.ts';
import { adjustRecipe } from './recipe.ts';

const published = findRecipe('pytorch-cifar100');
const fast = findRecipe('fast');

describe('recipes', () => {
  it('has the published CIFAR-100 recipe to the letter', () => {
    expect(published).toMatchObject({
      batch: 128,
      epochs: 200,
      learningRate: 0.1,
      schedule: { kind: 'multi-step', milestones: [60, 120, 160], factor: 0.2, warmupEpochs: 1 },
      optimizer: { momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true },
      labelSmoothing: 0,
      augmentation: { cropPadding: 4, flip: true, rotation: 15 },
      lastBatch: 'keep',
    });
  });

  it('holds only recipes that pass their own check, under names of their own', () => {
    for (const recipe of recipes) expect(adjustRecipe(recipe, {})).toEqual(recipe);
    expect(new Set(recipes.map(({ name }) => name)).size).toBe(recipes.length);
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
    const overrides = {
      epochs: 3,
      batch: 32,
      learningRate: 0.01,
      momentum: 0.8,
      nesterov: true,
      weightDecay: 0,
      decayBiasAndNorm: false,
      labelSmoothing: 0.2,
      cropPadding: 1,
      flip: false,
      rotation: 5,
      lastBatch: 'drop',
      milestones: [1, 2],
      factor: 0.5,
      warmupEpochs: 2,
    } as const;
    expect(adjustRecipe(published, overrides)).toEqual({
      name: published.name,
      source: published.source,
      batch: 32,
      epochs: 3,
      learningRate: 0.01,
      schedule: { kind: 'multi-step', milestones: [1, 2], factor: 0.5, warmupEpochs: 2 },
      optimizer: { momentum: 0.8, nesterov: true, weightDecay: 0, decayBiasAndNorm: false },
      labelSmoothing: 0.2,
      augmentation: { cropPadding: 1, flip: false, rotation: 5 },
      lastBatch: 'drop',
    });
    expect(adjustRecipe(published, { epochs: undefined })).toEqual(published);
  });

  it('changes the schedule by name, and to multi-step by milestones', () => {
    expect(adjustRecipe(fast, { schedule: 'cosine', warmupEpochs: 1 }).schedule).toEqual({
      kind: 'cosine',
      warmupEpochs: 1,
    });
    expect(adjustRecipe(fast, { milestones: [5] }).schedule).toEqual({
      kind: 'multi-step',
      milestones: [5],
      factor: 0.2,
    });
  });

  it.each([
    [{ batch: 0 }, /batch is 0; expected a whole number of at least 1/],
    [{ epochs: 1.5 }, /epochs is 1.5/],
    [{ learningRate: -1 }, /learning rate is -1; expected a number at least 0/],
    [{ momentum: 2 }, /momentum is 2; expected a number from 0 to 1/],
    [{ momentum: 0 }, /Nesterov momentum needs a momentum/],
    [{ labelSmoothing: Number.NaN }, /label smoothing is NaN/],
    [{ warmupEpochs: 1 }, /one-cycle schedule has its own rise/],
    [{ schedule: 'cosine', milestones: [3] }, /belong to the multi-step schedule, not to 'cosine'/],
    [{ schedule: 'step' }, /no schedule named 'step'.*multi-step/],
  ])('refuses %j', (overrides, message) => {
    expect(() => adjustRecipe(fast, overrides)).toThrow(message);
  });
});
