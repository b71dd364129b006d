import { afterEach, describe, expect, it } from 'vitest';
import { allocateDataset } from './dataset.ts';
import { createLoader, type Loader, type LoaderOptions } from './loader.ts';
import { drawMix, mixInto } from './mix.ts';
import { randomStream } from './random.ts';

const size = { height: 4, width: 5 };
const shape = { channels: 2, ...size };

function batchOf(count: number): { images: Float32Array; labels: Int32Array; others: Int32Array } {
  const images = Float32Array.from(
    { length: (count + 1) * 40 },
    (_, i) => Math.floor(i / 40) * 1000 + (i % 40),
  );
  const labels = Int32Array.from({ length: count + 1 }, (_, i) => (i < count ? 10 + i : -1));
  return { images, labels, others: new Int32Array(count + 1) };
}

describe('mixInto', () => {
  it('mixes each picture and label with those before it, the first with the last', () => {
    const { images, labels, others } = batchOf(3);
    const before = images.slice();
    mixInto(images, labels, others, 3, shape, { share: 0.75 });
    for (let i = 0; i < 3; i++) {
      const other = (i + 2) % 3;
      expect(others[i]).toBe(labels[other]);
      for (let at = 0; at < 40; at++) {
        const wanted = 0.75 * (before[i * 40 + at] as number) + 0.25 * (before[other * 40 + at] as number);
        expect(images[i * 40 + at]).toBe(Math.fround(wanted));
      }
    }
    expect(others[3]).toBe(-1);
    expect([...images.subarray(120)]).toEqual([...before.subarray(120)]);
  });

  it('replaces the box in every channel', () => {
    const { images, labels, others } = batchOf(3);
    const before = images.slice();
    const box = { top: 1, left: 2, height: 2, width: 3 };
    mixInto(images, labels, others, 3, shape, { share: 0.7, box });
    for (let at = 0; at < 120; at++) {
      const [i, y, x] = [Math.floor(at / 40), Math.floor(at / 5) % 4, at % 5];
      const inside = y >= 1 && y < 3 && x >= 2;
      expect(images[at]).toBe(before[inside ? ((i + 2) % 3) * 40 + (at % 40) : at]);
    }
  });

  it('leaves a single picture as it is', () => {
    const { images, labels, others } = batchOf(1);
    const before = images.slice();
    mixInto(images, labels, others, 1, shape, { share: 0.3 });
    expect([...images]).toEqual([...before]);
    expect(others[0]).toBe(labels[0]);
  });
});

describe('drawMix', () => {
  it("corrects cutmix's share by the box that fits", () => {
    for (let index = 0; index < 300; index++) {
      const { share, box } = drawMix({ mixup: 0, cutmix: 1 }, { height: 32, width: 32 }, 1, 0, index);
      if (box === undefined) throw new Error('no box');
      expect(box.top >= 0 && box.top + box.height <= 32 && box.left >= 0 && box.left + box.width <= 32).toBe(
        true,
      );
      expect(share).toBeCloseTo(1 - (box.height * box.width) / 1024, 12);
    }
  });

  it('draws mixup, cutmix, or one of both', () => {
    const kinds = (mixup: number, cutmix: number): number =>
      Array.from({ length: 400 }, (_, i) => drawMix({ mixup, cutmix }, size, 1, 0, i)).filter(
        ({ box }) => box !== undefined,
      ).length;
    expect(kinds(0.2, 0)).toBe(0);
    expect(kinds(0, 0.2)).toBe(400);
    expect(kinds(0.2, 0.2) / 400).toBeCloseTo(0.5, 1);
  });

  it('is a function of seed, epoch and batch', () => {
    const draw = (seed: number, epoch: number, index: number): number =>
      drawMix({ mixup: 1, cutmix: 0 }, size, seed, epoch, index).share;
    expect(draw(1, 2, 3)).toBe(draw(1, 2, 3));
    expect(new Set([draw(1, 2, 3), draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)]).size).toBe(4);
  });
});

describe('createLoader with mix', () => {
  const dataset = allocateDataset({
    name: 'noise',
    split: 'train',
    path: 'memory',
    length: 23,
    channels: 2,
    height: 4,
    width: 5,
    classes: ['a', 'b', 'c'],
  });
  const random = randomStream(7);
  for (let at = 0; at < dataset.pixels.length; at++) dataset.pixels[at] = Math.floor(random() * 256);
  for (let index = 0; index < 23; index++) dataset.labels[index] = index % 3;
  const open: Loader[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((made) => made.close()));
  });
  const batches = async (options: Partial<LoaderOptions>) => {
    const made = createLoader(dataset, { batch: 5, shuffle: true, seed: 3, workers: 0, ...options });
    open.push(made);
    const all = [];
    for await (const { images, labels, otherLabels, share, count } of made.epoch(2)) {
      all.push({
        images: [...images],
        labels: [...labels],
        otherLabels: otherLabels && [...otherLabels],
        share,
        count,
      });
    }
    return all;
  };

  it('gives mixed batches, the same with threads as without', async () => {
    const mix = { mixup: 0.4, cutmix: 1 };
    const inline = await batches({ mix, lastBatch: 'pad' });
    expect(await batches({ mix, lastBatch: 'pad', workers: 2 })).toEqual(inline);
    const plain = await batches({ lastBatch: 'pad' });
    for (const [i, { images, labels, otherLabels, share, count }] of inline.entries()) {
      expect(labels).toEqual(plain[i]?.labels);
      expect(otherLabels).toEqual(
        labels.map((_, place) => (place < count ? labels[(place + count - 1) % count] : -1)),
      );
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(1);
      expect(images).not.toEqual(plain[i]?.images);
      expect(images.slice(count * 40)).toEqual(plain[i]?.images.slice(count * 40));
    }
  });

  it('says nothing about mixing where there is none, and refuses nonsense', async () => {
    const [first] = await batches({ mix: { mixup: 0, cutmix: 0 } });
    expect(first?.share).toBeUndefined();
    expect(first?.otherLabels).toBeUndefined();
    await expect(batches({ mix: { mixup: -1, cutmix: 0 } })).rejects.toThrow(
      'The alpha of mixup is -1; expected a number from 0',
    );
  });
});
