// Reading checkpoints back: every file is checked against its size and checksum, and when the last checkpoint is not
// whole the one before it is taken.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { flushFolder } from '../../files.ts';
import { readSafetensors } from '../../weights/safetensors.ts';
import type { Tensor } from '../../weights/tensor-file.ts';
import { type CheckpointMeta, type CheckpointName, damageOf, inspectMeta, writeMeta } from './meta.ts';
import { keepEpochs, removeUnnamed, secondName } from './save.ts';

export interface LoadedCheckpoint {
  readonly meta: CheckpointMeta;
  /** Of weights and optimizer. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** What is wrong with the last checkpoint, when this is the one before it, and the steps that are lost by that. */
  readonly fallback?: { readonly damage: string; readonly lostSteps: number | undefined };
}

/**
 * Reads the last checkpoint, or the one before it when the last is damaged; undefined when none was written yet.
 * Throws a UserError that says what is wrong when neither is whole. Changes nothing.
 */
export function loadCheckpoint(folder: string): LoadedCheckpoint | undefined {
  const last = tryLoad(folder, 'last');
  if (last !== undefined && 'meta' in last) return last;
  const previous = tryLoad(folder, 'previous');
  if (last === undefined && previous === undefined) return undefined;
  const damage = `${join(folder, last?.file ?? 'last.json')} ${last?.damage ?? 'is missing'}`;
  if (previous !== undefined && 'meta' in previous) {
    const { step } = previous.meta.position;
    const reached = lastStep(folder);
    const lostSteps = reached === undefined || reached < step ? undefined : reached - step;
    return { ...previous, fallback: { damage, lostSteps } };
  }
  const other =
    previous === undefined
      ? 'there is no checkpoint before it'
      : `of the checkpoint before it ${previous.file} ${previous.damage}`;
  throw new UserError(`${damage}, and ${other}: the run cannot go on. Start again in another folder.`);
}

interface Damage {
  /** Its name in the folder. */
  readonly file: string;
  /** What follows the name in a sentence. */
  readonly damage: string;
}

/** The checkpoint, or which of its files is damaged and how; undefined when there is none. */
function tryLoad(folder: string, name: CheckpointName): LoadedCheckpoint | Damage | undefined {
  const found = inspectMeta(folder, name);
  if (found === undefined) return undefined;
  if ('damage' in found) return { file: `${name}.json`, damage: found.damage };
  const { meta } = found;
  const tensors = new Map<string, Tensor>();
  for (const stored of [meta.weights, meta.optimizer]) {
    if (stored === undefined) continue;
    const damage = damageOf(folder, stored);
    if (damage !== undefined) return { file: stored.file, damage };
    for (const [key, tensor] of readSafetensors(join(folder, stored.file)).tensors) tensors.set(key, tensor);
  }
  return { meta, tensors };
}

/** The step that the damaged checkpoint stood at: what it says, else what its files' names say. */
function lastStep(folder: string): number | undefined {
  const found = inspectMeta(folder, 'last');
  if (found !== undefined && 'meta' in found) return found.meta.position.step;
  const steps = readdirSync(folder).flatMap((file) => {
    const step = /^step-(\d+)/.exec(file)?.[1];
    return step === undefined ? [] : [Number(step)];
  });
  return steps.length === 0 ? undefined : Math.max(...steps);
}

export interface TakeUpOptions {
  /** As for `saveCheckpoint`. */
  readonly keep?: number | undefined;
  readonly onNote: (message: string) => void;
}

/**
 * Reads the checkpoint to go on from, and puts the folder in order: what a crash left half done is finished or removed,
 * and what was damaged is said and given up.
 */
export function takeUpCheckpoint(
  folder: string,
  { keep, onNote }: TakeUpOptions,
): LoadedCheckpoint | undefined {
  const loaded = loadCheckpoint(folder);
  if (loaded === undefined) return undefined;
  const { tensors, fallback } = loaded;
  let { meta } = loaded;
  if (fallback !== undefined) {
    const { lostSteps } = fallback;
    const lost =
      lostSteps === undefined
        ? 'the steps after it'
        : `${lostSteps} ${lostSteps === 1 ? 'step' : 'steps'} after it`;
    onNote(
      `${fallback.damage}. The run goes on from the checkpoint before, step ${meta.position.step}; ` +
        `${lost} ${lostSteps === 1 ? 'is' : 'are'} trained again.`,
    );
  }
  const best = meta.best === undefined ? inspectedBest(folder) : meta.best;
  const damage = best === null ? undefined : damageOf(folder, best.weights);
  if (best !== null && damage !== undefined) {
    onNote(
      `${join(folder, best.weights.file)} ${damage}. These were the best weights so far (epoch ${best.position.epoch}); ` +
        'the best of the epochs from here on takes their place.',
    );
    meta = { ...meta, position: { ...meta.position, best: null }, best: null };
  } else {
    meta = { ...meta, best };
  }
  writeMeta(folder, 'last', meta);
  secondName(folder, meta.weights.file, 'last');
  if (meta.best) {
    writeMeta(folder, 'best', meta.best);
    secondName(folder, meta.best.weights.file, 'best');
  } else {
    rmSync(join(folder, 'best.json'), { force: true });
    rmSync(join(folder, 'best.safetensors'), { force: true });
  }
  keepEpochs(folder, meta, keep);
  flushFolder(folder);
  removeUnnamed(folder);
  return { meta, tensors, ...(fallback && { fallback }) };
}

function inspectedBest(folder: string): CheckpointMeta | null {
  const found = inspectMeta(folder, 'best');
  return found !== undefined && 'meta' in found ? found.meta : null;
}
