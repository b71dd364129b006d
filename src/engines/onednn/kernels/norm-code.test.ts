// What runs inside generated batch norms. That results are right, the shared table of cases shows.
import { describe, expect, it } from 'vitest';
import { findNetwork } from '../../../nets/index.ts';
import { buildNetwork } from '../../../nets/network.ts';
import { buildTrainingStep } from '../../../train/step.ts';
import { here, runs, whyNot } from '../code/testing.ts';
import { tryCreateOneDnnEngine } from '../index.ts';

/** The steps of a training step of a small residual network, by op, with how many there are. */
function stepsOf(name: string, threads: number): ReadonlyMap<string, number> {
  const { library } = here();
  const before = library.threads(0);
  library.threads(threads);
  try {
    return countSteps(name);
  } finally {
    library.threads(before);
  }
}

function countSteps(name: string): ReadonlyMap<string, number> {
  const network = buildNetwork(findNetwork(name), { form: 'cifar', batch: 2, training: true });
  buildTrainingStep(network, {
    optimizer: { momentum: 0.9, nesterov: false, weightDecay: 0, decayBiasAndNorm: false },
  });
  const { engine } = tryCreateOneDnnEngine();
  const program = engine?.compile(network.graph, { seed: 1, recompute: 'none' });
  const counts = new Map<string, number>();
  for (const { op, implementation } of program?.report().steps ?? []) {
    const own = implementation?.startsWith('generated') ? `${op}, generated` : op;
    counts.set(own, (counts.get(own) ?? 0) + 1);
  }
  program?.dispose();
  return counts;
}

describe.skipIf(!runs)(`batch norms with their neighbours${whyNot}`, () => {
  it('take in sums, ReLUs and the gradients of both where channels fill blocks', () => {
    const steps = stepsOf('resnet18', 2);
    expect(steps.get('batchNormTraining, generated')).toBe(20);
    expect(steps.get('batchNormBackward, generated')).toBe(20);
    for (const op of ['relu', 'reluBackward', 'add', 'batchNormTraining', 'batchNormBackward'])
      expect(steps.get(op), op).toBeUndefined();
  });

  it("are the library's where a thread would have nothing to do", () => {
    // 64 channels are four blocks, which three threads cannot share; 512 are 32.
    const steps = stepsOf('resnet18', 3);
    expect(steps.get('batchNormTraining')).toBeGreaterThan(0);
    expect(steps.get('batchNormTraining, generated')).toBeGreaterThan(0);
  });
});
