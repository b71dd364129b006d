// He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv 1512.03385, section 3.4.
import type { Recipe } from './recipe.ts';

export const resnet2015: Recipe = {
  name: 'resnet-2015',
  source: 'He et al., arXiv 1512.03385, section 3.4',
  choices: [
    'Pixels count from 0 to 1: behind batch norm their unit does not matter.',
    'Up to 60x10^4 steps of 256 pictures are 120 epochs of ImageNet.',
    'The rate is divided by 10 when the error plateaus: after 5 epochs without a better one.',
    'The mean of each channel is subtracted: pixels of pictures of many scales have no mean of their own.',
    'Small pictures: crops of the picture padded by 4 px and mirrors, without the change of colours.',
  ],
  batch: 256,
  epochs: 120,
  learningRate: 0.1,
  schedule: { kind: 'plateau', factor: 0.1, patience: 5 },
  optimizer: { momentum: 0.9, nesterov: false, weightDecay: 1e-4, decayBiasAndNorm: true },
  labelSmoothing: 0,
  augmentation: {
    cropPadding: 4,
    flip: true,
    rotation: 0,
    pictures: {
      scale: { kind: 'short-side', least: 256, most: 480 },
      colour: { kind: 'pca', deviation: 0.1 },
      resize: 256,
      interpolation: 'bilinear',
    },
    input: { mean: 'channel', divideByDeviation: false, range: 1 },
  },
  lastBatch: 'keep',
  initial: 'he',
};
