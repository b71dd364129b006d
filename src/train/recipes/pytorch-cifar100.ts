// The recipe of github weiaicunzai/pytorch-cifar100 (train.py, conf/global_settings.py), which the article's
// published CIFAR-100 results were made with. Weight decay acts on everything; the small last batch is kept.
import type { Recipe } from './recipe.ts';

export const pytorchCifar100: Recipe = {
  name: 'pytorch-cifar100',
  source: 'github.com/weiaicunzai/pytorch-cifar100: train.py, conf/global_settings.py',
  batch: 128,
  epochs: 200,
  learningRate: 0.1,
  schedule: { kind: 'multi-step', milestones: [60, 120, 160], factor: 0.2, warmupEpochs: 1 },
  optimizer: { momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true },
  labelSmoothing: 0,
  augmentation: { cropPadding: 4, flip: true, rotation: 15 },
  lastBatch: 'keep',
};
