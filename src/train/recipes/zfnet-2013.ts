// Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901, section 3.1.
import type { Recipe } from './recipe.ts';

export const zfnet2013: Recipe = {
  name: 'zfnet-2013',
  source: 'Zeiler & Fergus, arXiv 1311.2901, section 3.1',
  choices: [
    'The rate was annealed by hand when the validation error plateaued: here divided by 10 after 5 epochs without a ' +
      'better one, down to 1e-5.',
    "The paper names no weight decay: AlexNet's 5e-4.",
    'Small pictures: crops of the picture padded by 4 px and mirrors; the mean of each channel.',
  ],
  batch: 128,
  epochs: 70,
  learningRate: 0.01,
  schedule: { kind: 'plateau', factor: 0.1, patience: 5, least: 1e-5 },
  optimizer: {
    momentum: 0.9,
    nesterov: false,
    weightDecay: 5e-4,
    decayBiasAndNorm: true,
    clipFilterRms: 0.1,
  },
  labelSmoothing: 0,
  augmentation: {
    cropPadding: 4,
    flip: true,
    rotation: 0,
    pictures: {
      scale: { kind: 'short-side', least: 256, most: 256, square: true },
      crops: 'ten',
      resize: 256,
      interpolation: 'bilinear',
    },
    input: { mean: 'pixel', divideByDeviation: false, range: 255 },
  },
  lastBatch: 'keep',
  initial: 'zfnet',
};
