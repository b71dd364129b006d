// What the verbs share that go through a data set: which pictures, where scans are kept, and how Ctrl-C ends them.
import type { Command } from 'commander';
import type { Ranks } from '../../distribute/ranks.ts';
import type { ModelRequest } from '../../evaluate/model.ts';
import type { OpenedScan } from '../../explain/scan-open.ts';
import type { Form } from '../../nets/network.ts';
import { addShared, type SharedOptions, sharedOption } from '../options.ts';
import { runStoppable, type Watch } from '../stoppable.ts';
import { addPreparationFlags, type PreparationFlags, preparationRequest } from '../test-options.ts';

export interface ScanOptions
  extends Pick<
      SharedOptions,
      | 'json'
      | 'weights'
      | 'data'
      | 'labels'
      | 'split'
      | 'form'
      | 'set'
      | 'batch'
      | 'engine'
      | 'dtype'
      | 'threads'
    >,
    PreparationFlags {
  /** A folder; true: the user's cache folder; false: nowhere. */
  cache: string | boolean;
}

/** Where scans are kept. */
export function addCacheOptions(command: Command): Command {
  return command
    .option('--cache <folder>', "where scans are kept; default: the user's cache folder")
    .option('--no-cache', 'scan anew, and keep nothing');
}

/** `data`: what `--data` means to the verb. */
export function addScanOptions(command: Command, data?: string): Command {
  addShared(command, 'weights').addOption(sharedOption('data', data));
  addShared(command, 'labels', 'split');
  addPreparationFlags(command);
  addCacheOptions(command);
  addShared(command, 'form', 'set');
  command.addOption(
    sharedOption('batch', 'pictures per run of the scan; default: as memory allows, at most 32'),
  );
  return addShared(command, 'engine', 'dtype', 'threads');
}

/** The network, its weights and the pictures that the options mean; another model than theirs with `model`. */
export async function openScanFor(
  name: string,
  options: ScanOptions,
  { status, signal }: Watch,
  model: ModelRequest = {
    network: name,
    form: options.form as Form | undefined,
    options: options.set,
    weights: options.weights,
  },
): Promise<OpenedScan> {
  const { openScan } = await import('../../explain/scan-open.ts');
  const { data, labels, split, engine, dtype, threads } = options;
  return openScan({
    ...model,
    data,
    labels,
    split,
    engine,
    dtype,
    threads,
    signal,
    preprocessing: preparationRequest(options),
    onNote: status.note,
    onData: ({ activity, item, done, total }) =>
      status.show(`${activity} ${item}${total ? ` ${Math.floor((100 * done) / total)} %` : ''}`),
  });
}

/** The folder that `--cache` means; undefined for none. */
export async function scanFolderOf({ cache }: Pick<ScanOptions, 'cache'>): Promise<string | undefined> {
  if (cache === false) return undefined;
  const { scanFolder } = await import('../../explain/scan-store.ts');
  return typeof cache === 'string' ? cache : scanFolder();
}

/** Runs a verb to its result, or to the Ctrl-C that ends it with what was scanned so far kept. */
export function runScanVerb<T extends object>(
  { json, cache }: ScanOptions,
  run: (watch: Watch) => Promise<T | undefined>,
  describe: (result: T) => string,
  ranks?: Ranks,
): Promise<void> {
  return runStoppable({ json, kept: cache !== false, ranks }, run, describe);
}
