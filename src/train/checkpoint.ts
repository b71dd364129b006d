// Checkpoints: `last` (to train on from) and `best` (on the validation pictures). A checkpoint is a set of files
// that becomes valid by one rename: first the tensors go to files whose names hold the step, then `last.json`,
// which names them with sizes and checksums, replaces its forerunner; only then are files that no checkpoint names
// removed. A crash or a full disk at any moment leaves the previous checkpoint whole.
//
// `last.safetensors` and `best.safetensors` are second names (hard links) of the valid weights, for `--weights`.
import {
  copyFileSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { UserError } from '../errors.ts';
import { makeFolder, reason, writeFileAtomic } from '../files.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import type { Tensor } from '../weights/tensor-file.ts';

export type CheckpointName = 'last' | 'best';

/** Sums over the pictures of an epoch that is under way. */
export interface EpochSums {
  readonly pictures: number;
  readonly loss: number;
  readonly top1: number;
  readonly top5: number;
}

/** Where a run stands. Learning rate, order of the pictures and augmentation follow from it and the config. */
export interface TrainingPosition {
  /** Epochs done, and steps taken in the one that follows. */
  readonly epoch: number;
  readonly stepInEpoch: number;
  /** Steps taken in all. */
  readonly step: number;
  readonly sums: EpochSums;
  /** Seconds of training so far, over all resumptions. */
  readonly seconds: number;
  /** Epoch (from 1) and top-1 error, percent, of the best validation so far. */
  readonly best: { readonly epoch: number; readonly top1Error: number } | null;
}

interface StoredFile {
  readonly file: string;
  readonly bytes: number;
  readonly crc32: string;
}

export interface CheckpointMeta {
  readonly format: 'laurel-checkpoint-1';
  readonly position: TrainingPosition;
  readonly seed: number;
  /** Weights and running statistics, under their own names. */
  readonly weights: StoredFile;
  /** Momentum; absent from `best`. */
  readonly optimizer?: StoredFile;
}

export interface CheckpointContent {
  readonly position: TrainingPosition;
  readonly seed: number;
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly optimizer: ReadonlyMap<string, Tensor>;
  /** Goes into the weights file. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** How files are written; tests put a failing disk here. */
export type TensorWriter = typeof writeSafetensors;

const filePattern = /^step-\d+\.(weights|optimizer)\.safetensors$/;

/**
 * Writes the checkpoint `last`, and with `alsoBest` makes its weights the checkpoint `best`.
 * Throws a UserError when the disk refuses; what was valid before stays valid.
 */
export function saveCheckpoint(
  folder: string,
  content: CheckpointContent,
  options: { alsoBest?: boolean; write?: TensorWriter } = {},
): void {
  const write = options.write ?? writeSafetensors;
  makeFolder(folder);
  const stem = `step-${String(content.position.step).padStart(8, '0')}`;
  const names = { weights: `${stem}.weights.safetensors`, optimizer: `${stem}.optimizer.safetensors` };
  try {
    write(join(folder, names.weights), content.weights, content.metadata);
    write(join(folder, names.optimizer), content.optimizer);
    const { position, seed } = content;
    const weights = describeFile(folder, names.weights);
    const best: CheckpointMeta = { format: 'laurel-checkpoint-1', position, seed, weights };
    const last: CheckpointMeta = { ...best, optimizer: describeFile(folder, names.optimizer) };
    if (options.alsoBest) writeMeta(folder, 'best', best);
    writeMeta(folder, 'last', last);
    secondName(folder, names.weights, 'last');
    if (options.alsoBest) secondName(folder, names.weights, 'best');
  } finally {
    removeUnnamed(folder);
  }
}

function writeMeta(folder: string, name: CheckpointName, meta: CheckpointMeta): void {
  writeFileAtomic(join(folder, `${name}.json`), `${JSON.stringify(meta, null, 2)}\n`);
}

function describeFile(folder: string, file: string): StoredFile {
  const bytes = readFileSync(join(folder, file));
  return { file, bytes: bytes.length, crc32: checksum(bytes) };
}

function checksum(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}

/** Not every file system has hard links; where there are none the weights are copied. */
function secondName(folder: string, file: string, name: CheckpointName): void {
  const temporary = join(folder, `${name}.safetensors.${process.pid}.part`);
  rmSync(temporary, { force: true });
  try {
    linkSync(join(folder, file), temporary);
  } catch {
    copyFileSync(join(folder, file), temporary);
  }
  renameSync(temporary, join(folder, `${name}.safetensors`));
}

/** Removes tensor files, and unfinished ones of this program, that no valid checkpoint names. */
function removeUnnamed(folder: string): void {
  try {
    const named = new Set<string>();
    for (const name of ['last', 'best'] as const) {
      const meta = readMeta(folder, name);
      if (meta !== undefined) named.add(meta.weights.file);
      if (meta?.optimizer !== undefined) named.add(meta.optimizer.file);
    }
    for (const file of readdirSync(folder)) {
      if ((filePattern.test(file) && !named.has(file)) || file.endsWith('.part')) {
        rmSync(join(folder, file), { force: true });
      }
    }
  } catch {
    // Tidying up is not worth a failure: what is left over is removed after the next checkpoint.
  }
}

/** The description of a checkpoint, or undefined when there is none. */
export function readMeta(folder: string, name: CheckpointName): CheckpointMeta | undefined {
  const path = join(folder, `${name}.json`);
  if (!existsSync(path)) return undefined;
  try {
    const meta = JSON.parse(readFileSync(path, 'utf8')) as CheckpointMeta;
    if (meta.format === 'laurel-checkpoint-1') return meta;
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  throw new UserError(
    `${path} is not a checkpoint of this version of Laurel. Start a run in another folder.`,
  );
}

/** The path of a checkpoint's weights, or undefined when there is no such checkpoint. */
export function checkpointWeights(folder: string, name: CheckpointName): string | undefined {
  const meta = readMeta(folder, name);
  return meta === undefined ? undefined : join(folder, meta.weights.file);
}

/** Reads `last` after checking sizes and checksums; undefined when no checkpoint was written yet. */
export function loadCheckpoint(
  folder: string,
): { meta: CheckpointMeta; tensors: ReadonlyMap<string, Tensor> } | undefined {
  const meta = readMeta(folder, 'last');
  if (meta === undefined) return undefined;
  const tensors = new Map<string, Tensor>();
  for (const stored of [meta.weights, meta.optimizer]) {
    if (stored === undefined) continue;
    checkFile(folder, stored);
    for (const [name, tensor] of readSafetensors(join(folder, stored.file)).tensors)
      tensors.set(name, tensor);
  }
  return { meta, tensors };
}

function checkFile(folder: string, stored: StoredFile): void {
  const path = join(folder, stored.file);
  const hint = 'The checkpoint cannot be used; start again in another folder.';
  if (!existsSync(path)) throw new UserError(`${path} is missing. ${hint}`);
  const { size } = statSync(path);
  if (size !== stored.bytes) {
    throw new UserError(`${path} has ${size} bytes, expected ${stored.bytes}. ${hint}`);
  }
  if (checksum(readFileSync(path)) !== stored.crc32) {
    throw new UserError(`${path} is damaged: its checksum differs from the one stored with it. ${hint}`);
  }
}
