// One network of each family, as it starts, under a square: default layers and classes come from the graph alone.
import { describe, expect, it } from 'vitest';
import { randomStream } from '../data/random.ts';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork } from '../nets/network.ts';
import { lastSpatialLayer } from './grad-cam.ts';
import { type Occlusion, occlude } from './occlusion.ts';

const native = tryCreateOneDnnEngine({ threads: 1 }).engine;
const random = randomStream(5);
const image = Float32Array.from({ length: 3 * 32 * 32 }, () => 2 * random() - 1);
const normalise = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const preprocessing = { channels: 3, height: 32, width: 32, pad: 0, normalise };

function run(name: string, engine = native): Promise<Occlusion> {
  if (engine === undefined) throw new Error('There is no engine.');
  const build = (batch: number) => buildNetwork(findNetwork(name), { form: 'cifar', batch });
  const layer = lastSpatialLayer(build(1));
  const tensors = new Map<string, Float32Array>();
  return occlude({ build, tensors, engine, preprocessing, image, size: 16, stride: 16, layer });
}

describe.skipIf(native === undefined)('occlusion over the zoo', () => {
  it.each(['lenet', 'alexnet', 'zfnet', 'vgg11_bn', 'googlenet', 'resnet18', 'resnext50', 'seresnet18'])(
    '%s',
    async (name) => {
      const { probability, activity, whole, class: chosen } = await run(name);
      expect(probability).toHaveLength(4);
      for (const value of probability) expect(value).toBeGreaterThan(0);
      expect(whole.probabilities[chosen]).toBe(Math.max(...whole.probabilities));
      expect(new Set([...activity, whole.activity]).size).toBe(5);
    },
  );

  it('gives the same maps on both engines', async () => {
    const [ours, reference] = [await run('resnet20'), await run('resnet20', createReferenceEngine())];
    expect(ours.unit).toBe(reference.unit);
    for (const [place, value] of reference.activity.entries()) {
      expect(Math.abs((ours.activity[place] as number) - value)).toBeLessThan(1e-4 * Math.abs(value));
      expect(ours.probability[place]).toBeCloseTo(reference.probability[place] as number, 6);
    }
  });
});
