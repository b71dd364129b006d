import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../../engines/onednn/index.ts';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import type { RecipeOverrides } from '../recipes/recipe.ts';
import { temporaryFolder, writeSyntheticIdx } from '../testing.ts';
import { dryRun } from './dry-run.ts';
import { type OverfitOptions, overfitBatch } from './overfit.ts';
import { type RehearsalOptions, rehearse } from './rehearsal.ts';

let folder: string;
let shapes: string;
beforeAll(() => {
  folder = temporaryFolder();
  shapes = writeSyntheticIdx(join(folder, 'shapes'), { train: 50, test: 7, classes: 4 });
});
afterAll(() => {
  // Neither of the two leaves anything.
  expect(readdirSync(folder)).toEqual(['shapes']);
  rmSync(folder, { recursive: true });
});

function options(changes: Partial<OverfitOptions> = {}): OverfitOptions {
  return {
    network: 'lenet',
    form: 'article',
    data: shapes,
    engine: tryCreateOneDnnEngine().engine ?? createReferenceEngine(),
    dtype: 'f32',
    overrides: { batch: 12 },
    validation: 10,
    workers: 0,
    ...changes,
  };
}

describe('overfitBatch', () => {
  it('learns a batch by heart where the set-up is sound, whatever the recipe smooths and mixes', async () => {
    const overrides = { batch: 12, labelSmoothing: 0.2, cropPadding: 4, weightDecay: 0.1, mixup: 1 };
    const result = await overfitBatch(options({ overrides }));
    expect(result).toMatchObject({ learned: true, pictures: 12, right: 12, learningRate: 0.02 });
    expect(result.lastLoss).toBeLessThan(0.05);
    expect(result.firstLoss).toBeGreaterThan(1);
    expect(result.steps).toBeLessThan(300);
  });

  it('fails where nothing can be learned', async () => {
    const still = await overfitBatch(options({ overrides: { batch: 12, learningRate: 0 }, steps: 5 }));
    expect(still).toMatchObject({ learned: false, steps: 5 });
    const wild = await overfitBatch(options({ overrides: { batch: 12, learningRate: 1e9 } }));
    expect(wild).toMatchObject({ learned: false, lastLoss: null });
    expect(wild.steps).toBeLessThan(20);
  });

  it('takes 32 pictures where no batch is asked for', async () => {
    const result = await overfitBatch(options({ overrides: {}, steps: 1 }));
    expect(result.pictures).toBe(32);
  });
});

describe('dryRun', () => {
  const request = (changes: Partial<RehearsalOptions> = {}): RehearsalOptions => ({
    ...options({ overrides: { batch: 8, epochs: 3, lastBatch: 'keep' } }),
    ...changes,
  });

  it('tells what the training would be', async () => {
    const result = await dryRun(request());
    // 40 pictures after 10 for validation.
    expect(result).toMatchObject({
      network: 'lenet',
      input: [1, 28, 28],
      classes: 4,
      parameters: 43916,
      pictures: { train: 40, validation: 10, test: 7 },
      stepsPerEpoch: 5,
      steps: 15,
      recipe: { name: 'lenet', batch: 8 },
      large: false,
    });
    expect(result.macs).toBeGreaterThan(200_000);
    expect(result.layers.reduce((sum, { params }) => sum + params, 0)).toBe(43916);
    const { memory, measured, estimate } = result;
    // Weights and momentum, four bytes each, are the least that the training keeps.
    expect(memory.trainingState).toBeGreaterThanOrEqual(2 * 4 * 43916);
    expect(measured.steps).toBe(5);
    expect(estimate.training).toBeCloseTo((15 * measured.msPerStep) / 1000, 9);
    expect(estimate.validation).toBeCloseTo((3 * 2 * measured.msPerTestBatch) / 1000, 9);
    expect(estimate.total).toBeCloseTo(estimate.training + estimate.validation + estimate.test, 9);
  });

  it('counts averages, gathered gradients and the program of the last batch in the memory', async () => {
    const stateOf = async (changes: RecipeOverrides): Promise<number> => {
      const overrides = { batch: 8, epochs: 3, lastBatch: 'keep', ...changes } as const;
      // The reference engine pads nothing.
      const { memory } = await dryRun(request({ overrides, engine: createReferenceEngine() }));
      return memory.trainingState;
    };
    const plain = await stateOf({});
    const bytes = 4 * 43916;
    expect(plain).toBe(2 * bytes);
    expect(await stateOf({ ema: 0.99 })).toBe(plain + bytes);
    expect(await stateOf({ polyak: 1 })).toBe(plain + bytes);
    expect(await stateOf({ accumulate: 2 })).toBe(plain + bytes);
    // 40 pictures leave 4 for a last batch of its own, with a state of its own.
    expect(await stateOf({ batch: 12 })).toBe(2 * plain);
    expect(await stateOf({ batch: 12, lastBatch: 'drop' })).toBe(plain);
  });

  it('plans the memory that the programs of the training report', async () => {
    const overrides = { batch: 8, epochs: 3, lastBatch: 'keep', ema: 0.99, accumulate: 2 } as const;
    const { memory } = await dryRun(request({ overrides }));
    const setup = await rehearse(request({ overrides }));
    const { arenaBytes, stateBytes } = setup.programs.report();
    const test = setup.programs.test().report();
    await setup.close();
    expect(memory).toMatchObject({
      trainingActivations: arenaBytes,
      trainingState: stateBytes,
      testing: test.arenaBytes + test.stateBytes,
    });
  });

  it('counts steps where the recipe does', async () => {
    const result = await dryRun(request({ overrides: { batch: 8, steps: 12, lastBatch: 'keep' } }));
    expect(result.steps).toBe(12);
  });
});
