// For weights that were trained on other pictures: a rate twenty times smaller than `fast`'s, so that what they know is
// bent and not broken, falling along a cosine, and no distortion of colours. Optimiser and schedule as in Kornblith,
// Shlens, Le, "Do Better ImageNet Models Transfer Better?", CVPR 2019; rate, batch and length, which they search for
// each data set anew, are chosen for a few hundred to a few thousand pictures.
import type { Recipe } from './recipe.ts';

export const fineTune: Recipe = {
  name: 'fine-tune',
  source: 'Kornblith et al. 2019 (Nesterov momentum, cosine); rate, batch and length are our own',
  batch: 32,
  epochs: 10,
  learningRate: 0.01,
  schedule: { kind: 'cosine', warmupEpochs: 0 },
  optimizer: { momentum: 0.9, nesterov: true, weightDecay: 1e-4, decayBiasAndNorm: false },
  labelSmoothing: 0,
  augmentation: {
    cropPadding: 4,
    flip: true,
    rotation: 0,
    pictures: {
      scale: { kind: 'area', least: 0.35, most: 1, aspect: 4 / 3 },
      resize: 256,
      interpolation: 'bilinear',
    },
  },
  lastBatch: 'keep',
};
