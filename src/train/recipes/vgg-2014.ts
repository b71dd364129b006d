// Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv 1409.1556,
// section 3.1. Deeper nets started from net A's layers; Glorot's start, which the authors found to do as well, is the
// default here, and `--start-from vgg11=RUN` the other way.
import type { Recipe } from './recipe.ts';

export const vgg2014: Recipe = {
  name: 'vgg-2014',
  source: 'Simonyan & Zisserman, arXiv 1409.1556, section 3.1',
  choices: [
    'The rate fell by hand when the validation accuracy stopped improving, three times in 74 epochs: here after 5 ' +
      'epochs without a better one, down to 1e-5.',
    'Scale jitter [256;512]; --scale 256 or --scale 384 are the fixed scales of the paper.',
    'Validation looks at the centre of a picture with a short side of 256 px; the paper tests densely ' +
      '(laurel eval --crops dense --scales 256,384,512).',
    'Small pictures: crops of the picture padded by 4 px and mirrors, without the change of colours.',
  ],
  batch: 256,
  epochs: 74,
  learningRate: 0.01,
  schedule: { kind: 'plateau', factor: 0.1, patience: 5, least: 1e-5 },
  optimizer: { momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true },
  labelSmoothing: 0,
  augmentation: {
    cropPadding: 4,
    flip: true,
    rotation: 0,
    pictures: {
      scale: { kind: 'short-side', least: 256, most: 512 },
      colour: { kind: 'pca', deviation: 0.1 },
      resize: 256,
      interpolation: 'bilinear',
    },
    input: { mean: 'channel', divideByDeviation: false, range: 255 },
  },
  lastBatch: 'keep',
  initial: 'glorot',
};
