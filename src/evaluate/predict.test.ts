import { describe, expect, it } from 'vitest';
import { planarRaster } from '../data/raster.ts';
import type { ComputeType } from '../engines/engine.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { lenet } from '../nets/families/lenet.ts';
import { buildNetwork, formOf } from '../nets/network.ts';
import type { Member } from './member.ts';
import { predict } from './predict.ts';
import { protocolFor } from './protocol.ts';
import type { PictureSource } from './sources.ts';

const engine = createReferenceEngine();
const dtype: ComputeType = 'f32';

/** LeNet with weights that are small waves. */
function member(crops: '1' | 'dense'): Member {
  const [form, formDescription] = formOf(lenet);
  const { graph } = buildNetwork(lenet);
  const tensors = new Map(
    [...graph.states].map(([name, { shape }]) => {
      const length = shape.reduce((product, size) => product * size, 1);
      return [name, { shape, data: Float32Array.from({ length }, (_, i) => Math.sin(i) / 4) }];
    }),
  );
  const preprocessing = {
    channels: 1,
    height: 32,
    width: 32,
    pad: 0,
    normalise: { mean: [0.5], std: [0.5] },
  };
  return {
    model: {
      description: lenet,
      form,
      formDescription,
      path: 'waves',
      file: { tensors, metadata: {} },
      info: undefined,
      options: {},
      notes: [],
    },
    preprocessing,
    protocol: protocolFor({ crops }, preprocessing),
    classes: 10,
  };
}

/** Pictures of 32 rows and `width(index)` columns; counts those that are asked for and not yet answered. */
function pictures(length: number, width: (index: number) => number) {
  const seen = { asked: 0, answered: 0, most: 0 };
  const source: PictureSource = {
    length,
    name: String,
    size: async (index) => ({ height: 32, width: width(index) }),
    raster: async (index, channels) => {
      seen.asked++;
      seen.most = Math.max(seen.most, seen.asked - seen.answered);
      const size = { height: 32, width: width(index) };
      const data = Uint8Array.from({ length: 32 * size.width }, (_, i) => (i * (index + 3)) % 256);
      return planarRaster(data, channels, size);
    },
  };
  return { seen, source };
}

async function run(source: PictureSource, crops: '1' | 'dense', batch: number, onEach = () => {}) {
  const found = new Map<number, Float64Array>();
  for await (const each of predict(source, [member(crops)], { engine, dtype, batch })) {
    expect(found.has(each.index)).toBe(false);
    found.set(each.index, each.probabilities);
    onEach();
  }
  return found;
}

describe('predict', () => {
  it('has no more than two batches of pictures in memory, however many there are', async () => {
    const { seen, source } = pictures(40, () => 32);
    const found = await run(source, '1', 4, () => seen.answered++);
    expect(found.size).toBe(40);
    expect(seen).toEqual({ asked: 40, answered: 40, most: 8 });
    for (const probabilities of found.values()) {
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
    }
  });

  it('runs pictures of many sizes densely, each once, as each alone', async () => {
    const width = (index: number): number => [32, 40, 33, 64, 41][index % 5] as number;
    const { source } = pictures(10, width);
    const together = await run(source, 'dense', 16);
    expect([...together.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const alone = await run(source, 'dense', 1);
    for (const [index, probabilities] of together) {
      for (const [c, p] of probabilities.entries()) {
        expect(p).toBeCloseTo(alone.get(index)?.[c] as number, 6);
      }
    }
  });

  it('hands on what a picture fails with, and stops on a signal', async () => {
    const { source } = pictures(6, () => 32);
    const broken: PictureSource = {
      ...source,
      raster: (index, ...rest) =>
        index === 4 ? Promise.reject(new Error('picture 4')) : source.raster(index, ...rest),
    };
    await expect(run(broken, '1', 2)).rejects.toThrow('picture 4');
    const stopped = predict(source, [member('1')], { engine, dtype, batch: 2, signal: AbortSignal.abort() });
    await expect(stopped.next()).rejects.toThrow(/abort/i);
  });
});
