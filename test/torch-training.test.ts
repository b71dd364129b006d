// Ten steps of a small network with each part that a training step may have, against PyTorch in double precision
// (tools/torch/training_fixtures.py made the file): losses, norms, and every weight that is left in the end.
import { describe, expect, it } from 'vitest';
import type { ComputeType, Engine } from '../src/engines/engine.ts';
import { tryCreateOneDnnEngine } from '../src/engines/onednn/index.ts';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { flatten, tanh } from '../src/graph/ops/index.ts';
import { streamOf, uniforms } from '../src/graph/random.ts';
import type { NetworkDescription } from '../src/nets/network.ts';
import { compilePrograms, trainedName } from '../src/train/programs.ts';
import fixture from './fixtures/torch-training.json' with { type: 'json' };

interface Run {
  readonly name: string;
  readonly seed: number;
  readonly batch: number;
  readonly lr: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly labelSmoothing: number;
  readonly batchNorm?: boolean;
  readonly clipNorm?: number;
  readonly share?: number;
  readonly averageShare?: number;
  readonly accumulate?: number;
  readonly rates?: Readonly<Record<string, number>>;
  readonly losses: readonly number[];
  readonly gradientNorms: readonly number[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly trained: Readonly<Record<string, readonly number[]>>;
}

const classes = 7;

function small(batchNorm: boolean): NetworkDescription {
  const form: NetworkDescription['forms']['imagenet'] = {
    channels: 3,
    height: 8,
    width: 8,
    classes,
    build(x, net) {
      for (const [layer, maps] of [6, 8].entries()) {
        x = net.conv(x, `conv${layer + 1}`, maps, 3, { padding: 1 });
        if (batchNorm) x = net.batchNorm(x, `bn${layer + 1}`);
        x = tanh(x);
      }
      return net.linear(flatten(net.averagePool(x, 'pool', 2)), 'fc', classes);
    },
  };
  return { name: 'small', year: 0, paper: '', forms: { imagenet: form } };
}

const relative = (found: number, expected: number): number => Math.abs(found - expected) / Math.abs(expected);

/** The largest difference of a tensor over its largest number. */
function distance(found: ArrayLike<number>, expected: readonly number[]): number {
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs((found[i] as number) - value))) / (largest || 1);
}

function worstErrors(engine: Engine, dtype: ComputeType, run: Run) {
  const { seed, batch, momentum, nesterov, weightDecay, labelSmoothing, clipNorm, accumulate = 1 } = run;
  const optimizer = {
    momentum,
    nesterov,
    weightDecay,
    decayBiasAndNorm: true,
    ...(clipNorm && { clipNorm }),
  };
  const programs = compilePrograms({
    engine,
    dtype,
    seed,
    description: small(run.batchNorm ?? false),
    build: { batch },
    step: {
      optimizer,
      labelSmoothing,
      mix: run.share !== undefined,
      accumulate,
      average: run.averageShare !== undefined,
      groups: Object.entries(run.rates ?? {}).map(([layer, rate]) => ({
        names: (name: string) => name.startsWith(`${layer}.`),
        rate,
      })),
    },
  });
  const norms: number[] = [];
  const lossErrors = run.losses.map((expected, step) => {
    const stream = (what: string, count: number) => uniforms(seed, streamOf(`${what} ${step % 3}`), count);
    const images = Float32Array.from(stream('images', batch * 3 * 64), (u) => 2 * u - 1);
    const labels = Int32Array.from(stream('labels', batch), (u) => Math.floor(u * classes));
    const { loss, gradientNorm } = programs.step(images, labels, run.lr, 0, {
      otherLabels: labels.toReversed(),
      share: run.share,
      microStep: step % accumulate,
      averageShare: run.averageShare,
    });
    if (gradientNorm !== undefined) norms.push(gradientNorm);
    return relative(loss, expected);
  });
  const weights = programs.tensors('weights');
  const trained = run.averageShare === undefined ? weights : programs.tensors('optimizer');
  const errors = {
    losses: Math.max(...lossErrors),
    norms: Math.max(0, ...run.gradientNorms.map((expected, i) => relative(norms[i] as number, expected))),
    weights: Object.fromEntries(
      Object.entries(run.weights).map(([name, values]) => [
        name,
        distance(weights.get(name)?.data ?? [], values),
      ]),
    ),
    trained: Math.max(
      ...Object.entries(run.trained).map(([name, values]) => {
        const own = run.averageShare === undefined ? name : trainedName(name);
        return distance(trained.get(own)?.data ?? [], values);
      }),
    ),
  };
  expect(norms).toHaveLength(run.gradientNorms.length);
  programs.dispose();
  return errors;
}

const { engine: oneDnn, reason } = tryCreateOneDnnEngine();

describe.each(fixture.runs as unknown as readonly Run[])('$name', (run) => {
  const follows = (engine: Engine, dtype: ComputeType, tolerance: number): void => {
    const { losses, norms, weights, trained } = worstErrors(engine, dtype, run);
    for (const [what, error] of Object.entries({ losses, norms, trained, ...weights })) {
      expect(error, what).toBeLessThan(tolerance);
    }
  };

  it('follows PyTorch on the reference engine', () => {
    follows(createReferenceEngine(), 'f64', 1e-6);
  });

  it.skipIf(oneDnn === undefined)(`follows PyTorch on oneDNN${oneDnn ? '' : `: skipped, ${reason}`}`, () => {
    follows(oneDnn as Engine, 'f32', 1e-5);
  });
});
