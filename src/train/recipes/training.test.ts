// Every recipe trains, and what recipes can be made of goes through a stop and a resumption to the bit.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { readMetrics } from '../../run/metrics.ts';
import { readSafetensors } from '../../weights/safetensors.ts';
import type { TrainOptions } from '../options.ts';
import { temporaryFolder, writeSyntheticIdx } from '../testing.ts';
import { train } from '../trainer.ts';
import { recipes } from './index.ts';
import type { RecipeOverrides } from './recipe.ts';

let folder: string;
let shapes: string;
beforeAll(() => {
  folder = temporaryFolder();
  // 20 pictures: 16 to train on after 4 for validation; batches of 5 leave a last one of 1.
  shapes = writeSyntheticIdx(join(folder, 'shapes'), { train: 20, test: 6, classes: 4 });
});
afterAll(() => rmSync(folder, { recursive: true }));

let runs = 0;
function options(overrides: RecipeOverrides, changes: Partial<TrainOptions> = {}): TrainOptions {
  return {
    network: 'lenet',
    form: 'article',
    data: shapes,
    engine: createReferenceEngine(),
    dtype: 'f32',
    out: join(folder, `run-${runs++}`),
    overrides,
    validation: 4,
    workers: 0,
    warnings: false,
    ...changes,
  };
}

interface EpochLine {
  kind: string;
  step: number;
  learningRate: number;
  trainLoss: number;
}

function epochsOf(out: string): EpochLine[] {
  return readMetrics<EpochLine>(join(out, 'metrics.jsonl')).filter(({ kind }) => kind === 'epoch');
}

function bytesOf(path: string): string[] {
  return [...readSafetensors(path).tensors].map(
    ([name, { data }]) =>
      `${name} ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}`,
  );
}

describe('every recipe trains small pictures', () => {
  it.each(recipes.map(({ name }) => name))('%s', async (recipe) => {
    const result = await train(options({ batch: 5, epochs: 1, learningRate: 1e-3 }, { recipe }));
    expect(result).toMatchObject({ status: 'finished', recipe, epochs: 1 });
    expect(result.testLoss).toBeLessThan(20);
  });
});

/** Everything that keeps something from step to step. */
const everything: RecipeOverrides = {
  batch: 4,
  epochs: 4,
  learningRate: 0.02,
  lastBatch: 'keep',
  schedule: 'plateau',
  factor: 0.5,
  patience: 0,
  accumulate: 3,
  ema: 0.9,
  mixup: 0.4,
  cutmix: 1,
  erase: 0.5,
  clipNorm: 1,
  clipFilterRms: 0.2,
  labelSmoothing: 0.1,
  initial: 'he',
};

describe('options of any recipe', () => {
  // Each epoch has 6 batches, 16 pictures in all, an update 4: the rest is 2 of them, the last with a single picture. Or
  // it has 4, an update 3, and the rest is one batch. Stops come inside an update, inside the rest, and before it.
  it.each([
    { batch: 3, accumulate: 4, stop: 2 },
    { batch: 3, accumulate: 4, stop: 5 },
    { batch: 4, accumulate: 3, stop: 3 },
  ])('go through a stop and a resumption to the bit: %o', async ({ stop, ...changes }) => {
    const overrides = { ...everything, ...changes };
    const straight = await train(options(overrides));
    const controller = new AbortController();
    const first = options(overrides, {
      signal: controller.signal,
      onEvent: (event) =>
        event.type === 'step' && event.epoch === 2 && event.step === stop && controller.abort(),
    });
    expect((await train(first)).status).toBe('interrupted');
    const { network, out, engine } = first;
    const resumed = await train({ network, out, engine, resume: true, workers: 0, warnings: false });
    expect(resumed.status).toBe('finished');
    expect(resumed.testLoss).toBe(straight.testLoss);
    expect(bytesOf(resumed.weights.last as string)).toEqual(bytesOf(straight.weights.last as string));
    const lines = ({ trainLoss, learningRate, step }: EpochLine) => [trainLoss, learningRate, step];
    expect(epochsOf(out).map(lines)).toEqual(epochsOf(straight.out).map(lines));
  });

  it('accumulate what one batch of all their pictures would do, the rest of an epoch too', async () => {
    // The same pictures in the same order: 12 and then 4 of the 16, twice; each picture counts the same.
    const shared: RecipeOverrides = {
      epochs: 2,
      learningRate: 0.02,
      lastBatch: 'keep',
      schedule: 'constant',
      ema: 0.5,
      clipNorm: 1,
      flip: false,
    };
    const weightsOf = async (overrides: RecipeOverrides) => {
      const { weights } = await train(options({ ...shared, ...overrides }));
      return readSafetensors(weights.last as string).tensors;
    };
    const whole = await weightsOf({ batch: 12 });
    for (const parts of [
      { batch: 3, accumulate: 4 },
      { batch: 4, accumulate: 3 },
    ]) {
      const found = await weightsOf(parts);
      for (const [name, { data }] of whole) {
        const other = found.get(name)?.data as Float32Array;
        const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const worst = data.reduce(
          (most, value, i) => Math.max(most, Math.abs(value - (other[i] as number))),
          0,
        );
        expect(worst, name).toBeLessThan(1e-5 * largest);
      }
    }
  });

  it('lower the rate on a plateau', async () => {
    // A rate of 0 makes nothing better.
    const { out } = await train(
      options({ ...everything, epochs: 5, learningRate: 1e-9, patience: 1, factor: 0.1 }),
    );
    const rates = epochsOf(out).map(({ learningRate }) => learningRate);
    expect(rates.map((rate) => Number((rate / 1e-9).toPrecision(6)))).toEqual([1, 1, 1, 0.1, 0.1]);
  });

  it('stop early, and are finished then', async () => {
    const overrides = { ...everything, epochs: 9, learningRate: 1e-9, ema: 0, stopAfter: 2 };
    const given = options(overrides);
    const result = await train(given);
    expect(result).toMatchObject({ status: 'finished', epochs: 3, best: { epoch: 1 } });
    expect(result.testLoss).not.toBeNull();
    const again = await train({ ...given, resume: true, overrides: undefined });
    expect(again).toMatchObject({ status: 'finished', epochs: 3, testLoss: result.testLoss });
    await expect(train(options(overrides, { validation: 0 }))).rejects.toThrow(
      /Stopping after 2 epochs .* needs validation pictures/,
    );
  });

  it('count steps instead of epochs, and cut the last epoch short', async () => {
    const seen: string[] = [];
    const result = await train(
      options(
        { batch: 4, steps: 6, learningRate: 0.01 },
        {
          onEvent: (event) =>
            event.type === 'step' && seen.push(`${event.epoch}:${event.step}/${event.stepsPerEpoch}`),
        },
      ),
    );
    expect(seen).toEqual(['1:1/4', '1:2/4', '1:3/4', '1:4/4', '2:1/2', '2:2/2']);
    expect(result).toMatchObject({ status: 'finished', epochs: 2 });
    expect(epochsOf(result.out).map(({ step }) => step)).toEqual([4, 6]);
  });

  it('are stored, and printed at the start', async () => {
    let printed: unknown;
    const given = options(
      { ...everything, epochs: 1 },
      {
        onEvent: (event) => {
          if (event.type === 'start') printed = event.recipe;
        },
      },
    );
    const { out } = await train(given);
    const { default: config } = await import(join(out, 'config.json'), { with: { type: 'json' } });
    expect(config.recipe).toEqual(printed);
    expect(config.recipe).toMatchObject({
      accumulate: 3,
      average: { kind: 'ema', decay: 0.9 },
      mix: { mixup: 0.4, cutmix: 1 },
      initial: 'he',
      optimizer: { clipNorm: 1, clipFilterRms: 0.2 },
    });
  });
});
