// Xie, Girshick, Dollar, Tu, He, "Aggregated Residual Transformations for Deep Neural Networks", arXiv 1611.05431,
// section 4: as ResNet, with crops by area and aspect, and the rate divided by 10 three times as in fb.resnet.torch.
import type { Recipe } from './recipe.ts';

export const resnext2016: Recipe = {
  name: 'resnext-2016',
  source: 'Xie et al., arXiv 1611.05431, section 4',
  choices: [
    'The rate falls three times, every 30 epochs as in fb.resnet.torch; the paper does not say when training ends: ' +
      'after 120 epochs.',
    'Channels are divided by their standard deviation, as fb.resnet.torch does.',
    'Small pictures: crops of the picture padded by 4 px and mirrors.',
  ],
  batch: 256,
  epochs: 120,
  learningRate: 0.1,
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
  },
  lastBatch: 'keep',
  initial: 'he',
};
