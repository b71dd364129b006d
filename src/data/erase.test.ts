import { describe, expect, it } from 'vitest';
import { type Augmentation, augmentInto, checkAugmentation, drawErasure } from './augment.ts';
import { allocateDataset } from './dataset.ts';
import { drawErase, eraseBox } from './erase.ts';
import { randomStream } from './random.ts';

const size = { height: 32, width: 32 };

describe('drawErase', () => {
  it('draws rectangles of 2 to 33 % with an aspect of .3 to 3.3, as often as asked', () => {
    const random = randomStream(1);
    const boxes = Array.from({ length: 4000 }, () => drawErase(size, 0.25, random)).filter(
      (box) => box !== undefined,
    );
    expect(boxes.length / 4000).toBeCloseTo(0.25, 1);
    for (const { top, left, height, width } of boxes) {
      expect(top >= 0 && left >= 0 && top + height <= 32 && left + width <= 32).toBe(true);
      // Sides are rounded to whole pixels.
      expect((height + 0.5) * (width + 0.5)).toBeGreaterThan(0.02 * 1024);
      expect((height - 0.5) * (width - 0.5)).toBeLessThan(0.33 * 1024);
      expect((height - 0.5) / (width + 0.5)).toBeLessThan(3.3);
      expect((height + 0.5) / (width - 0.5)).toBeGreaterThan(0.3);
    }
    expect(new Set(boxes.map(({ top }) => top)).size).toBeGreaterThan(20);
  });

  it('draws none with probability 0, and none that does not fit', () => {
    const random = randomStream(1);
    for (let i = 0; i < 100; i++) expect(drawErase(size, 0, random)).toBeUndefined();
    for (let i = 0; i < 100; i++) expect(drawErase({ height: 1, width: 1 }, 1, random)).toBeUndefined();
  });
});

describe('eraseBox', () => {
  it('makes the rectangle zero in every plane and nothing else', () => {
    const output = new Float32Array(3 * 20 + 2).fill(7);
    eraseBox(output, 1, 3, { height: 4, width: 5 }, { top: 1, left: 2, height: 2, width: 3 });
    for (let i = 0; i < output.length; i++) {
      const [y, x] = [Math.floor((i - 1) / 5) % 4, (i - 1) % 5];
      const inside = i > 0 && i <= 60 && y >= 1 && y < 3 && x >= 2;
      expect(output[i]).toBe(inside ? 0 : 7);
    }
  });
});

describe('augmentInto', () => {
  it('erases after normalisation, as drawn for the seed, the epoch and the picture', () => {
    const dataset = allocateDataset({
      name: 'grey',
      split: 'train',
      path: 'memory',
      length: 3,
      channels: 2,
      ...size,
      classes: ['a'],
    });
    dataset.pixels.fill(200);
    const normalise = { mean: [0.5, 0.5], std: [0.25, 0.25] };
    const augmentation: Augmentation = { normalise, erase: { probability: 1 } };
    const plain = new Float32Array(2048);
    augmentInto(plain, 0, dataset, 1, { normalise }, 5, 6);
    const got = new Float32Array(2048);
    augmentInto(got, 0, dataset, 1, augmentation, 5, 6);
    const box = drawErasure(augmentation, size, 5, 6, 1);
    if (box === undefined) throw new Error('no box');
    for (let i = 0; i < 2048; i++) {
      const [y, x] = [Math.floor(i / 32) % 32, i % 32];
      const inside = y >= box.top && y < box.top + box.height && x >= box.left && x < box.left + box.width;
      expect(got[i]).toBe(inside ? 0 : plain[i]);
    }
    expect(drawErasure(augmentation, size, 5, 6, 2)).not.toEqual(box);
    expect(() => checkAugmentation(2, { erase: { probability: 2 } })).toThrow('erase.probability is 2');
  });
});
