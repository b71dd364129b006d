import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allocateDataset, channelStatistics } from '../../dataset.ts';
import { madeUpPixels, writeIndex } from '../loader-testing.ts';
import type { PictureIndex } from '../picture-index.ts';
import {
  type ColourStatistics,
  datasetRgbStatistics,
  meanPictureOf,
  rgbStatistics,
} from './colour-statistics.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-colours-'));
const side = 24;
const pictures = Array.from({ length: 6 }, (_, i) => madeUpPixels(side, side, i));
let index: PictureIndex;

beforeAll(async () => {
  const files: Record<string, Uint8Array> = {};
  for (const [i, data] of pictures.entries()) {
    files[`${i}.png`] = await sharp(data, { raw: { width: side, height: side, channels: 3 } })
      .png()
      .toBuffer();
  }
  index = writeIndex(folder, files);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Mean and covariance by their definitions, in two passes. */
function defined(chosen: readonly Uint8Array[]): { mean: number[]; covariance: number[][] } {
  const pixels = chosen.flatMap((data) =>
    Array.from({ length: side * side }, (_, i) => [0, 1, 2].map((c) => (data[3 * i + c] as number) / 255)),
  );
  const mean = [0, 1, 2].map(
    (c) => pixels.reduce((sum, pixel) => sum + (pixel[c] as number), 0) / pixels.length,
  );
  const apart = (pixel: number[], c: number): number => (pixel[c] as number) - (mean[c] as number);
  const covariance = [0, 1, 2].map((i) =>
    [0, 1, 2].map(
      (j) => pixels.reduce((sum, pixel) => sum + apart(pixel, i) * apart(pixel, j), 0) / pixels.length,
    ),
  );
  return { mean, covariance };
}

function expectDefined(got: ColourStatistics, chosen: readonly Uint8Array[]): void {
  const { mean, covariance } = defined(chosen);
  expect(got.pictures).toBe(chosen.length);
  for (const i of [0, 1, 2]) {
    expect(got.mean[i]).toBeCloseTo(mean[i] as number, 10);
    expect(got.std[i]).toBeCloseTo(Math.sqrt(covariance[i]?.[i] as number), 10);
    for (const j of [0, 1, 2]) {
      expect(got.covariance[i]?.[j]).toBeCloseTo(covariance[i]?.[j] as number, 10);
      // The eigenvectors make the covariance again.
      const made = [0, 1, 2].reduce(
        (sum, k) =>
          sum + (got.values[k] as number) * (got.vectors[k]?.[i] as number) * (got.vectors[k]?.[j] as number),
        0,
      );
      expect(made).toBeCloseTo(covariance[i]?.[j] as number, 10);
    }
  }
}

describe('rgbStatistics', () => {
  it('has mean, deviation, covariance and its eigenvectors over all pixels', async () => {
    expectDefined(await rgbStatistics(index, { side }), pictures);
    const some = Uint32Array.of(4, 1);
    expectDefined(await rgbStatistics(index, { side, indices: some }), [
      pictures[4],
      pictures[1],
    ] as Uint8Array[]);
  });

  it('looks at a sample that the seed draws', async () => {
    const first = await rgbStatistics(index, { side, sample: 3, seed: 1 });
    expect(first.pictures).toBe(3);
    expect(await rgbStatistics(index, { side, sample: 3, seed: 1 })).toEqual(first);
    const means = await Promise.all(
      [1, 2, 3, 4].map((seed) => rgbStatistics(index, { side, sample: 3, seed })),
    );
    expect(new Set(means.map(({ mean }) => mean[0])).size).toBeGreaterThan(1);
  });

  it('takes grey pictures as equal channels', async () => {
    const raw = { width: side, height: side, channels: 3 as const };
    const grey = await sharp(pictures[0] as Uint8Array, { raw })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    const { covariance, values } = await rgbStatistics(writeIndex(join(folder, 'grey'), { 'x.png': grey }), {
      side,
    });
    for (const row of covariance)
      for (const value of row) expect(value).toBeCloseTo(covariance[0]?.[0] as number, 12);
    expect(values[1]).toBeCloseTo(0, 12);
  });

  it('fails by the name of a bad picture, or leaves it out', async () => {
    const raw = { width: side, height: side, channels: 3 as const };
    const good = await sharp(pictures[2] as Uint8Array, { raw })
      .png()
      .toBuffer();
    const source = writeIndex(join(folder, 'bad'), { 'good.png': good, 'empty.png': new Uint8Array(0) });
    await expect(rgbStatistics(source, { side })).rejects.toThrow(
      /bad\/empty\.png cannot be used: it is empty/,
    );
    expectDefined(await rgbStatistics(source, { side, onBadImage: 'skip' }), [pictures[2] as Uint8Array]);
    const none = writeIndex(join(folder, 'none'), { 'empty.png': new Uint8Array(0) });
    await expect(rgbStatistics(none, { onBadImage: 'skip' })).rejects.toThrow(
      'none of 1 pictures can be used',
    );
  });
});

describe('datasetRgbStatistics', () => {
  it('is the same for pictures in memory, and agrees with channelStatistics', () => {
    const dataset = allocateDataset({
      name: 'x',
      split: 'train',
      path: 'memory',
      length: 6,
      channels: 3,
      height: side,
      width: side,
      classes: ['a'],
    });
    for (const [i, data] of pictures.entries()) {
      for (let at = 0; at < data.length; at++) {
        dataset.pixels[i * data.length + (at % 3) * side * side + Math.floor(at / 3)] = data[at] as number;
      }
    }
    expectDefined(datasetRgbStatistics(dataset), pictures);
    expectDefined(datasetRgbStatistics(dataset, Uint32Array.of(5)), [pictures[5] as Uint8Array]);
    const { mean, std } = channelStatistics(dataset);
    for (const c of [0, 1, 2]) {
      expect(datasetRgbStatistics(dataset).mean[c]).toBeCloseTo(mean[c] as number, 12);
      expect(datasetRgbStatistics(dataset).std[c]).toBeCloseTo(std[c] as number, 12);
    }
  });
});

describe('meanPictureOf', () => {
  it('is the mean of each pixel of the central square', async () => {
    const { values } = await meanPictureOf(index, { side });
    for (const at of [0, 5, 700, 1727]) {
      const [c, i] = [Math.floor(at / (side * side)), at % (side * side)];
      const wanted = pictures.reduce((sum, data) => sum + (data[3 * i + c] as number), 0) / 6 / 255;
      expect(values[at]).toBeCloseTo(wanted, 6);
    }
    const raw = { width: side + 10, height: side, channels: 3 as const };
    const wide = madeUpPixels(side + 10, side, 3);
    const source = writeIndex(join(folder, 'wide'), { 'x.png': await sharp(wide, { raw }).png().toBuffer() });
    const picture = await meanPictureOf(source, { side });
    expect(picture.side).toBe(side);
    expect(picture.values[side + 2]).toBeCloseTo((wide[3 * (side + 10 + 5 + 2)] as number) / 255, 6);
  });
});
