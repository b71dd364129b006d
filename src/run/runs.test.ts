import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { readPicture } from '../figures/testing.ts';
import { lockRunFolder } from '../train/lock.ts';
import type { TrainOptions, TrainResult } from '../train/options.ts';
import { temporaryFolder, writeSyntheticIdx } from '../train/testing.ts';
import { train } from '../train/trainer.ts';
import { listRuns, type RunRow } from './runs.ts';
import { differences, diffRuns, drawRunsDiff } from './runs-diff.ts';

let home: string;
let runs: string;
let finished: TrainResult;
beforeAll(async () => {
  home = temporaryFolder();
  runs = join(home, 'runs');
  const data = writeSyntheticIdx(join(home, 'shapes'), { train: 30, test: 7, classes: 4 });
  const options = (out: string, changes: Partial<TrainOptions> = {}): TrainOptions => ({
    network: 'lenet',
    form: 'article',
    data,
    engine: createReferenceEngine(),
    dtype: 'f32',
    out: join(runs, out),
    overrides: { epochs: 2, batch: 6, learningRate: 0.02 },
    validation: 6,
    workers: 0,
    warnings: false,
    ...changes,
  });
  finished = await train(options('done'));
  const stop = new AbortController();
  const onEvent: TrainOptions['onEvent'] = (event) =>
    event.type === 'epochStart' && event.epoch === 2 && stop.abort();
  const overrides = { epochs: 3, batch: 6, learningRate: 0.01 };
  await train(options('deeper/cut', { seed: 2, overrides, signal: stop.signal, onEvent }));
});
afterAll(() => rmSync(home, { recursive: true }));

function row(name: string): RunRow {
  const found = listRuns(runs).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no row ${name}`);
  return found;
}

/** A copy of the finished run, to be spoilt; goes away after `check`. */
function withCopy(check: (folder: string, row: () => RunRow) => void): void {
  const folder = join(runs, 'copy');
  cpSync(join(runs, 'done'), folder, { recursive: true });
  try {
    check(folder, () => row('copy'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('listRuns', () => {
  it('tells what came out of a finished run', () => {
    expect(row('done')).toMatchObject({
      state: 'finished',
      problem: null,
      network: 'lenet',
      form: 'article',
      dataset: 'shapes',
      recipe: 'lenet',
      seed: 1,
      epochs: 2,
      epochsPlanned: 2,
      bestEpoch: finished.best?.epoch,
      bestValidationTop1Error: finished.best?.validationTop1Error,
      lastValidationTop1Error: finished.validationTop1Error,
      bestTestTop1Error: finished.best?.test?.top1Error,
      lastTestTop1Error: finished.testTop1Error,
      imagesPerSecond: finished.imagesPerSecond,
      seconds: finished.seconds,
    });
  });

  it('finds runs in folders of folders, the oldest first, and takes a run folder for itself', () => {
    expect(listRuns(runs).map(({ name }) => name)).toEqual(['done', join('deeper', 'cut')]);
    expect(listRuns(finished.out).map(({ state }) => state)).toEqual(['finished']);
    expect(() => listRuns(join(home, 'nowhere'))).toThrow(/There is no folder/);
    mkdirSync(join(home, 'other'));
    writeFileSync(join(home, 'other', 'config.json'), '{"name": "of another program"}');
    expect(listRuns(join(home, 'other'))).toEqual([]);
  });

  it('tells a run that was cut off from one that runs', () => {
    const cut = row(join('deeper', 'cut'));
    expect(cut).toMatchObject({ state: 'interrupted', epochs: 1, epochsPlanned: 3, lastTestTop1Error: null });
    expect(cut.seconds).toBeGreaterThan(0);
    const lock = lockRunFolder(cut.path, () => {});
    expect(row(cut.name).state).toBe('running');
    lock.release();
    expect(row(cut.name).state).toBe('interrupted');
  });

  it('takes a finished run that was taken up again for unfinished', () => {
    withCopy((folder, copy) => {
      const config = join(folder, 'config.json');
      writeFileSync(config, readFileSync(config, 'utf8').replace('"epochs": 2', '"epochs": 4'));
      expect(copy()).toMatchObject({
        state: 'interrupted',
        epochs: 2,
        epochsPlanned: 4,
        lastTestTop1Error: null,
      });
    });
  });

  it('lists damaged runs with what is damaged', () => {
    withCopy((folder, copy) => {
      writeFileSync(join(folder, 'config.json'), '{"format": "laurel-r');
      expect(copy()).toMatchObject({ state: 'damaged', network: null });
      expect(copy().problem).toMatch(/config\.json: it is not JSON/);
    });
    withCopy((folder, copy) => {
      writeFileSync(join(folder, 'metrics.jsonl'), 'no JSON\n{}\n');
      expect(copy().problem).toMatch(/Line 1 of .*metrics\.jsonl/);
    });
    withCopy((folder, copy) => {
      const checkpoints = join(folder, 'checkpoints');
      for (const file of readdirSync(checkpoints).filter((each) => each.includes('optimizer'))) {
        truncateSync(join(checkpoints, file), 10);
      }
      expect(copy()).toMatchObject({ state: 'damaged', network: 'lenet' });
      expect(copy().problem).toMatch(/no checkpoint can be used: .*has 10 bytes/);
    });
  });

  it('keeps what was said of a divergence', () => {
    withCopy((folder, copy) => {
      writeFileSync(join(folder, 'summary.json'), '{"status": "diverged", "message": "The loss is NaN."}');
      expect(copy()).toMatchObject({ state: 'diverged', problem: 'The loss is NaN.' });
    });
  });
});

describe('diffRuns', () => {
  it('shows the settings that differ and no others', () => {
    const diff = diffRuns(join(runs, 'done'), join(runs, 'deeper', 'cut'));
    expect(diff.settings).toEqual([
      { setting: 'recipe.epochs', a: 2, b: 3 },
      { setting: 'recipe.learningRate', a: 0.02, b: 0.01 },
      { setting: 'seed', a: 1, b: 2 },
    ]);
    expect(diff.results).toContainEqual({ result: 'epochs', a: 2, b: 1 });
    expect(diff.epochs.map(({ epoch, b }) => [epoch, b === null])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(diff.epochs[1]?.a?.validationTop1Error).toBe(finished.validationTop1Error);
    expect(diffRuns(finished.out, finished.out).settings).toEqual([]);
    expect(() => diffRuns(finished.out, home)).toThrow(/Cannot read .*config\.json/);
  });

  it('draws the errors of both', async () => {
    const path = join(home, 'both.png');
    const [a, b] = [join(runs, 'done'), join(runs, 'deeper', 'cut')];
    await drawRunsDiff(path, diffRuns(a, b), ['done', 'cut']);
    const picture = await readPicture(path);
    expect(picture.boxOf('#0072b2')).toBeDefined();
    expect(picture.boxOf('#d55e00')).toBeDefined();
  });
});

describe('differences', () => {
  it('goes down to the leaves, and takes lists and kinds that differ as leaves', () => {
    expect(differences({ a: { b: 1, c: [1, 2] }, d: 1 }, { a: { b: 2, c: [1, 3] }, e: { f: 'x' } })).toEqual([
      { setting: 'a.b', a: 1, b: 2 },
      { setting: 'a.c', a: [1, 2], b: [1, 3] },
      { setting: 'd', a: 1, b: undefined },
      { setting: 'e.f', a: undefined, b: 'x' },
    ]);
    expect(differences({ a: { b: 1 } }, { a: 2 })).toEqual([{ setting: 'a', a: { b: 1 }, b: 2 }]);
    expect(differences({ started: '1', x: 1 }, { started: '2', x: 1 })).toEqual([]);
  });
});
