// LeNet on the MNIST family in about ten epochs. The paper's own training (stochastic diagonal
// Levenberg-Marquardt, 20 passes) is replaced by one cycle of SGD with Nesterov momentum.
import type { Recipe } from './recipe.ts';

export const lenetRecipe: Recipe = {
  name: 'lenet',
  source: 'Smith & Topin 2017 (one cycle), numbers chosen on Fashion-MNIST',
  batch: 128,
  epochs: 10,
  learningRate: 0.2,
  schedule: { kind: 'one-cycle', rise: 0.3, startDivisor: 25, endDivisor: 1e4 },
  optimizer: { momentum: 0.9, nesterov: true, weightDecay: 5e-4, decayBiasAndNorm: false },
  labelSmoothing: 0,
  augmentation: { cropPadding: 0, flip: true, rotation: 0 },
  lastBatch: 'drop',
};
