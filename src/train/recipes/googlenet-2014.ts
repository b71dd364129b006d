// Szegedy et al., "Going Deeper with Convolutions", arXiv 1409.4842, sections 5 (side losses times .3, which the
// network has) and 6 (the rate 4 % lower every 8 epochs, Polyak averaging, patches of 8 to 100 % of the area with an
// aspect of 3/4 to 4/3, photometric distortions of Howard 2013).
import type { Recipe } from './recipe.ts';

export const googlenet2014: Recipe = {
  name: 'googlenet-2014',
  source: 'Szegedy et al., arXiv 1409.4842, sections 5 and 6',
  choices: [
    "The paper names neither batch, rate, weight decay nor number of epochs: 32, .01, 2e-4 and 250 of BVLC's GoogLeNet " +
      '(Caffe, models/bvlc_googlenet), which also starts by Glorot.',
    'Plain averaging over the last 50 epochs; the paper says only that it was done.',
    'Brightness, contrast and saturation by up to 40 %; the paper names no amounts.',
    'The paper drew the interpolation at random too; here it is bilinear. SGD ran asynchronously there.',
    'Small pictures: crops of the picture padded by 4 px and mirrors, without the change of colours.',
  ],
  batch: 32,
  epochs: 250,
  learningRate: 0.01,
  schedule: { kind: 'step', every: 8, factor: 0.96 },
  optimizer: { momentum: 0.9, nesterov: false, weightDecay: 2e-4, decayBiasAndNorm: true },
  labelSmoothing: 0,
  augmentation: {
    cropPadding: 4,
    flip: true,
    rotation: 0,
    pictures: {
      scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 },
      colour: { kind: 'photometric', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0 },
      resize: 256,
      interpolation: 'bilinear',
    },
    input: { mean: 'channel', divideByDeviation: false, range: 255 },
  },
  lastBatch: 'keep',
  average: { kind: 'polyak', fromEpoch: 200 },
  initial: 'glorot',
};
