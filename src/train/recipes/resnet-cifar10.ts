// He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv 1512.03385, section 4.2: 64k steps of
// 128 pictures on 45000 of CIFAR-10's training pictures (`--validation 0.1`, the default, holds out the other 5000).
import type { Recipe } from './recipe.ts';

export const resnetCifar10: Recipe = {
  name: 'resnet-cifar10',
  source: 'He et al., arXiv 1512.03385, section 4.2',
  choices: [
    'Pixels count from 0 to 1: behind batch norm their unit does not matter.',
    'ResNet-110 warmed up at .01 until its training error was below 80 % (about 400 steps): add --warmup 1.',
    'The mean of each channel is subtracted where the paper subtracts that of each pixel.',
  ],
  batch: 128,
  epochs: 182,
  steps: 64_000,
  learningRate: 0.1,
  schedule: { kind: 'multi-step', milestones: [32_000, 48_000], unit: 'steps', factor: 0.1 },
  optimizer: { momentum: 0.9, nesterov: false, weightDecay: 1e-4, decayBiasAndNorm: true },
  labelSmoothing: 0,
  augmentation: {
    cropPadding: 4,
    flip: true,
    rotation: 0,
    input: { mean: 'channel', divideByDeviation: false, range: 1 },
  },
  lastBatch: 'keep',
  initial: 'he',
};
