import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Augmentation,
  augmentedSize,
  augmentInto,
  checkAugmentation,
  drawAugmentation,
} from './augment.ts';
import { allocateDataset, type Dataset } from './dataset.ts';
import { randomStream } from './random.ts';

function noise(length: number, channels: number, height: number, width: number): Dataset {
  const dataset = allocateDataset({
    name: 'noise',
    split: 'train',
    path: 'memory',
    length,
    channels,
    height,
    width,
    classes: ['0'],
  });
  const random = randomStream(42);
  for (let at = 0; at < dataset.pixels.length; at++) dataset.pixels[at] = Math.floor(random() * 256);
  return dataset;
}

function augmented(dataset: Dataset, index: number, augmentation?: Augmentation, seed = 1, epoch = 2) {
  const { height, width } = augmentedSize(dataset, augmentation);
  const output = new Float32Array(dataset.channels * height * width);
  augmentInto(output, 0, dataset, index, augmentation, seed, epoch);
  return output;
}

/** The definition, step by step, each step a function from (channel, y, x) to the value there; 0 is black. */
function slowly(dataset: Dataset, index: number, augmentation: Augmentation, seed: number, epoch: number) {
  const { channels } = dataset;
  const { height, width } = augmentedSize(dataset, augmentation);
  const draw = drawAugmentation(augmentation, seed, epoch, index);
  type Picture = (channel: number, y: number, x: number) => number;
  const within =
    (h: number, w: number, picture: Picture): Picture =>
    (c, y, x) =>
      y >= 0 && y < h && x >= 0 && x < w ? picture(c, y, x) : 0;
  const source = within(dataset.height, dataset.width, (c, y, x) => {
    return dataset.pixels[((index * channels + c) * dataset.height + y) * dataset.width + x] as number;
  });
  const pad = augmentation.pad ?? 0;
  const padded: Picture = (c, y, x) => source(c, y - pad, x - pad);
  const cropped = within(height, width, (c, y, x) => padded(c, y + draw.top, x + draw.left));
  const flipped: Picture = draw.flip ? (c, y, x) => cropped(c, y, width - 1 - x) : cropped;
  const angle = (draw.angle * Math.PI) / 180;
  const rotated: Picture = (c, y, x) => {
    const dx = x - (width - 1) / 2;
    const dy = y - (height - 1) / 2;
    const fromX = dx * Math.cos(angle) - dy * Math.sin(angle) + (width - 1) / 2;
    const fromY = dx * Math.sin(angle) + dy * Math.cos(angle) + (height - 1) / 2;
    let sum = 0;
    for (const nearY of [Math.floor(fromY), Math.floor(fromY) + 1]) {
      for (const nearX of [Math.floor(fromX), Math.floor(fromX) + 1]) {
        sum += (1 - Math.abs(fromY - nearY)) * (1 - Math.abs(fromX - nearX)) * flipped(c, nearY, nearX);
      }
    }
    return sum;
  };
  const { mean = [], std = [] } = augmentation.normalise ?? {};
  const output: number[] = [];
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        output.push(((draw.angle === 0 ? flipped : rotated)(c, y, x) / 255 - (mean[c] ?? 0)) / (std[c] ?? 1));
      }
    }
  }
  return output;
}

const recipe: Augmentation = {
  crop: { padding: 4 },
  flip: true,
  rotation: 15,
  normalise: { mean: [0.5, 0.4, 0.3], std: [0.25, 0.2, 0.3] },
};

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let at = 0; at < a.length; at++) {
    largest = Math.max(largest, Math.abs((a[at] as number) - (b[at] as number)));
  }
  return largest;
}

describe('augmentInto', () => {
  it('follows the definition for the 32x32 recipe', () => {
    const dataset = noise(20, 3, 32, 32);
    for (let index = 0; index < 20; index++) {
      expect(
        largestDifference(augmented(dataset, index, recipe), slowly(dataset, index, recipe, 1, 2)),
      ).toBeLessThan(2e-5);
    }
  });

  it('follows the definition for any size and any combination of steps', () => {
    const augmentations = fc.record(
      {
        pad: fc.integer({ min: 0, max: 3 }),
        crop: fc.record({ padding: fc.integer({ min: 0, max: 9 }) }),
        flip: fc.boolean(),
        rotation: fc.double({ min: 0, max: 180, noNaN: true }),
        normalise: fc.constant({ mean: [0.1, 0.9, 0.4], std: [0.5, 1, 2] }),
      },
      { requiredKeys: [] },
    );
    const side = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(
        augmentations,
        side,
        side,
        fc.nat(),
        fc.nat(2),
        (augmentation, height, width, seed, index) => {
          const dataset = noise(3, 3, height, width);
          const fast = augmented(dataset, index, augmentation, seed, 7);
          expect(largestDifference(fast, slowly(dataset, index, augmentation, seed, 7))).toBeLessThan(2e-5);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('only scales to [0, 1] without an augmentation', () => {
    const dataset = noise(2, 1, 5, 7);
    const expected = Array.from(dataset.pixels.subarray(35), (value) => value / 255);
    expect(largestDifference(augmented(dataset, 1), expected)).toBeLessThan(1e-7);
  });

  it('leaves the picture as it is when crop and rotation have no range', () => {
    const dataset = noise(1, 3, 8, 8);
    const still = augmented(dataset, 0, { crop: { padding: 0 }, flip: false, rotation: 0 });
    expect(still).toEqual(augmented(dataset, 0));
  });

  it('pads with black before it normalises', () => {
    const dataset = noise(1, 1, 28, 28);
    const output = augmented(dataset, 0, { pad: 2, normalise: { mean: [0.25], std: [0.5] } });
    expect(output).toHaveLength(32 * 32);
    expect(output[0]).toBeCloseTo(-0.5, 6);
    expect(output[2 * 32 + 2]).toBeCloseTo(((dataset.pixels[0] as number) / 255 - 0.25) / 0.5, 6);
    expect(output[29 * 32 + 29]).toBeCloseTo(((dataset.pixels[783] as number) / 255 - 0.25) / 0.5, 6);
  });

  it('turns counter-clockwise by a positive angle', () => {
    const dataset = noise(40, 1, 9, 9);
    dataset.pixels.fill(0);
    // One bright pixel right of the centre: it must rise when the picture turns counter-clockwise.
    for (let index = 0; index < 40; index++) dataset.pixels[index * 81 + 4 * 9 + 8] = 255;
    for (let index = 0; index < 40; index++) {
      const { angle } = drawAugmentation({ rotation: 30 }, 1, 2, index);
      if (Math.abs(angle) < 5) continue;
      const output = augmented(dataset, index, { rotation: 30 });
      let above = 0;
      for (let at = 0; at < 81; at++) above += (output[at] as number) * (4 - Math.floor(at / 9));
      expect(Math.sign(above)).toBe(Math.sign(angle));
    }
  });

  it('is a pure function of seed, epoch and index', () => {
    const dataset = noise(3, 3, 32, 32);
    const first = augmented(dataset, 1, recipe, 5, 6);
    augmented(dataset, 2, recipe, 8, 9);
    expect(augmented(dataset, 1, recipe, 5, 6)).toEqual(first);
    expect(augmented(dataset, 1, recipe, 5, 7)).not.toEqual(first);
    expect(augmented(dataset, 1, recipe, 6, 6)).not.toEqual(first);
  });

  it('writes nothing but its picture', () => {
    const dataset = noise(1, 1, 3, 3);
    const output = new Float32Array(13).fill(7);
    augmentInto(output, 2, dataset, 0, recipe1, 1, 1);
    expect([output[0], output[1], output[11], output[12]]).toEqual([7, 7, 7, 7]);
    expect(output.subarray(2, 11)).toEqual(augmented(dataset, 0, recipe1, 1, 1));
  });

  it('refuses a picture that is not there and an output that is too small', () => {
    const dataset = noise(2, 1, 3, 3);
    expect(() => augmentInto(new Float32Array(9), 0, dataset, 2, undefined, 0, 0)).toThrow(
      /picture 2 of .* 2/,
    );
    expect(() => augmentInto(new Float32Array(9), 1, dataset, 0, undefined, 0, 0)).toThrow(/9 floats/);
  });
});

const recipe1: Augmentation = { crop: { padding: 2 }, flip: true, rotation: 15 };

describe('drawAugmentation', () => {
  it('covers its ranges evenly', () => {
    const draws = Array.from({ length: 9000 }, (_, index) => drawAugmentation(recipe, 3, 1, index));
    for (const side of ['top', 'left'] as const) {
      const counts = new Map<number, number>();
      for (const draw of draws) counts.set(draw[side], (counts.get(draw[side]) ?? 0) + 1);
      expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-4, -3, -2, -1, 0, 1, 2, 3, 4]);
      for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
    }
    const flips = draws.filter(({ flip }) => flip).length;
    expect(Math.abs(flips - 4500)).toBeLessThan(240);
    const angles = draws.map(({ angle }) => angle);
    expect(Math.min(...angles)).toBeGreaterThanOrEqual(-15);
    expect(Math.min(...angles)).toBeLessThan(-14.9);
    expect(Math.max(...angles)).toBeLessThan(15);
    expect(Math.max(...angles)).toBeGreaterThan(14.9);
    const spread = Math.sqrt(angles.reduce((sum, angle) => sum + angle ** 2, 0) / angles.length);
    expect(spread).toBeCloseTo(15 / Math.sqrt(3), 0);
  });

  it('keeps the other draws when a step is left out', () => {
    const { rotation: _, ...still } = recipe;
    expect(drawAugmentation(still, 1, 2, 3)).toEqual({ ...drawAugmentation(recipe, 1, 2, 3), angle: 0 });
  });
});

describe('checkAugmentation', () => {
  it.each([
    [{ crop: { padding: 1.5 } }, /crop.padding is 1.5/],
    [{ pad: -1 }, /pad is -1/],
    [{ rotation: 181 }, /rotation is 181/],
    [{ normalise: { mean: [0], std: [1] } }, /1 values of mean for 3 channels/],
    [{ normalise: { mean: [0, 0, 0], std: [1, 0, 1] } }, /std is 1, 0, 1/],
  ] as [Augmentation, RegExp][])('refuses %j', (augmentation, message) => {
    expect(() => checkAugmentation(3, augmentation)).toThrow(message);
  });
});
