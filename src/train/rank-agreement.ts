// What ranks that train together must have alike, and how they are told apart by it: code, options, data and weights.
// Paths, threads and times may differ from machine to machine.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { type Agreement, agree } from '../distribute/agreement.ts';
import type { Ranks } from '../distribute/ranks.ts';
import type { TrainingPrograms } from './programs.ts';
import type { RunConfig } from './run-folder.ts';
import { isGathered } from './step.ts';

/** Throws a UserError, on every rank the same, where the ranks were started with different code, options or data. */
export function agreeOnConfig(ranks: Ranks, config: RunConfig): void {
  if (ranks.size > 1) agree(ranks, { 'the code': codeChecksum(), ...configParts(config) }, 'train');
}

/** Throws a UserError, on every rank the same, where the ranks would start from different weights. */
export function agreeOnWeights(ranks: Ranks, programs: TrainingPrograms): void {
  if (ranks.size === 1) return;
  programs.settle();
  let sum = 0;
  for (const kind of ['weights', 'optimizer'] as const) {
    for (const [name, { data }] of programs.tensors(kind)) {
      // What is gathered between two updates is each rank's own.
      if (isGathered(name)) continue;
      sum = crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), sum);
    }
  }
  agree(ranks, { 'weights with the checksum': hex(sum) }, 'train');
}

/** The parts of a config that a training depends on, by the names that an error gives them. */
function configParts(config: RunConfig): Agreement {
  const { recipe, data, engine, ranks, laurel } = config;
  const parts: Record<string, unknown> = {
    'Laurel version': laurel,
    network: config.network,
    form: config.form,
    'network options': config.options,
    'data set': data.name,
    pictures: data.pictures,
    'data with the checksum': data.fingerprint,
    classes: config.classes,
    preprocessing: config.preprocessing,
    seed: config.seed,
    validation: config.validation,
    dtype: config.dtype,
    engine: engine.name,
    transfer: config.transfer,
    '--checkpoint-every': config.checkpointEvery,
    '--wire': ranks?.wire,
    '--sync-bn': ranks?.syncBatchNorm,
    '--towers': ranks?.towers,
    ...Object.fromEntries(Object.entries(recipe).map(([name, value]) => [`recipe's ${name}`, value])),
  };
  return Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, shown(value)]));
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

/** Checksum of the program's own files: two checkouts of one version may differ. */
function codeChecksum(): string {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.test|\.d)\.[jt]s$/.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
  const sum = files.reduce((so, path) => crc32(readFileSync(path), crc32(relative(root, path), so)), 0);
  return hex(sum);
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
