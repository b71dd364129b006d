import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { madeUpJpeg, smallTransform, writeIndex } from './loader-testing.ts';
import type { PictureIndex } from './picture-index.ts';
import { createPictureLoader, type PictureLoaderOptions } from './picture-loader.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-picture-parts-'));
let index: PictureIndex;

beforeAll(async () => {
  const files: Record<string, Uint8Array> = {};
  // So many, as one bad picture in a hundred is the most that is borne.
  for (let i = 0; i < 114; i++) files[`${i}.jpg`] = await madeUpJpeg(50 + (i % 10), 60 - (i % 10), i);
  // Another picture takes its place, the same on every rank.
  files['9.jpg'] = new Uint8Array(100);
  index = writeIndex(folder, files);
});
afterAll(() => rmSync(folder, { recursive: true }));

type Options = Pick<PictureLoaderOptions, 'part' | 'mix' | 'lastBatch' | 'workers'>;

async function epoch(options: Options) {
  const usual = { batch: 28, transform: smallTransform, seed: 3, shuffle: true, onBadImage: 'skip' } as const;
  const loader = createPictureLoader(index, { ...usual, workers: 0, ...options });
  const batches: { images: number[]; labels: number[]; others: number[]; indices: number[] }[] = [];
  for await (const { images, labels, otherLabels = [], indices } of loader.epoch(2)) {
    batches.push({
      images: [...images],
      labels: [...labels],
      others: [...otherLabels],
      indices: [...indices],
    });
  }
  await loader.close();
  return batches;
}

describe('the parts that ranks make of batches of stored pictures', () => {
  for (const mix of [undefined, { mixup: 0.4, cutmix: 0 }, { mixup: 0, cutmix: 1 }]) {
    for (const lastBatch of ['keep', 'pad'] as const) {
      it(`are together what one process makes: ${JSON.stringify(mix ?? 'plain')}, ${lastBatch}`, async () => {
        const options: Options = { lastBatch, ...(mix && { mix }) };
        const whole = await epoch(options);
        for (const size of [2, 3]) {
          const ranks = Array.from({ length: size }, (_, rank) => rank);
          const parts = await Promise.all(ranks.map((rank) => epoch({ ...options, part: { rank, size } })));
          for (const name of ['images', 'labels', 'others', 'indices'] as const) {
            for (const [place, batch] of whole.entries()) {
              expect(parts.flatMap((part) => part[place]?.[name])).toEqual(batch[name]);
            }
          }
        }
      });
    }
  }

  it('are the same from threads', async () => {
    const options: Options = { part: { rank: 1, size: 2 }, mix: { mixup: 0.4, cutmix: 0 } };
    expect(await epoch({ ...options, workers: 2 })).toEqual(await epoch(options));
  });
});
