import { describe, expect, it } from 'vitest';
import type { Engine } from '../engines/engine.ts';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { writeWeights } from '../evaluate/model.ts';
import { markOutput } from '../graph/graph.ts';
import { softmaxOf } from './grad-cam.ts';
import { findLayer } from './layer.ts';
import { defaultSquare, importance, occlude, occlusionGrid, squareAt } from './occlusion.ts';
import { type Fill, fills } from './occlusion-fill.ts';
import { inputsOf } from './scan-input.ts';
import { noisePictures, tinyNetwork, tinySubject } from './top-testing.ts';

const native = tryCreateOneDnnEngine({ threads: 1 }).engine;
const subject = tinySubject();
const { source, dataset } = noisePictures(2);
const image = await inputsOf(source, subject.preprocessing, [0]);
const [height, width] = [10, 12];
const { mean, std } = subject.preprocessing.normalise;

/** The covered picture from its definition: bytes first, then the normalisation. */
function coveredByHand(top: number, left: number, size: number, byte: number | 'mean'): Float32Array {
  return Float32Array.from({ length: 3 * height * width }, (_, i) => {
    const [c, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    const inside = y >= top && y < top + size && x >= left && x < left + size;
    if (inside && byte === 'mean') return 0;
    const value = inside ? (byte as number) : (dataset.pixels[i] as number);
    return (value / 255 - (mean[c] as number)) / (std[c] as number);
  });
}

/** One picture alone: its probabilities, and the sum over each map of a layer. */
function alone(engine: Engine, picture: Float32Array, path: string) {
  const network = tinyNetwork(1);
  const layer = findLayer(network, path);
  markOutput('logits', network.logits);
  markOutput('maps', layer.value);
  const program = engine.compile(network.graph);
  try {
    writeWeights(program, subject.tensors);
    const { logits = [], maps = [] }: Record<string, ArrayLike<number>> = program.run({ images: picture });
    const plane = layer.height * layer.width;
    const sums = Array.from({ length: layer.units }, (_, unit) =>
      Array.from(maps)
        .slice(unit * plane, (unit + 1) * plane)
        .reduce((sum, value) => sum + value, 0),
    );
    return { probabilities: [...softmaxOf(logits)], sums };
  } finally {
    program.dispose();
  }
}

const indexOfLargest = (values: readonly number[]): number => values.indexOf(Math.max(...values));

for (const [name, engine] of [
  ['the reference engine', createReferenceEngine()],
  ['oneDNN', native],
] as const) {
  describe.skipIf(engine === undefined)(`occlusion on ${name}`, () => {
    const run = (options: { size: number; stride: number; fill?: Fill; layer?: string; class?: number }) =>
      occlude({ layer: 'second', ...subject, engine: engine as Engine, image, batch: 5, ...options });

    it.each([
      ['gray', 128, 'second'],
      ['black', 0, 'first'],
      ['mean', 'mean', 'fc'],
    ] as const)('equals single forward passes with a %s square', async (fill, byte, layer) => {
      const [size, stride] = [4, 3];
      const result = await run({ size, stride, fill, layer, class: 1 });
      const whole = alone(engine as Engine, image, layer);
      expect(result.unit).toBe(indexOfLargest(whole.sums));
      expect(result.whole.activity).toBeCloseTo(whole.sums[result.unit] as number, 4);
      expect(result.grid).toMatchObject({ rows: 3, columns: 3 });
      for (let place = 0; place < 9; place++) {
        const [top, left] = [3 * Math.floor(place / 3), 3 * (place % 3)];
        const picture = coveredByHand(top, left, size, byte);
        const { probabilities, sums } = alone(engine as Engine, picture, layer);
        expect(result.probability[place]).toBeCloseTo(probabilities[1] as number, 5);
        expect(result.activity[place]).toBeCloseTo(sums[result.unit] as number, 4);
        expect(result.classes[place]).toBe(indexOfLargest(probabilities));
      }
      expect(new Set(result.probability).size).toBeGreaterThan(5);
    });

    it.each(fills)('is flat for a square of size 0, filled with %s', async (fill) => {
      const {
        probability,
        activity,
        classes,
        whole,
        class: chosen,
        grid,
      } = await run({
        size: 0,
        stride: 2,
        fill,
      });
      expect([grid.rows, grid.columns]).toEqual([6, 7]);
      expect(new Set(probability)).toEqual(new Set([Math.fround(whole.probabilities[chosen] as number)]));
      expect(new Set(activity)).toEqual(new Set([Math.fround(whole.activity)]));
      expect(new Set(classes)).toEqual(new Set([chosen]));
      expect(chosen).toBe(indexOfLargest([...whole.probabilities]));
    });

    it('answers as for the whole picture where the square changes nothing', async () => {
      const grey = image.slice();
      for (let i = 0; i < grey.length; i++) {
        const c = Math.floor(i / (height * width));
        if (Math.floor(i / width) % height < 5)
          grey[i] = (128 / 255 - (mean[c] as number)) / (std[c] as number);
      }
      const {
        probability,
        whole,
        class: chosen,
      } = await occlude({
        layer: 'second',
        ...subject,
        engine: engine as Engine,
        image: grey,
        size: 4,
        stride: 1,
        batch: 3,
      });
      const before = Math.fround(whole.probabilities[chosen] as number);
      expect([...probability.subarray(0, 18)]).toEqual(Array(18).fill(before));
      expect([...probability.subarray(18)].some((value) => value !== before)).toBe(true);
    });

    it('leaves no trace of one place in the next', async () => {
      const small = await occlude({
        layer: 'second',
        ...subject,
        engine: engine as Engine,
        image,
        size: 3,
        stride: 2,
        batch: 2,
      });
      const large = await occlude({
        layer: 'second',
        ...subject,
        engine: engine as Engine,
        image,
        size: 3,
        stride: 2,
        batch: 64,
      });
      for (const [place, value] of small.probability.entries()) {
        expect(value).toBeCloseTo(large.probability[place] as number, 6);
      }
    });
  });
}

describe('the blurred square', () => {
  it('changes nothing in a picture without detail', async () => {
    const even = new Float32Array(image.length).fill(0.3);
    const engine = createReferenceEngine();
    const result = await occlude({
      layer: 'second',
      ...subject,
      engine,
      image: even,
      size: 5,
      stride: 5,
      fill: 'blur',
    });
    for (const value of result.probability) {
      expect(value).toBeCloseTo(result.whole.probabilities[result.class] as number, 6);
    }
  });

  it('changes a picture with detail, and less than black does', async () => {
    const engine = createReferenceEngine();
    const drop = async (fill: Fill): Promise<number> => {
      const { activity, whole } = await occlude({
        layer: 'second',
        ...subject,
        engine,
        image,
        size: 6,
        stride: 2,
        fill,
      });
      return activity.reduce((sum, value) => sum + Math.abs(value - whole.activity), 0);
    };
    const [blur, black] = [await drop('blur'), await drop('black')];
    expect(blur).toBeGreaterThan(0.01);
    expect(blur).toBeLessThan(black);
  });
});

describe('places of the square', () => {
  it('lie wholly inside the picture, from its upper left corner on', () => {
    const grid = occlusionGrid({ height: 10, width: 13 }, 4, 3);
    expect(grid).toEqual({ size: 4, stride: 3, rows: 3, columns: 4 });
    expect(squareAt(grid, 5)).toEqual({ top: 3, left: 3, bottom: 7, right: 7 });
    expect(occlusionGrid({ height: 224, width: 224 }, 224, 7)).toMatchObject({ rows: 1, columns: 1 });
    expect(defaultSquare({ height: 224, width: 224 })).toEqual({ size: 32, stride: 7 });
    expect(defaultSquare({ height: 3, width: 5 })).toEqual({ size: 1, stride: 1 });
  });

  it('refuses squares that do not fit, and layers and units that are not there', async () => {
    expect(() => occlusionGrid({ height: 10, width: 12 }, 11, 1)).toThrow(
      'A square of 11 px does not fit into the picture, which the network sees at 10x12 px. Give a --size of at most 10.',
    );
    expect(() => occlusionGrid({ height: 10, width: 12 }, 2.5, 1)).toThrow(/expected whole px/);
    expect(() => occlusionGrid({ height: 10, width: 12 }, 2, 0)).toThrow(/stride 0/);
    const engine = createReferenceEngine();
    const request = { ...subject, engine, image, size: 2, stride: 2 };
    await expect(occlude({ ...request, layer: 'secnod' })).rejects.toThrow(/has no layer 'secnod'.*second/);
    await expect(occlude({ ...request, layer: 'second', unit: 6 })).rejects.toThrow(
      /no unit 6; its 6 units are 0 to 5/,
    );
  });

  it('stops between two runs when asked to', async () => {
    const stop = new AbortController();
    const engine = createReferenceEngine();
    const onProgress = (): void => stop.abort(new Error('enough'));
    const request = { ...subject, engine, image, size: 2, stride: 1, batch: 4, layer: 'second', onProgress };
    await expect(occlude({ ...request, signal: stop.signal })).rejects.toThrow('enough');
  });
});

describe('importance', () => {
  it('is 0 where squares change nothing', async () => {
    const engine = createReferenceEngine();
    const result = await occlude({ layer: 'second', ...subject, engine, image, size: 0, stride: 1 });
    expect(new Set(importance(result, { height, width }))).toEqual(new Set([0]));
  });

  it('is the mean of what the squares over a pixel take away', () => {
    const grid = { size: 2, stride: 1, rows: 1, columns: 2 };
    const whole = { probabilities: Float64Array.of(0.2, 0.8), activity: 0 };
    const probability = Float32Array.of(0.5, 0.9);
    const maps = { probability, activity: probability, classes: probability };
    const found = importance(
      { grid, whole, fill: 'gray', layer: '', unit: 0, class: 1, ...maps },
      { height: 3, width: 3 },
    );
    expect([...found].map((value) => Number(value.toFixed(6)))).toEqual([
      0.3, 0.1, -0.1, 0.3, 0.1, -0.1, 0, 0, 0,
    ]);
  });
});
