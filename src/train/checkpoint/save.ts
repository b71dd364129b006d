// Checkpoints: `last` (to train on from), `previous` (the one before it, should `last` be damaged) and `best` (on the
// validation pictures). A checkpoint is a set of files that becomes valid by one rename. In this order:
// 1. the tensors, in files of their own whose names hold the step;
// 2. `last.json`, which names them and the best ones with sizes and checksums, replaces its forerunner;
// 3. `previous.json` (the forerunner) and `best.json` follow, which can be made again from `last.json`;
// 4. `last.safetensors`, `best.safetensors` and with `keep` `epoch-0012.safetensors`: second names (hard links) of
//    weights, for `--weights`;
// 5. files that no checkpoint names are removed.
// Every file is flushed before it gets its name, and the folder after. A crash or a full disk at any moment leaves a
// whole checkpoint, the last or the one before.
import { copyFileSync, existsSync, linkSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { flushFile, flushFolder, makeFolder } from '../../files.ts';
import { writeSafetensors } from '../../weights/safetensors.ts';
import type { Tensor } from '../../weights/tensor-file.ts';
import type { PlateauState } from '../plateau.ts';
import { type CheckpointMeta, describeFile, inspectMeta, writeMeta } from './meta.ts';

export { type CheckpointMeta, type CheckpointName, checkpointWeights, readMeta } from './meta.ts';

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
  /** What the plateau schedule has seen; absent under the others. */
  readonly plateau?: PlateauState;
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

export interface SaveOptions {
  /** Makes the weights the checkpoint `best` too. */
  readonly alsoBest?: boolean | undefined;
  /** How many of the newest epochs' weights stay; absent: whatever is there is left alone. */
  readonly keep?: number | undefined;
  readonly write?: TensorWriter | undefined;
  /** Called before each file; throws when the run folder is no longer there. */
  readonly check?: (() => void) | undefined;
}

/**
 * Writes the checkpoint `last`; the one that was the last becomes `previous`. Throws a UserError when the disk
 * refuses; what was valid before stays valid.
 */
export function saveCheckpoint(folder: string, content: CheckpointContent, options: SaveOptions = {}): void {
  const { alsoBest = false, keep, write = writeSafetensors, check = () => {} } = options;
  check();
  makeFolder(folder);
  const forerunner = inspectMeta(folder, 'last');
  const files = freeNames(folder, content.position.step);
  try {
    write(join(folder, files.weights), content.weights, content.metadata);
    check();
    write(join(folder, files.optimizer), content.optimizer);
    const { position, seed } = content;
    const weights = describeFile(folder, files.weights);
    const itself: CheckpointMeta = { format: 'laurel-checkpoint-1', position, seed, weights };
    const best = alsoBest ? itself : bestOf(folder, forerunner);
    check();
    writeMeta(folder, 'last', { ...itself, optimizer: describeFile(folder, files.optimizer), best });
    if (forerunner !== undefined && 'meta' in forerunner) writeMeta(folder, 'previous', forerunner.meta);
    if (alsoBest) writeMeta(folder, 'best', itself);
    secondName(folder, files.weights, 'last');
    if (alsoBest) secondName(folder, files.weights, 'best');
    keepEpochs(folder, itself, keep);
    flushFolder(folder);
  } finally {
    removeUnnamed(folder);
  }
}

/** The best checkpoint so far, as the last one knew it; older folders have it in `best.json` alone. */
function bestOf(folder: string, last: ReturnType<typeof inspectMeta>): CheckpointMeta | null {
  if (last !== undefined && 'meta' in last && last.meta.best !== undefined) return last.meta.best;
  const found = inspectMeta(folder, 'best');
  return found !== undefined && 'meta' in found ? found.meta : null;
}

const filePattern = /^step-\d+(-\d+)?\.(weights|optimizer)\.safetensors$/;

/**
 * Names for tensor files of this step that no valid checkpoint has: the end of an epoch may be saved twice, before its
 * validation and after.
 */
function freeNames(folder: string, step: number): { weights: string; optimizer: string } {
  const taken = namedFiles(folder);
  for (let count = 0; ; count++) {
    const stem = `step-${String(step).padStart(8, '0')}${count === 0 ? '' : `-${count}`}`;
    const names = { weights: `${stem}.weights.safetensors`, optimizer: `${stem}.optimizer.safetensors` };
    if (!taken.has(names.weights) && !taken.has(names.optimizer)) return names;
  }
}

/** Tensor files that a checkpoint names; those of a damaged description are not known. */
function namedFiles(folder: string): Set<string> {
  const named = new Set<string>();
  for (const name of ['last', 'previous', 'best'] as const) {
    const found = inspectMeta(folder, name);
    if (found === undefined || 'damage' in found) continue;
    for (const stored of [found.meta.weights, found.meta.optimizer, found.meta.best?.weights]) {
      if (stored !== undefined) named.add(stored.file);
    }
  }
  return named;
}

/** Removes tensor files, and unfinished ones of this program, that no valid checkpoint names. */
export function removeUnnamed(folder: string): void {
  try {
    const last = inspectMeta(folder, 'last');
    if (last !== undefined && 'damage' in last) return;
    const named = namedFiles(folder);
    for (const file of readdirSync(folder)) {
      if ((filePattern.test(file) && !named.has(file)) || file.endsWith('.part')) {
        rmSync(join(folder, file), { force: true });
      }
    }
  } catch {
    // Tidying up is not worth a failure: what is left over is removed after the next checkpoint.
  }
}

/** Gives a weights file a second name. Not every file system has hard links; where there are none it is copied. */
export function secondName(folder: string, file: string, name: string): void {
  const temporary = join(folder, `${name}.safetensors.${process.pid}.part`);
  rmSync(temporary, { force: true });
  try {
    linkSync(join(folder, file), temporary);
  } catch {
    copyFileSync(join(folder, file), temporary);
    flushFile(temporary);
  }
  renameSync(temporary, join(folder, `${name}.safetensors`));
}

const epochPattern = /^epoch-(\d+)\.safetensors$/;

/**
 * Keeps the weights of an epoch that has ended under a name of their own, and of the others the `keep` newest up to
 * it; those of later epochs are of a future that was given up.
 */
export function keepEpochs(folder: string, { position, weights }: CheckpointMeta, keep?: number): void {
  if (keep === undefined) return;
  const { epoch, stepInEpoch } = position;
  const name = `epoch-${String(epoch).padStart(4, '0')}`;
  const ended = stepInEpoch === 0 && epoch > 0;
  if (keep > 0 && ended && !existsSync(join(folder, `${name}.safetensors`))) {
    secondName(folder, weights.file, name);
  }
  for (const file of readdirSync(folder)) {
    const kept = epochPattern.exec(file)?.[1];
    if (kept === undefined || (Number(kept) > epoch - keep && Number(kept) <= epoch)) continue;
    rmSync(join(folder, file), { force: true });
  }
}
