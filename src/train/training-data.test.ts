import { describe, expect, it } from 'vitest';
import { fast } from './recipes/fast.ts';
import { trainingAugmentation } from './training-data.ts';

const preprocessing = {
  channels: 1,
  height: 28,
  width: 28,
  pad: 2,
  normalise: { mean: [0.3], std: [0.4] },
};

describe('trainingAugmentation', () => {
  it('is the recipe’s, after the data set’s padding and normalisation', () => {
    expect(trainingAugmentation({ ...fast.augmentation, rotation: 15 }, 'cifar-100', preprocessing)).toEqual({
      pad: 2,
      crop: { padding: 4 },
      flip: true,
      rotation: 15,
      normalise: preprocessing.normalise,
    });
  });

  it.each([
    ['mnist', false],
    ['qmnist', false],
    ['svhn', false],
    ['fashion-mnist', true],
    ['cifar-10', true],
    ['my-photos', true],
  ])('of %s: mirrored %s', (dataset, flip) => {
    expect(trainingAugmentation(fast.augmentation, dataset, preprocessing).flip).toBe(flip);
  });

  it('has no crop where there is no padding to crop from', () => {
    const plan = { cropPadding: 0, flip: false, rotation: 0 };
    expect(trainingAugmentation(plan, 'mnist', preprocessing)).not.toHaveProperty('crop');
  });
});
