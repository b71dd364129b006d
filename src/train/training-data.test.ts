import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import type { FormDescription } from '../nets/network.ts';
import { adjustRecipe } from './recipes/adjust.ts';
import { fast } from './recipes/fast.ts';
import { temporaryFolder } from './testing.ts';
import { inputOf, openTrainingData, trainingAugmentation } from './training-data.ts';

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

describe('pictures that are decoded into memory', () => {
  const folder = temporaryFolder();
  afterAll(() => rmSync(folder, { recursive: true }));

  it('do without bad ones where that is asked for, and say which', async () => {
    const picture = await sharp({ create: { width: 9, height: 8, channels: 3, background: '#345' } })
      .png()
      .toBuffer();
    for (const [name, count] of [
      ['train/a', 60],
      ['train/b', 60],
      ['val/a', 2],
      ['val/b', 2],
    ] as const) {
      mkdirSync(join(folder, name), { recursive: true });
      for (let i = 0; i < count; i++) writeFileSync(join(folder, name, `${i}.png`), picture);
    }
    const bad = join(folder, 'train/a/7.png');
    writeFileSync(bad, picture.subarray(0, 40));
    const request = {
      data: folder,
      form: { channels: 3, height: 8, width: 8, classes: 2 } as FormDescription,
      recipe: adjustRecipe(fast, { batch: 4 }),
      seed: 1,
      validation: 0,
      smoke: false,
      open: {},
    };
    await expect(openTrainingData(request)).rejects.toThrow(/7\.png cannot be used: .*--on-bad-image skip/);
    const data = await openTrainingData({ ...request, onBadImage: 'skip' });
    expect(data.train).toHaveLength(119);
    expect(data.skipped).toEqual([bad]);
    expect(data.notes[0]).toMatch(`Skipped ${bad}: it is cut off or damaged`);
  });
});
