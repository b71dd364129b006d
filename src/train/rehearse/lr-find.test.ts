import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../data/random.ts';
import { tryCreateOneDnnEngine } from '../../engines/onednn/index.ts';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { readPicture } from '../../figures/testing.ts';
import { temporaryFolder, writeSyntheticIdx } from '../testing.ts';
import { findLearningRate, type RateSearchOptions, suggest } from './lr-find.ts';
import { drawRateSearch } from './lr-find-figure.ts';

let folder: string;
let shapes: string;
beforeAll(() => {
  folder = temporaryFolder();
  // 40 pictures: two batches of 16, so that 100 steps go through many epochs.
  shapes = writeSyntheticIdx(join(folder, 'shapes'), { train: 40, test: 4, classes: 4 });
});
afterAll(() => rmSync(folder, { recursive: true }));

function options(changes: Partial<RateSearchOptions> = {}): RateSearchOptions {
  return {
    network: 'lenet',
    form: 'article',
    data: shapes,
    engine: tryCreateOneDnnEngine().engine ?? createReferenceEngine(),
    dtype: 'f32',
    overrides: { batch: 16 },
    validation: 0,
    workers: 0,
    ...changes,
  };
}

describe('findLearningRate', () => {
  it('finds a rate that trains LeNet, with few pictures, the same again from the same seed', async () => {
    const search = await findLearningRate(options());
    expect(search).toMatchObject({
      network: 'lenet',
      dataset: 'shapes',
      batch: 16,
      steps: 100,
      recipeRate: 0.2,
    });
    expect(search.suggestion).toBeGreaterThan(0.003);
    expect(search.suggestion).toBeLessThan(0.5);
    expect(search.suggestion as number).toBeLessThan((search.lowest as { rate: number }).rate);
    expect(search.points[0]?.rate).toBe(1e-7);
    expect(search.points[1]?.rate).toBeCloseTo(1e-7 * 10 ** (8 / 99), 12);
    const again = await findLearningRate(options());
    expect(again.points).toEqual(search.points);
    const other = await findLearningRate(options({ seed: 2, steps: 10 }));
    expect(other.points[0]?.loss).not.toBe(search.points[0]?.loss);
    const files = await drawRateSearch(folder, search);
    expect(files.map((file) => existsSync(file))).toEqual([true, true]);
    expect((await readPicture(files[0] as string)).boxOf('#0072b2')).toBeDefined();
    expect(readdirSync(folder).sort()).toEqual(['lr-find.png', 'lr-find.svg', 'shapes']);
  });

  it('stops where the loss is lost, and says so', async () => {
    const { points, stopped } = await findLearningRate(options({ from: 1, to: 1e6, steps: 40 }));
    expect(points.length).toBeLessThan(40);
    expect(stopped?.reason).toMatch(/no longer a finite number|above 4 times its lowest value/);
    expect(points.every(({ loss, smoothed }) => Number.isFinite(loss) && Number.isFinite(smoothed))).toBe(
      true,
    );
  });

  it('suggests nothing where no rate is large enough to learn', async () => {
    const { suggestion, lowest, stopped } = await findLearningRate(options({ to: 1e-6, steps: 20 }));
    expect([suggestion, lowest, stopped]).toEqual([null, null, null]);
  });

  it('refuses rates and numbers that make no sense, and ends on a signal', async () => {
    await expect(findLearningRate(options({ from: 0 }))).rejects.toThrow(/rates go from 0 to 10/);
    await expect(findLearningRate(options({ steps: 3 }))).rejects.toThrow(/number of rates is 3/);
    const signal = AbortSignal.abort();
    await expect(findLearningRate(options({ signal }))).rejects.toThrow(/abort/i);
  });

  it('averages the parts of an accumulated update', async () => {
    const { points, batch } = await findLearningRate(
      options({ steps: 10, overrides: { batch: 8, accumulate: 2 } }),
    );
    expect(batch).toBe(16);
    expect(points).toHaveLength(10);
  });
});

/** Losses at 100 rates from 1e-7 to 10, of a curve over log10 of the rate, with noise. */
function curve(of: (decade: number) => number, noise = 0) {
  const random = randomStream(11);
  const rates = Array.from({ length: 100 }, (_, i) => 1e-7 * 1e8 ** (i / 99));
  return suggest(
    rates,
    rates.map((rate) => of(Math.log10(rate)) + noise * (random() - 0.5)),
  );
}

const fall = (decade: number, at: number, by: number): number => by / (1 + Math.exp(-6 * (decade - at)));

describe('suggest', () => {
  it('takes the steepest fall, on its side of larger rates, noise or not', () => {
    for (const noise of [0, 0.3]) {
      const { suggestion } = curve((x) => 4.6 - fall(x, -2, 2) + fall(x, 0, 9), noise);
      expect(suggestion).toBeGreaterThan(0.008);
      expect(suggestion).toBeLessThan(0.05);
    }
  });

  it('goes no further than the first valley', () => {
    const { suggestion, lowest } = curve(
      (x) => 4.6 - fall(x, -3, 1) + fall(x, -1.5, 0.9) - fall(x, 0, 3),
      0.05,
    );
    expect(suggestion).toBeLessThan(0.01);
    expect(lowest?.rate).toBeLessThan(0.03);
  });

  it('takes noise for no fall', () => {
    expect(curve(() => 4.6, 1).suggestion).toBeNull();
    expect(curve((x) => 4.6 + fall(x, -1, 30)).suggestion).toBeNull();
  });
});
