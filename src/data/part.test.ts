import { describe, expect, it } from 'vitest';
import { allocateDataset } from './dataset.ts';
import { type Batch, createLoader, type LoaderOptions } from './loader.ts';
import { randomStream } from './random.ts';

const dataset = allocateDataset({
  name: 'noise',
  split: 'train',
  path: 'memory',
  length: 23,
  channels: 1,
  height: 4,
  width: 4,
  classes: ['a', 'b', 'c'],
});
const random = randomStream(7);
for (let at = 0; at < dataset.pixels.length; at++) dataset.pixels[at] = Math.floor(random() * 256);
for (let index = 0; index < 23; index++) dataset.labels[index] = index % 3;

const copy = ({ images, labels, indices, otherLabels, ...rest }: Batch) => ({
  ...rest,
  images: [...images],
  labels: [...labels],
  indices: [...indices],
  otherLabels: [...(otherLabels ?? [])],
});

async function epoch(options: Omit<LoaderOptions, 'shuffle'>) {
  const loader = createLoader(dataset, { ...options, shuffle: true });
  const batches: ReturnType<typeof copy>[] = [];
  try {
    for await (const batch of loader.epoch(1)) batches.push(copy(batch));
  } finally {
    await loader.close();
  }
  return batches;
}

describe('the parts of a batch that ranks make', () => {
  for (const lastBatch of ['keep', 'pad', 'drop'] as const) {
    for (const mix of [undefined, { mixup: 0.4, cutmix: 0 }, { mixup: 0, cutmix: 1 }]) {
      const how = mix === undefined ? 'plain' : mix.mixup > 0 ? 'mixup' : 'cutmix';
      // The last batch has two pictures: fewer than ranks.
      it(`are together what one process makes (${lastBatch}, ${how})`, async () => {
        const options = { batch: 7, seed: 5, lastBatch, workers: 0, ...(mix && { mix }) };
        const whole = await epoch(options);
        for (const size of [2, 3, 4]) {
          const parts = await Promise.all(
            Array.from({ length: size }, (_, rank) => epoch({ ...options, part: { rank, size } })),
          );
          for (const [index, batch] of whole.entries()) {
            const pieces = parts.map((part) => part[index] as (typeof whole)[number]);
            for (const name of ['images', 'labels', 'indices', 'otherLabels'] as const) {
              expect(pieces.flatMap((piece) => piece[name])).toEqual(batch[name]);
            }
            expect(pieces.map((piece) => piece.whole)).toEqual(pieces.map(() => batch.count));
            expect(pieces.reduce((sum, piece) => sum + piece.count, 0)).toBe(batch.count);
            expect(pieces.map((piece) => piece.share)).toEqual(pieces.map(() => batch.share));
          }
        }
      });
    }
  }

  it('are the same from threads', async () => {
    const options = { batch: 8, seed: 5, mix: { mixup: 0.4, cutmix: 0 }, part: { rank: 1, size: 3 } };
    expect(await epoch({ ...options, workers: 2 })).toEqual(await epoch({ ...options, workers: 0 }));
  });
});
