// torchvision's references/classification/train.py with its defaults, as its ImageNet weights of version 1 were made.
import { type Recipe, usualPictures } from './recipe.ts';

export const torchvision: Recipe = {
  name: 'torchvision',
  source: 'github.com/pytorch/vision: references/classification',
  choices: [
    'Its batch of 32 on each of 8 GPUs is one of 256.',
    'AlexNet and the VGGs were trained with a rate of .01 there: add --lr 0.01.',
    'Small pictures: crops of the picture padded by 4 px and mirrors.',
  ],
  batch: 256,
  epochs: 90,
  learningRate: 0.1,
  schedule: { kind: 'step', every: 30, factor: 0.1 },
  optimizer: { momentum: 0.9, nesterov: false, weightDecay: 1e-4, decayBiasAndNorm: true },
  labelSmoothing: 0,
  augmentation: { cropPadding: 4, flip: true, rotation: 0, pictures: usualPictures },
  lastBatch: 'keep',
};
