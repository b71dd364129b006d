// What the finished runs gave, as it is kept in docs/results.json: the pages are made from it, on machines that hold no
// run folders too.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../src/files.ts';
import { readMetrics } from '../../src/run/metrics.ts';
import type { EpochRecord, TrainResult } from '../../src/train/options.ts';
import type { RunConfig } from '../../src/train/run-folder.ts';
import { commandOf, curveWindow, type Run } from './plan.ts';

/** Errors in percent; null where nothing was measured. */
export interface Outcome {
  readonly command: string;
  readonly network: string;
  readonly form: string;
  readonly parameters?: number;
  readonly seed: number;
  readonly epochs: number;
  readonly seconds: number;
  readonly dtype: string;
  readonly engine: string;
  readonly cpu: string;
  readonly pictures: { readonly train: number; readonly validation: number; readonly test: number };
  readonly trainTop1Error: number | null;
  readonly testTop1Error: number | null;
  readonly testTop5Error: number | null;
  readonly best: {
    readonly epoch: number;
    readonly validationTop1Error: number;
    readonly testTop1Error: number | null;
  } | null;
  /** One entry per epoch. */
  readonly curve: readonly {
    readonly trainLoss: number;
    readonly trainTop1Error: number;
    readonly validationTop1Error: number | null;
  }[];
  /** Of a run that keeps every step: the mean loss of each `curveWindow` of them. */
  readonly losses?: readonly number[];
}

export type Store = Readonly<Record<string, Outcome>>;

export function readStore(path: string): Store {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Store) : {};
}

export function writeStore(path: string, store: Store): void {
  const sorted = Object.fromEntries(Object.entries(store).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileAtomic(path, `${JSON.stringify(sorted, null, 1)}\n`);
}

/** The outcome of the run in `folder`; undefined unless it is finished. */
export function outcomeOf(run: Run, folder: string, cpu: string): Outcome | undefined {
  const summary = join(folder, 'summary.json');
  if (!existsSync(summary)) return undefined;
  const result = JSON.parse(readFileSync(summary, 'utf8')) as TrainResult;
  if (result.status !== 'finished') return undefined;
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as RunConfig;
  const records = readMetrics<EpochRecord & { kind: string; loss: number }>(join(folder, 'metrics.jsonl'));
  const { engine, dtype, seed, pictures } = result.protocol;
  return {
    command: commandOf(run),
    network: config.network,
    form: config.form,
    seed,
    epochs: result.epochs,
    seconds: Math.round(result.seconds),
    dtype,
    engine: `${engine.library ?? engine.name}${engine.isa ? `, ${engine.isa}` : ''}, ${engine.threads} threads`,
    cpu,
    pictures,
    trainTop1Error: result.trainTop1Error,
    testTop1Error: result.testTop1Error,
    testTop5Error: result.testTop5Error,
    best: result.best && {
      epoch: result.best.epoch,
      validationTop1Error: result.best.validationTop1Error,
      testTop1Error: result.best.test?.top1Error ?? null,
    },
    curve: records
      .filter(({ kind }) => kind === 'epoch')
      .map(({ trainLoss, trainTop1Error, validationTop1Error }) => ({
        trainLoss,
        trainTop1Error,
        validationTop1Error,
      })),
    ...(config.logEvery === 1
      ? { losses: windowMeans(records.filter(({ kind }) => kind === 'step').map(({ loss }) => loss)) }
      : {}),
  };
}

function windowMeans(values: readonly number[]): number[] {
  return Array.from({ length: Math.floor(values.length / curveWindow) }, (_, place) => {
    const window = values.slice(place * curveWindow, (place + 1) * curveWindow);
    return Number((window.reduce((sum, value) => sum + value, 0) / curveWindow).toFixed(4));
  });
}
