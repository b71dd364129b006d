// Two runs beside each other: the settings that differ and no others, what came out, and the epochs that both have.
import { curves, type Series } from '../figures/curves.ts';
import type { EpochRecord } from '../train/options.ts';
import { type RunFiles, readRun } from './runs.ts';

export interface Difference {
  /** Path of the setting in config.json, e.g. `recipe.optimizer.momentum`. */
  readonly setting: string;
  /** As in config.json; undefined where it has none. */
  readonly a: unknown;
  readonly b: unknown;
}

export interface ResultRow {
  readonly result: string;
  readonly a: number | null;
  readonly b: number | null;
}

export interface EpochPair {
  readonly epoch: number;
  readonly a: EpochErrors | null;
  readonly b: EpochErrors | null;
}

/** Percent. */
export interface EpochErrors {
  readonly trainTop1Error: number;
  readonly validationTop1Error: number | null;
}

export interface RunsDiff {
  readonly a: string;
  readonly b: string;
  readonly settings: readonly Difference[];
  readonly results: readonly ResultRow[];
  readonly epochs: readonly EpochPair[];
}

/** What differs in any two runs, or follows from other settings, and says nothing of its own. */
const silent: ReadonlySet<string> = new Set(['started', 'recipe.source', 'recipe.choices', 'engine.path']);

/** Compares the runs in two folders. Throws a UserError when one of them holds none. */
export function diffRuns(a: string, b: string): RunsDiff {
  const [left, right] = [readRun(a), readRun(b)];
  return {
    a,
    b,
    settings: differences(left.config, right.config),
    results: resultRows(left, right),
    epochs: epochPairs(left.epochs, right.epochs),
  };
}

/** Leaves of two values that differ; lists are leaves. */
export function differences(a: unknown, b: unknown, path = ''): Difference[] {
  if (silent.has(path) || JSON.stringify(a) === JSON.stringify(b)) return [];
  if (
    !(isRecord(a) || isRecord(b)) ||
    !(isRecord(a) || a === undefined) ||
    !(isRecord(b) || b === undefined)
  ) {
    return [{ setting: path, a, b }];
  }
  const keys = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  const inner = (value: unknown, key: string): unknown => (isRecord(value) ? value[key] : undefined);
  return [...keys].flatMap((key) =>
    differences(inner(a, key), inner(b, key), path === '' ? key : `${path}.${key}`),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function resultRows(left: RunFiles, right: RunFiles): ResultRow[] {
  const row = (result: string, of: (run: RunFiles) => number | null | undefined): ResultRow => ({
    result,
    a: of(left) ?? null,
    b: of(right) ?? null,
  });
  const best = ({ epochs }: RunFiles): EpochRecord | undefined => epochs.findLast((epoch) => epoch.best);
  return [
    row('epochs', ({ epochs }) => epochs.at(-1)?.epoch ?? 0),
    row('best epoch', (run) => best(run)?.epoch),
    row('best validation top-1 error, %', (run) => best(run)?.validationTop1Error),
    row('last validation top-1 error, %', ({ epochs }) => epochs.at(-1)?.validationTop1Error),
    row('last training top-1 error, %', ({ epochs }) => epochs.at(-1)?.trainTop1Error),
    row('last training loss', ({ epochs }) => epochs.at(-1)?.trainLoss),
    row('test top-1 error, best weights, %', ({ summary }) => summary?.best?.test?.top1Error),
    row('test top-1 error, last weights, %', ({ summary }) => summary?.testTop1Error),
    row('test top-5 error, last weights, %', ({ summary }) => summary?.testTop5Error),
    row('images/s', ({ summary, epochs }) => summary?.imagesPerSecond ?? epochs.at(-1)?.imagesPerSecond),
    row('seconds', ({ summary, epochs }) => summary?.seconds ?? epochs.at(-1)?.seconds),
  ];
}

function epochPairs(a: readonly EpochRecord[], b: readonly EpochRecord[]): EpochPair[] {
  const length = Math.max(a.at(-1)?.epoch ?? 0, b.at(-1)?.epoch ?? 0);
  const errors = (records: readonly EpochRecord[], epoch: number): EpochErrors | null => {
    const found = records.find((record) => record.epoch === epoch);
    if (found === undefined) return null;
    return { trainTop1Error: found.trainTop1Error, validationTop1Error: found.validationTop1Error };
  };
  return Array.from({ length }, (_, i) => ({ epoch: i + 1, a: errors(a, i + 1), b: errors(b, i + 1) }));
}

/** Draws the errors of both runs over the epochs to `path`, ending in .png or .svg; training errors are dashed. */
export async function drawRunsDiff(
  path: string,
  diff: RunsDiff,
  names: readonly [string, string],
): Promise<void> {
  const line = (name: string, side: 'a' | 'b', field: keyof EpochErrors, dashed: boolean): Series => ({
    name,
    dashed,
    points: diff.epochs.flatMap((pair): [number, number][] => {
      const value = pair[side]?.[field] ?? null;
      return value === null ? [] : [[pair.epoch, value]];
    }),
  });
  await curves(path, {
    title: `${names[0]} and ${names[1]}: error`,
    subtitle: 'top-1 errors; dashed: of the training pictures, as they were trained on',
    series: [
      line(`${names[0]}, validation`, 'a', 'validationTop1Error', false),
      line(`${names[1]}, validation`, 'b', 'validationTop1Error', false),
      line(`${names[0]}, training`, 'a', 'trainTop1Error', true),
      line(`${names[1]}, training`, 'b', 'trainTop1Error', true),
    ],
    xLabel: 'epoch',
    yLabel: 'error, %',
    yMin: 0,
  });
}
