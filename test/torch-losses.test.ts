// Ten training steps against PyTorch's, from the same weights and the same batch (tools/torch/fixtures.py made
// the file): the loss falls steeply, so every gradient and the optimiser must be right to follow it.
import { describe, expect, it } from 'vitest';
import type { Engine } from '../src/engines/engine.ts';
import { tryCreateOneDnnEngine } from '../src/engines/onednn/index.ts';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { streamOf, uniforms } from '../src/graph/random.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork, type Form } from '../src/nets/network.ts';
import { buildTrainingStep } from '../src/train/step.ts';
import fixture from './fixtures/torch-losses.json' with { type: 'json' };

const tolerance = 1e-3;
const { engine: oneDnn, reason } = tryCreateOneDnnEngine();

function worstError(engine: Engine, run: (typeof fixture.runs)[number]): number {
  const { batch, classes, seed, lr, labelSmoothing, momentum, nesterov, weightDecay } = run;
  const network = buildNetwork(findNetwork(run.network), { form: run.form as Form, batch, training: true });
  const optimizer = { momentum, nesterov, weightDecay, decayBiasAndNorm: true };
  const program = engine.compile(buildTrainingStep(network, { optimizer, labelSmoothing }).graph, { seed });
  const count = network.images.shape.reduce((product, size) => product * size, 1);
  const feeds = {
    images: Float32Array.from(uniforms(seed, streamOf('images 0'), count), (u) => 2 * u - 1),
    labels: Int32Array.from(uniforms(seed, streamOf('labels 0'), batch), (u) => Math.floor(u * classes)),
    learningRate: Float32Array.of(lr),
  };
  const errors = run.losses.map((expected) => {
    const loss = program.run(feeds).loss?.[0] ?? Number.NaN;
    return Math.abs(loss - expected) / expected;
  });
  program.dispose();
  return Math.max(...errors);
}

describe('the loss of ten steps follows PyTorch', () => {
  for (const run of fixture.runs) {
    const name = `${run.network} (${run.form})`;
    it.skipIf(oneDnn === undefined)(`${name} on oneDNN${oneDnn ? '' : `: skipped, ${reason}`}`, () => {
      expect(worstError(oneDnn as Engine, run)).toBeLessThan(tolerance);
    });
  }
  for (const run of fixture.runs.filter(({ network }) => network === 'lenet')) {
    it(`${run.network} (${run.form}) on the reference engine`, () => {
      expect(worstError(createReferenceEngine(), run)).toBeLessThan(tolerance);
    });
  }
});
