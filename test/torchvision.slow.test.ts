// The torchvision networks that torchvision.test.ts leaves out for time, on oneDNN, and all of them on the reference
// engine (npm run test:slow).
import { describe, it } from 'vitest';
import type { Engine } from '../src/engines/engine.ts';
import { tryCreateOneDnnEngine } from '../src/engines/onednn/index.ts';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { caseNames, caseOf, checkLogits, checkStep, quick } from './torchvision-check.ts';

const { engine: oneDnn, reason } = tryCreateOneDnnEngine();
const without = (names: readonly string[]): string[] => caseNames.filter((name) => !names.includes(name));

describe.skipIf(oneDnn === undefined)(`on oneDNN${oneDnn ? '' : `: skipped, ${reason}`}`, () => {
  it.each(without(quick.onednn))('%s has the logits and the gradients of torchvision', (name) => {
    checkLogits(oneDnn as Engine, caseOf(name));
    checkStep(oneDnn as Engine, caseOf(name));
  });
});

describe('on the reference engine', () => {
  it.each(without(quick.reference))('%s has the logits of torchvision', (name) => {
    checkLogits(createReferenceEngine(), caseOf(name));
  });

  it.each(caseNames)('%s has the gradients of torchvision', (name) => {
    checkStep(createReferenceEngine(), caseOf(name));
  });
});
