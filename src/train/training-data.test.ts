import { describe, expect, it } from 'vitest';
import { fast } from './recipes/fast.ts';
import { inputOf, trainingAugmentation } from './training-data.ts';

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

describe('inputOf', () => {
  const colours = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0] };

  it('divides by the deviation unless told otherwise; a channel that never changes has none', () => {
    expect(inputOf(undefined, colours)).toEqual({
      normalise: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 1] },
    });
  });

  it('counts to 255 for the recipes before batch norm', () => {
    const plan = { mean: 'pixel', divideByDeviation: false, range: 255 } as const;
    expect(inputOf(plan, colours)).toEqual({
      normalise: { mean: [127.5, 102, 76.5], std: [1, 1, 1] },
      range: 255,
    });
    const divided = inputOf({ ...plan, divideByDeviation: true }, { mean: [0.5], std: [0.2] });
    expect(divided).toEqual({ normalise: { mean: [127.5], std: [51] }, range: 255 });
  });
});
