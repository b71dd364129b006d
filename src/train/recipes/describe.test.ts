import { describe, expect, it } from 'vitest';
import { describeRecipe } from './describe.ts';
import { findRecipe } from './index.ts';

describe('describeRecipe', () => {
  it('says what a recipe does', () => {
    expect(describeRecipe(findRecipe('zfnet-2013'), true)).toEqual([
      ['Length', '70 epochs, batch 128, last batch kept'],
      ['Rate', '0.01, times 0.1 on a plateau of 5 epochs, down to 1e-5'],
      ['Optimiser', 'SGD, momentum 0.9, weight decay 5e-4, filters to RMS 0.1'],
      ['Pictures', 'short side 256 px, central square, one of the ten crops, mirrored'],
      ['Input', '0..255, mean of each pixel subtracted'],
      ['Start', 'zfnet'],
    ]);
    expect(describeRecipe(findRecipe('pytorch-cifar100'), false)).toContainEqual([
      'Pictures',
      'padded by 4 px and cropped, rotated by up to 15 degrees, mirrored',
    ]);
    expect(describeRecipe(findRecipe('googlenet-2014'), true)).toContainEqual([
      'Pictures',
      '8 to 100 % of the area with aspect 0.75 to 1.33, mirrored, brightness, contrast and saturation by up to 0.4',
    ]);
    expect(describeRecipe(findRecipe('resnet-cifar10'), true)).toContainEqual([
      'Rate',
      '0.1, times 0.1 after steps 32000 and 48000',
    ]);
  });
});
