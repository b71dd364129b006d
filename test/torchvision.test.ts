// A torchvision network of every family on oneDNN, and those that it computes in seconds on the reference engine.
// Their larger relatives, and the reference engine's gradients, are in torchvision.slow.test.ts.
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

it('there is a fixture for each network that torchvision and Laurel share', () => {
  const vggs = [11, 13, 16, 19].flatMap((depth) => [`vgg${depth}`, `vgg${depth}_bn`]);
  const resnets = [18, 34, 50, 101, 152].map((depth) => `resnet${depth}`);
  const others = ['alexnet_owt', 'googlenet_bn', 'resnext50_32x4d', 'resnext101_32x8d'];
  expect([...caseNames].sort()).toEqual([...vggs, ...resnets, ...others].sort());
});
