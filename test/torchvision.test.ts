// The torchvision networks of every family on oneDNN, and those that it computes in seconds on the reference engine.
// The others, which are larger relatives of these, are in torchvision.slow.test.ts.
import { describe, expect, it } from 'vitest';
import type { Engine } from '../src/engines/engine.ts';
import { tryCreateOneDnnEngine } from '../src/engines/onednn/index.ts';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { caseNames, caseOf, checkLogits, checkStep, quick } from './torchvision-check.ts';

const { engine: oneDnn, reason } = tryCreateOneDnnEngine();

describe.skipIf(oneDnn === undefined)(`on oneDNN${oneDnn ? '' : `: skipped, ${reason}`}`, () => {
  it.each(quick.onednn)('%s has the logits of torchvision', (name) => {
    checkLogits(oneDnn as Engine, caseOf(name));
  });

  it.each(quick.onednn)('%s has the gradients of torchvision', (name) => {
    checkStep(oneDnn as Engine, caseOf(name));
  });
});

describe('on the reference engine', () => {
  it.each(quick.reference)('%s has the logits of torchvision', (name) => {
    checkLogits(createReferenceEngine(), caseOf(name));
  });
});

it('there is a fixture for each network of torchvision that Laurel has', () => {
  expect([...caseNames].sort()).toEqual([
    'alexnet_owt',
    'googlenet_bn',
    'resnet101',
    'resnet152',
    'resnet18',
    'resnet34',
    'resnet50',
    'resnext101_32x8d',
    'resnext50_32x4d',
    'vgg11',
    'vgg11_bn',
    'vgg13',
    'vgg13_bn',
    'vgg16',
    'vgg16_bn',
    'vgg19',
    'vgg19_bn',
  ]);
});
