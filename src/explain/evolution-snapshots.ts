// Weights of several moments of a training, to look at how features came to be. A watched training leaves them in its
// run folder as evolution/epoch-N.safetensors; any other weights files of one network can stand for moments too.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import { type Model, type ModelRequest, openModel } from '../evaluate/model.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import type { Tensor } from '../weights/tensor-file.ts';
import type { Stage } from './evolution.ts';
import { modelSubject } from './scan.ts';

/** What a training watches. */
export interface Watch {
  /** Paths of layers. */
  readonly layers: readonly string[];
  /** Epochs after which the weights are kept; 0 is before the first step. The last epoch is kept always. */
  readonly epochs: readonly number[];
}

/** The epochs of the paper's figure 4. */
export const watchedEpochs: readonly number[] = [1, 2, 5, 10, 20, 30, 40, 64];

const pattern = /^epoch-(\d+)\.safetensors$/;

/** The folder for snapshots and figures in a run folder. */
export function evolutionFolder(run: string): string {
  return join(run, 'evolution');
}

function snapshotPath(folder: string, epoch: number): string {
  return join(folder, `epoch-${epoch}.safetensors`);
}

/** Keeps the weights of an epoch, whole or not at all. */
export function saveSnapshot(
  folder: string,
  epoch: number,
  weights: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>>,
): void {
  writeSafetensors(snapshotPath(folder, epoch), weights, { ...metadata, epoch: String(epoch) });
}

/** The snapshots in a folder by their epochs, from the earliest on. */
export function listSnapshots(folder: string): { readonly epoch: number; readonly path: string }[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => {
      const epoch = pattern.exec(name)?.[1];
      return epoch === undefined ? [] : [{ epoch: Number(epoch), path: join(folder, name) }];
    })
    .sort((a, b) => a.epoch - b.epoch);
}

/** What a run folder says of its training, as much as is needed here. */
export function watchOfRun(run: string): { readonly data?: string; readonly layers?: readonly string[] } {
  const path = join(run, 'config.json');
  if (!existsSync(path)) return {};
  try {
    const config = JSON.parse(readFileSync(path, 'utf8')) as {
      data?: { request?: string };
      watch?: Partial<Watch> | null;
    };
    const { watch, data } = config;
    return {
      ...(data?.request !== undefined && { data: data.request }),
      ...(watch?.layers !== undefined && { layers: watch.layers }),
    };
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** A run folder stands for all its snapshots; other paths stand for themselves. Throws a UserError for an empty one. */
export function snapshotFiles(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
    const found = listSnapshots(evolutionFolder(path));
    if (found.length > 0) return found.map((snapshot) => snapshot.path);
    throw new UserError(
      `${path} holds no snapshots (evolution/epoch-N.safetensors). Train with --watch, or give weights files.`,
      { exitCode: 2 },
    );
  });
}

/** A weights file as a moment: `model` is the one that it must agree with. Throws a UserError if it does not. */
export function stageOf(
  request: ModelRequest,
  model: Model,
  classes: number,
  preprocessing: Preprocessing,
): Stage {
  const said = openModel(request);
  const { form, options } = model;
  const same = said.form === form && JSON.stringify(said.options) === JSON.stringify(options);
  if (!same) {
    throw new UserError(
      `${said.path} is of another form or other options of ${said.description.name} than ${model.path}. ` +
        'Give weights of one training.',
      { exitCode: 2 },
    );
  }
  const metadata = said.file.metadata.epoch;
  const epoch = metadata !== undefined && /^\d+$/.test(metadata) ? Number(metadata) : null;
  return {
    name: epoch === null ? basename(said.path).replace(/\.\w+$/, '') : `epoch ${epoch}`,
    epoch,
    // Read again when its turn comes, so that not all weights are in memory at once.
    open: () => modelSubject(openModel(request), classes, preprocessing),
  };
}
