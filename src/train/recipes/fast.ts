// A good result in few epochs: one cycle of the learning rate with a high peak ("super-convergence", Smith & Topin
// 2017), label smoothing (Szegedy et al. 2016), no weight decay on batch norm and biases (He et al. 2019, "Bag of
// Tricks", section 3.1). Rotation is left out: it slows a short training more than it helps it.
import type { Recipe } from './recipe.ts';

export const fast: Recipe = {
  name: 'fast',
  source: 'Smith & Topin 2017 (one cycle); He et al. 2019, section 3.1 (weight decay)',
  batch: 128,
  epochs: 15,
  learningRate: 0.2,
  schedule: { kind: 'one-cycle', rise: 0.3, startDivisor: 25, endDivisor: 1e4 },
  optimizer: { momentum: 0.9, nesterov: true, weightDecay: 5e-4, decayBiasAndNorm: false },
  labelSmoothing: 0.1,
  augmentation: {
    cropPadding: 4,
    flip: true,
    rotation: 0,
    // A short training has no time for crops of a twelfth of the picture.
    pictures: {
      scale: { kind: 'area', least: 0.25, most: 1, aspect: 4 / 3 },
      resize: 256,
      interpolation: 'bilinear',
    },
  },
  lastBatch: 'drop',
};
