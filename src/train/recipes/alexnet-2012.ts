// Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NeurIPS 2012:
// sections 2 (256x256, the mean of each pixel subtracted), 4.1 (224 crops, mirrors, PCA colour) and 5 (the rest).
import type { Recipe } from './recipe.ts';

export const alexnet2012: Recipe = {
  name: 'alexnet-2012',
  source: 'Krizhevsky et al., NeurIPS 2012, sections 2, 4 and 5',
  choices: [
    'The rate fell by hand when the validation error stopped improving, three times in about 90 epochs: here after ' +
      '5 epochs without a better one, down to 1e-5.',
    'The eigenvalues of the colour covariance are those of pixels in 0..1.',
    'Small pictures: crops of the picture padded by 4 px and mirrors, without the change of colours; the mean of ' +
      'each channel.',
  ],
  batch: 128,
  epochs: 90,
  learningRate: 0.01,
  schedule: { kind: 'plateau', factor: 0.1, patience: 5, least: 1e-5 },
  optimizer: { momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true },
  labelSmoothing: 0,
  augmentation: {
    cropPadding: 4,
    flip: true,
    rotation: 0,
    pictures: {
      scale: { kind: 'short-side', least: 256, most: 256, square: true },
      colour: { kind: 'pca', deviation: 0.1 },
      resize: 256,
      interpolation: 'bilinear',
    },
    input: { mean: 'pixel', divideByDeviation: false, range: 255 },
  },
  lastBatch: 'keep',
  initial: 'alexnet-2012',
};
