import { describe, expect, it } from 'vitest';
import { randomStream } from '../../data/random.ts';
import type { Engine } from '../../engines/engine.ts';
import { tryCreateOneDnnEngine } from '../../engines/onednn/index.ts';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { findNetwork } from '../../nets/index.ts';
import { buildNetwork } from '../../nets/network.ts';
import type { Tensor } from '../../weights/tensor-file.ts';
import { compilePrograms, type TrainingPrograms } from '../programs.ts';
import { type FirstLookOptions, firstLook, picturesToLookAt } from './first-look.ts';

const reference = createReferenceEngine();
const oneDnn = tryCreateOneDnnEngine().engine;
const build = { form: 'article', classes: 4, channels: 1, height: 28, width: 28 } as const;
const description = findNetwork('lenet');
const batch = 8;

function pictures(scale = 1): { images: Float32Array; labels: Int32Array } {
  const random = randomStream(3, 1);
  const images = Float32Array.from(
    { length: batch * 28 * 28 },
    () => scale * (random() - 0.5) * Math.sqrt(12),
  );
  return { images, labels: Int32Array.from({ length: batch }, (_, i) => i % 4) };
}

/** A step of plain descent: weights move by the rate times the gradient. */
function programs(engine: Engine = reference): TrainingPrograms {
  const optimizer = { momentum: 0, nesterov: false, weightDecay: 0, decayBiasAndNorm: false };
  return compilePrograms({
    engine,
    dtype: 'f32',
    seed: 5,
    description,
    build: { ...build, batch },
    step: { optimizer },
  });
}

function look(changes: Partial<FirstLookOptions> = {}) {
  const training = programs();
  try {
    return firstLook({
      engine: reference,
      dtype: 'f32',
      description,
      build,
      labelSmoothing: 0,
      weights: training.tensors('weights'),
      ...pictures(),
      ...changes,
    });
  } finally {
    training.dispose();
  }
}

function distance(a: Tensor, b: Tensor): number {
  return Math.hypot(...a.data.map((value, i) => value - (b.data[i] as number)));
}

describe('firstLook', () => {
  it.each([
    ['reference', reference],
    ['onednn', oneDnn],
  ] as const)('measures the loss and the gradients that a training step has (%s)', (_, engine) => {
    if (engine === undefined) return;
    const training = programs(engine);
    const before = training.tensors('weights');
    const { images, labels } = pictures();
    const found = look({ engine, weights: before });
    const { loss } = training.step(images, labels, 1, 1);
    const after = training.tensors('weights');
    expect(found.loss).toBeCloseTo(loss, 5);
    expect(found.pictures).toBe(batch);
    const names = [...before].flatMap(([name, { shape }]) => (shape.length > 1 ? [name] : []));
    expect(found.slopes.map(({ path }) => `${path}.weight`)).toEqual(names);
    for (const { path, gradient, weight } of found.slopes) {
      const was = before.get(`${path}.weight`) as Tensor;
      const moved = distance(was, after.get(`${path}.weight`) as Tensor);
      expect(gradient / moved).toBeCloseTo(1, 3);
      expect(weight).toBeCloseTo(Math.hypot(...was.data), 4);
    }
    training.dispose();
  });

  it('counts the units that a bias silences, and only those', () => {
    const training = programs();
    const weights = training.tensors('weights');
    const { path, units, dead } = look({ weights }).rectified[0] as {
      path: string;
      units: number;
      dead: number;
    };
    expect(dead).toBe(0);
    const bias = [...weights].find(([, { shape }]) => shape.length === 1 && shape[0] === units) as [
      string,
      Tensor,
    ];
    for (let unit = 1; unit < units; unit++) bias[1].data[unit] = -1000;
    expect(look({ weights }).rectified[0]).toEqual({ path, units, dead: units - 1, maps: true });
    training.dispose();
  });

  it('measures what the network is shown', () => {
    const [channel] = look({ images: pictures(50).images.map((value) => value + 100) }).channels;
    expect(channel?.mean).toBeGreaterThan(95);
    expect(channel?.deviation).toBeGreaterThan(45);
    expect(look().channels[0]?.deviation).toBeCloseTo(1, 1);
  });

  it('leaves the backward pass out when it is not asked for', () => {
    const found = look({ backward: false });
    expect(found.slopes).toEqual([]);
    expect(found.rectified.length).toBeGreaterThan(0);
  });

  it('looks at few pictures where they are large', () => {
    expect(picturesToLookAt(32, 32, 128)).toBe(32);
    expect(picturesToLookAt(224, 224, 256)).toBe(8);
    expect(picturesToLookAt(224, 224, 3)).toBe(3);
  });

  it('takes networks with side heads, batch norm and dropout', () => {
    const description = findNetwork('googlenet');
    const size = { form: 'cifar', classes: 3, channels: 3, height: 32, width: 32 } as const;
    const network = buildNetwork(description, { ...size, batch: 1, training: true });
    const random = randomStream(1, 9);
    const weights = new Map(
      [...network.graph.states].map(([name, { shape }]) => {
        const length = shape.reduce((a, b) => a * b, 1);
        return [name, { shape, data: Float32Array.from({ length }, () => 0.1 * (random() - 0.5)) }];
      }),
    );
    const engine = oneDnn ?? reference;
    const found = firstLook({
      engine,
      dtype: 'f32',
      description,
      build: size,
      labelSmoothing: 0.1,
      weights,
      images: new Float32Array(2 * 3 * 32 * 32).fill(0.5),
      labels: Int32Array.of(0, 2),
    });
    expect(found.slopes.every(({ gradient }) => Number.isFinite(gradient))).toBe(true);
    expect(found.slopes.length).toBeGreaterThan(50);
  });
});
