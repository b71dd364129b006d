// A run folder: config.json, metrics.jsonl, summary.json, checkpoints/, tensorboard/, figures/. Another program can
// read it without Laurel. config.json says everything that the training depends on, so that the folder alone is
// enough to go on with it, and so that a resumption under other circumstances is refused by name.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ComputeType, EngineDescription } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import type { Watch } from '../explain/evolution-snapshots.ts';
import { makeFolder, reason, writeFileAtomic } from '../files.ts';
import type { Form, OptionValues } from '../nets/network.ts';
import { lockRunFolder, type RunLock } from './lock.ts';
import type { RanksConfig, TrainOptions } from './options.ts';
import type { PictureStatistics } from './picture-statistics.ts';
import { adjustRecipe } from './recipes/adjust.ts';
import type { Recipe } from './recipes/recipe.ts';
import { dependsOnEpochs } from './schedule.ts';
import type { TransferConfig } from './transfer/config.ts';

export interface RunConfig {
  readonly format: 'laurel-run-1';
  readonly network: string;
  readonly form: Form;
  /** The network's own options; absent in older runs. */
  readonly options?: OptionValues;
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  readonly data: {
    /** As it was asked for, to open it again. */
    readonly request: string;
    readonly labels: 'fine' | 'coarse';
    readonly name: string;
    readonly path: string;
    readonly pictures: { readonly train: number; readonly validation: number; readonly test: number };
    /** CRC-32 of the training pixels and labels: a resumption on other pictures is refused. */
    readonly fingerprint: string;
  };
  /** Colours of a sample of the training pictures, where they stay on disk; absent for pictures in memory. */
  readonly statistics?: PictureStatistics;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly validation: number;
  readonly smoke: boolean;
  readonly checkpointEvery: number | null;
  readonly logEvery: number;
  /** Epochs whose weights stay; absent where none were asked for. */
  readonly keep?: number;
  /** Layers that are followed, and the epochs that are kept for it; absent where nothing is watched. */
  readonly watch?: Watch;
  /** Where the weights came from, and what of them learns how fast; absent where nothing was taken over. */
  readonly transfer?: TransferConfig;
  /** The processes that trained together last; absent for one. */
  readonly ranks?: RanksConfig;
  readonly dtype: ComputeType;
  readonly engine: EngineDescription;
  readonly laurel: string;
  readonly node: string;
  readonly started: string;
}

export interface RunPaths {
  readonly config: string;
  readonly metrics: string;
  readonly summary: string;
  readonly checkpoints: string;
  readonly tensorboard: string;
  readonly figures: string;
}

export function runPaths(out: string): RunPaths {
  return {
    config: join(out, 'config.json'),
    metrics: join(out, 'metrics.jsonl'),
    summary: join(out, 'summary.json'),
    checkpoints: join(out, 'checkpoints'),
    tensorboard: join(out, 'tensorboard'),
    figures: join(out, 'figures'),
  };
}

export interface RunFolder {
  /** The config of the run in it, when that is to go on. */
  readonly stored: RunConfig | undefined;
  readonly lock: RunLock;
}

/**
 * Makes the folder, locks it and tries that it can be written, before any work; what a killed training left unfinished
 * in it is removed. Throws a UserError: the folder cannot be written, is locked, holds a run already, or holds none.
 */
export function openRunFolder(
  out: string,
  resume: boolean,
  onNote: (message: string) => void = () => {},
): RunFolder {
  const { config } = runPaths(out);
  checkHolds(out, resume);
  makeFolder(out);
  const lock = lockRunFolder(out, onNote);
  try {
    // Looked at again: another training may have begun, and ended, in between.
    checkHolds(out, resume);
    if (resume) removeUnfinished(out);
    return { stored: resume ? readConfig(config) : undefined, lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function checkHolds(out: string, resume: boolean): void {
  const holdsRun = existsSync(runPaths(out).config);
  if (holdsRun === resume) return;
  const message = holdsRun
    ? `${out} holds a run already. Add --resume to go on with it, or choose another folder with --out.`
    : `${out} holds no run to go on with (no config.json). Check --out, or leave out --resume.`;
  throw new UserError(message, { exitCode: 2 });
}

/** Removes files of the run folder that a killed process left half-written, but none that a living one writes. */
function removeUnfinished(out: string): void {
  const { checkpoints, tensorboard, figures } = runPaths(out);
  for (const folder of [out, checkpoints, tensorboard, figures, join(out, 'evolution')]) {
    if (!existsSync(folder)) continue;
    for (const file of readdirSync(folder)) {
      const pid = /\.(\d+)\.part$/.exec(file)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(folder, file), { force: true });
    }
  }
}

/** Whether another process of that number runs. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readConfig(path: string): RunConfig {
  let config: RunConfig;
  try {
    config = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  if (config?.format === 'laurel-run-1') return config;
  throw new UserError(`${path} is not the config of a run of this version of Laurel. Choose another --out.`);
}

/** A JSON file that people read; numbers that are not finite become null. */
export function writeJson(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * The recipe that a stored run goes on with. Only what was given counts: what differs from the stored run is a
 * UserError that names it all, except more epochs under a schedule whose past does not depend on their number.
 */
export function resumeRecipe(stored: RunConfig, options: TrainOptions): Recipe {
  const differences: string[] = [];
  const compare = (what: string, given: unknown, was: unknown): void => {
    if (given !== undefined && given !== was) differences.push(`${what} ${was}, not ${given}`);
  };
  compare('network', options.network, stored.network);
  compare('form', options.form, stored.form);
  for (const [name, value] of Object.entries(options.networkOptions ?? {})) {
    compare(name, String(value), String(stored.options?.[name] ?? 'its default'));
  }
  compare('labels', options.labels, stored.data.labels);
  compare('recipe', options.recipe, stored.recipe.name);
  compare('seed', options.seed, stored.seed);
  compare('validation', options.validation, stored.validation);
  compare('smoke', options.smoke, stored.smoke);
  const recipe = adjustRecipe(stored.recipe, options.overrides ?? {});
  for (const [field, value, was] of changedFields(recipe, stored.recipe)) {
    if ((field === 'epochs' || field === 'steps') && !dependsOnEpochs(stored.recipe.schedule)) continue;
    differences.push(`${field} ${was}, not ${value}`);
  }
  refuse(options.out, differences);
  return recipe;
}

/** Throws unless the data that were opened are the ones that the stored run was trained on. */
export function compareData(stored: RunConfig, data: RunConfig['data'], classes: number, out: string): void {
  const differences: string[] = [];
  if (data.name !== stored.data.name) differences.push(`data ${stored.data.name}, not ${data.name}`);
  if (classes !== stored.classes.length) differences.push(`${stored.classes.length} classes, not ${classes}`);
  if (differences.length === 0 && data.fingerprint !== stored.data.fingerprint) {
    differences.push(`other pictures or labels under the name ${data.name}`);
  }
  refuse(out, differences);
}

function refuse(out: string, differences: readonly string[]): void {
  if (differences.length === 0) return;
  throw new UserError(
    `Cannot go on with the run in ${out}: it has ${differences.join('; ')}. ` +
      'Use the same settings, or start another run with another --out.',
    { exitCode: 2 },
  );
}

/** Leaves of two values of the same form that differ: path, first value, second value. */
function changedFields(value: object, was: object, path = ''): [string, string, string][] {
  const changes: [string, string, string][] = [];
  for (const key of new Set([...Object.keys(value), ...Object.keys(was)])) {
    const a = (value as Record<string, unknown>)[key];
    const b = (was as Record<string, unknown>)[key];
    const name = path === '' ? key : `${path}.${key}`;
    const nested = [a, b].every((x) => typeof x === 'object' && x !== null && !Array.isArray(x));
    if (nested) changes.push(...changedFields(a as object, b as object, name));
    else if (JSON.stringify(a) !== JSON.stringify(b))
      changes.push([name, JSON.stringify(a), JSON.stringify(b)]);
  }
  return changes;
}
