// The figure of growth from numbers that are made up: a panel for each question that has an answer.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPicture } from '../src/figures/testing.ts';
import { type Curves, fitOf } from './growth.ts';
import { drawGrowth } from './growth-figure.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-growth-'));
afterAll(() => rmSync(folder, { recursive: true }));

const batches = [8, 16, 32, 64, 128, 256];
const batch: Curves = {
  resnet18: batches.map((x) => ({ x, batch: x, ms: 30 + 20 * x + (x < 32 ? 90 : 0) })),
};
const threads: Curves = {
  train: [1, 2].map((x) => ({ x, batch: 128, ms: 5000 / x ** 0.9 })),
  infer: [1, 2].map((x) => ({ x, batch: 16, ms: 1000 / x })),
};

describe('fitOf', () => {
  it('looks at batches from 32 up', () => {
    const { offset, slope, worst } = fitOf(batch.resnet18 ?? []);
    expect([Math.round(offset), Math.round(slope)]).toEqual([30, 20]);
    expect(worst).toBeLessThan(1e-9);
  });
});

describe('drawGrowth', () => {
  it('draws time and speed against the batch, and a panel for each other question', async () => {
    const path = join(folder, 'growth.png');
    await drawGrowth(path, new Map([['batch', batch]]), 'oneDNN');
    const two = await readPicture(path);
    await drawGrowth(
      path,
      new Map([
        ['batch', batch],
        ['threads', threads],
      ]),
      'oneDNN',
    );
    const three = await readPicture(path);
    expect(three.width).toBe(two.width);
    // A second row, of 430 px.
    expect(three.height - two.height).toBe(860);
    expect(three.inkIn({ top: two.height + 80 })).toBeDefined();
  });
});
