// What lies in a folder of runs: one row for each run folder, read from its own files alone (config.json, summary.json,
// metrics.jsonl, checkpoints/), so that runs of other machines and older versions are listed too. A run that cannot be
// read is a row that says why, never the end of the list.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { reason } from '../files.ts';
import { inspectMeta } from '../train/checkpoint/meta.ts';
import { lockHolder } from '../train/lock.ts';
import type { EpochRecord, TrainResult } from '../train/options.ts';
import { type RunConfig, runPaths } from '../train/run-folder.ts';
import { readMetrics } from './metrics.ts';

/** `diverged`: its loss was lost; `damaged`: it cannot be read or taken up again. */
export type RunState = 'finished' | 'interrupted' | 'running' | 'diverged' | 'damaged';

/** Errors in percent; null where nothing is known. */
export interface RunRow {
  /** The folder, from the one that was listed. */
  readonly name: string;
  readonly path: string;
  readonly state: RunState;
  /** What is damaged, or what was said of the divergence. */
  readonly problem: string | null;
  readonly network: string | null;
  readonly form: string | null;
  readonly dataset: string | null;
  readonly recipe: string | null;
  readonly seed: number | null;
  readonly dtype: string | null;
  readonly smoke: boolean;
  /** Epochs done, and to do in all. */
  readonly epochs: number;
  readonly epochsPlanned: number | null;
  readonly bestEpoch: number | null;
  readonly bestValidationTop1Error: number | null;
  readonly lastValidationTop1Error: number | null;
  /** Of the best weights on the validation pictures, and of the last ones. */
  readonly bestTestTop1Error: number | null;
  readonly lastTestTop1Error: number | null;
  readonly imagesPerSecond: number | null;
  readonly seconds: number | null;
  readonly started: string | null;
}

/** As much of a run as could be read. */
export interface RunFiles {
  readonly path: string;
  readonly config: RunConfig;
  readonly epochs: readonly EpochRecord[];
  readonly summary:
    | (Omit<Partial<TrainResult>, 'status'> & { status?: string; message?: string })
    | undefined;
}

/** Folders deeper than this are not looked into. */
const deepest = 4;

/**
 * The runs in `folder` and the folders below it, or the one that it is itself, the oldest first. Throws a UserError
 * when there is no such folder.
 */
export function listRuns(folder: string): RunRow[] {
  const root = resolve(folder);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`There is no folder ${folder}. Name the folder that holds the runs.`);
  }
  const rows = runFolders(root, 0).map((path) =>
    describeRun(path, relative(root, path) || relative('.', path)),
  );
  return rows.sort((a, b) => compareText(a.started, b.started) || compareText(a.name, b.name));
}

function compareText(a: string | null, b: string | null): number {
  return (a ?? '').localeCompare(b ?? '');
}

function runFolders(path: string, depth: number): string[] {
  if (isRun(path)) return [path];
  if (depth === deepest) return [];
  let entries: import('node:fs').Dirent[];
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    // A folder that may not be read holds no run that could be listed.
    return [];
  }
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
    .flatMap((entry) => runFolders(join(path, entry.name), depth + 1));
}

/** A folder with a run's config, or with one that cannot be read beside the other files of a run. */
function isRun(path: string): boolean {
  const { config, metrics, checkpoints } = runPaths(path);
  if (!existsSync(config)) return false;
  if (existsSync(metrics) || existsSync(checkpoints)) return true;
  try {
    return JSON.parse(readFileSync(config, 'utf8')).format === 'laurel-run-1';
  } catch {
    return false;
  }
}

/** Reads the files of a run. Throws a UserError that says which one is damaged or missing. */
export function readRun(path: string): RunFiles {
  const paths = runPaths(path);
  const config = readJson(paths.config) as RunConfig;
  if (config?.format !== 'laurel-run-1') {
    throw new UserError(`${paths.config} is not the config of a run of this version of Laurel.`);
  }
  const records = readMetrics<EpochRecord & { kind: string }>(paths.metrics);
  const summary = existsSync(paths.summary) ? (readJson(paths.summary) as RunFiles['summary']) : undefined;
  return { path, config, epochs: records.filter(({ kind }) => kind === 'epoch'), summary };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const what = error instanceof SyntaxError ? 'it is not JSON' : reason(error);
    throw new UserError(`Cannot read ${path}: ${what}.`, { cause: error });
  }
}

function describeRun(path: string, name: string): RunRow {
  let run: RunFiles;
  try {
    run = readRun(path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { ...unknown, name, path, problem: error.message };
  }
  const { config, epochs, summary } = run;
  const last = epochs.at(-1);
  const best = epochs.findLast((epoch) => epoch.best);
  const position = checkpointOf(path);
  const damage = 'damage' in position ? position.damage : null;
  const state = damage === null ? stateOf(run) : 'damaged';
  const current = state === 'finished' ? summary : undefined;
  return {
    name,
    path,
    state,
    problem: damage ?? (state === 'diverged' ? (summary?.message ?? null) : null),
    network: config.network ?? null,
    form: config.form ?? null,
    dataset: config.data?.name ?? null,
    recipe: config.recipe?.name ?? null,
    seed: config.seed ?? null,
    dtype: config.dtype ?? null,
    smoke: config.smoke ?? false,
    epochs: last?.epoch ?? 0,
    epochsPlanned: config.recipe?.epochs ?? null,
    bestEpoch: best?.epoch ?? null,
    bestValidationTop1Error: best?.validationTop1Error ?? null,
    lastValidationTop1Error: last?.validationTop1Error ?? null,
    bestTestTop1Error: current?.best?.test?.top1Error ?? null,
    lastTestTop1Error: current?.testTop1Error ?? null,
    imagesPerSecond: current?.imagesPerSecond ?? last?.imagesPerSecond ?? null,
    seconds: current?.seconds ?? latest(last?.seconds, 'seconds' in position ? position.seconds : undefined),
    started: config.started ?? null,
  };
}

const unknown: Omit<RunRow, 'name' | 'path' | 'problem'> = {
  state: 'damaged',
  network: null,
  form: null,
  dataset: null,
  recipe: null,
  seed: null,
  dtype: null,
  smoke: false,
  epochs: 0,
  epochsPlanned: null,
  bestEpoch: null,
  bestValidationTop1Error: null,
  lastValidationTop1Error: null,
  bestTestTop1Error: null,
  lastTestTop1Error: null,
  imagesPerSecond: null,
  seconds: null,
  started: null,
};

function latest(...seconds: readonly (number | undefined)[]): number | null {
  const known = seconds.filter((value) => value !== undefined);
  return known.length === 0 ? null : Math.max(...known);
}

/** Seconds of training at the newest checkpoint that could be taken up, by the sizes of its files; or what is wrong. */
function checkpointOf(path: string): { readonly seconds?: number } | { readonly damage: string } {
  const folder = runPaths(path).checkpoints;
  let damage: string | undefined;
  for (const name of ['last', 'previous'] as const) {
    try {
      const found = inspectMeta(folder, name);
      if (found === undefined) continue;
      const wrong = 'damage' in found ? `${name}.json ${found.damage}` : wrongFile(folder, found.meta);
      if (wrong === undefined && 'meta' in found) return { seconds: found.meta.position.seconds };
      damage ??= wrong;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      damage ??= error.message;
    }
  }
  return damage === undefined ? {} : { damage: `no checkpoint can be used: ${damage}` };
}

type Meta = Extract<NonNullable<ReturnType<typeof inspectMeta>>, { meta: unknown }>['meta'];

function wrongFile(folder: string, { weights, optimizer }: Meta): string | undefined {
  for (const stored of [weights, optimizer]) {
    if (stored === undefined) continue;
    const size = statSync(join(folder, stored.file), { throwIfNoEntry: false })?.size;
    if (size === undefined) return `${stored.file} is missing`;
    if (size !== stored.bytes) return `${stored.file} has ${size} bytes, expected ${stored.bytes}`;
  }
  return undefined;
}

/** A summary counts only if no epoch came after it: a run that goes on keeps the one of its last stop. */
function stateOf({ path, config, epochs, summary }: RunFiles): RunState {
  if (lockHolder(path) !== undefined) return 'running';
  if (summary?.status === 'diverged') return 'diverged';
  const done = summary?.epochs ?? 0;
  const wentOn = (epochs.at(-1)?.epoch ?? 0) > done;
  const longer = config.recipe.stopAfter === undefined && config.recipe.epochs > done;
  return summary?.status === 'finished' && !wentOn && !longer ? 'finished' : 'interrupted';
}
