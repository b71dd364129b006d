// One torchvision network of every family on oneDNN, and those that it computes in seconds on the reference engine.
// Gradients are compared where float32 can decide: in the bottleneck networks some ReLUs stand so close to 0 that
// rounding flips them, and a flipped one moves gradients by more than the tolerance.
import { describe, it } from 'vitest';
import type { Engine } from '../src/engines/engine.ts';
import { tryCreateOneDnnEngine } from '../src/engines/onednn/index.ts';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { caseOf, checkLogits, checkStep, quick } from './torchvision-check.ts';

const { engine: oneDnn, reason } = tryCreateOneDnnEngine();

describe.skipIf(oneDnn === undefined)(`on oneDNN${oneDnn ? '' : `: skipped, ${reason}`}`, () => {
  it.each(quick.onednn)('%s has the logits of torchvision', (name) => {
    checkLogits(oneDnn as Engine, caseOf(name));
  });

  it.each(quick.gradients)('%s has the gradients of torchvision', (name) => {
    checkStep(oneDnn as Engine, caseOf(name));
  });
});

describe('on the reference engine', () => {
  it.each(quick.reference)('%s has the logits of torchvision', (name) => {
    checkLogits(createReferenceEngine(), caseOf(name));
  });
});
