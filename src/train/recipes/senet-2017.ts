// Hu, Shen, Albanie, Sun, Wu, "Squeeze-and-Excitation Networks", arXiv 1709.01507, section 5: 1024 pictures a step
// (here mostly as `--batch 64 --accumulate 16`), crops by area and aspect, mirrors, the mean of each channel.
import type { Recipe } from './recipe.ts';

export const senet2017: Recipe = {
  name: 'senet-2017',
  source: 'Hu et al., arXiv 1709.01507, section 5',
  choices: [
    'Pixels count from 0 to 1: behind batch norm their unit does not matter.',
    "The paper names no weight decay: ResNet's 1e-4.",
    'Classes are not balanced by their number of pictures.',
    'Small pictures: crops of the picture padded by 4 px and mirrors.',
  ],
  batch: 1024,
  epochs: 100,
  learningRate: 0.6,
  schedule: { kind: 'step', every: 30, factor: 0.1 },
  optimizer: { momentum: 0.9, nesterov: false, weightDecay: 1e-4, decayBiasAndNorm: true },
  labelSmoothing: 0,
  augmentation: {
    cropPadding: 4,
    flip: true,
    rotation: 0,
    pictures: {
      scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 },
      resize: 256,
      interpolation: 'bilinear',
    },
    input: { mean: 'channel', divideByDeviation: false, range: 1 },
  },
  lastBatch: 'keep',
  initial: 'he',
};
