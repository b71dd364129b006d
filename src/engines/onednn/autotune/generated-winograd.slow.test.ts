// How much noise Winograd's algorithm adds to what bf16 has anyway: the gradient of a whole network, as f32 computes
// it, beside those of direct convolutions and of Winograd's in bf16.
import { describe, expect, it } from 'vitest';
import { uniforms } from '../../../graph/random.ts';
import { elementCount } from '../../../graph/tensor.ts';
import { findNetwork } from '../../../nets/index.ts';
import { buildNetwork } from '../../../nets/network.ts';
import { buildTrainingStep } from '../../../train/step.ts';
import type { CompileOptions, Engine } from '../../engine.ts';
import { tryCreateOneDnnEngine } from '../index.ts';
import { ownWinogradNames } from './generated-winograd.ts';

const { engine: found } = tryCreateOneDnnEngine();
const engine = found as Engine;
const isMultiplied = found?.describe().isa === 'AVX-512 with BF16';
const batch = 64;
const classes = 100;

/** After one step from zero: the gradient itself, of every filter and weight. */
function momentum(options: CompileOptions): Map<string, Float32Array> {
  const network = buildNetwork(findNetwork('resnet18'), { form: 'cifar', batch, classes, training: true });
  const optimizer = { momentum: 0.9, nesterov: false, weightDecay: 0, decayBiasAndNorm: false };
  buildTrainingStep(network, { optimizer });
  const { graph, images } = network;
  const program = engine.compile(graph, { seed: 1, ...options });
  program.run({
    images: uniforms(1, 1, elementCount(images.shape)).map((u) => 2 * u - 1),
    labels: Int32Array.from(uniforms(1, 2, batch), (u) => Math.floor(u * classes)),
    learningRate: Float32Array.of(0.1),
  });
  const names = [...graph.states.keys()].filter((name) => name.endsWith('.weight.momentum'));
  const read = new Map(names.map((name) => [name, program.read(name)]));
  program.dispose();
  return read;
}

/** The norm of the difference by the norm of the second. */
function distance(a: Map<string, Float32Array>, b: Map<string, Float32Array>): number {
  let [apart, squares] = [0, 0];
  for (const [name, numbers] of b) {
    const others = a.get(name) as Float32Array;
    numbers.forEach((value, i) => {
      apart += (value - (others[i] as number)) ** 2;
      squares += value ** 2;
    });
  }
  return Math.sqrt(apart / squares);
}

describe.skipIf(!isMultiplied)('Winograd in bf16 (skipped where vectors do not multiply bf16)', () => {
  it('is hardly further from f32 than direct convolution', () => {
    const exact = momentum({ dtype: 'f32' });
    const direct = distance(momentum({ dtype: 'bf16' }), exact);
    const winograd = distance(momentum({ dtype: 'bf16', implementation: ownWinogradNames.bf16 }), exact);
    console.log({ direct, winograd });
    expect(direct).toBeGreaterThan(0);
    expect(winograd).not.toBe(direct);
    expect(winograd).toBeLessThan(1.2 * direct);
  });
});
