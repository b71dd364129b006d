// What a training will be: options, recipe, stored run, data and engine brought together into the run's config.
// What can be refused is refused here, before anything is computed, the cheapest reasons first.
import { resolve } from 'node:path';
import { augmentedSize } from '../data/augment.ts';
import { alone, type Ranks } from '../distribute/ranks.ts';
import { checkTowers } from '../distribute/towers/towers.ts';
import type { Engine } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import { resolveEngine } from '../evaluate/engine.ts';
import { plainAugmentation } from '../evaluate/preprocessing.ts';
import { type Watch, watchedEpochs } from '../explain/evolution-snapshots.ts';
import { findLayer } from '../explain/layer.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork, type Form, formOf, type Network, type NetworkDescription } from '../nets/network.ts';
import { plural } from '../plural.ts';
import { version } from '../version.ts';
import type { RunLock } from './lock.ts';
import type { RanksConfig, TrainEvent, TrainOptions } from './options.ts';
import { adjustRecipe } from './recipes/adjust.ts';
import { defaultRecipe, findRecipe } from './recipes/index.ts';
import type { Recipe } from './recipes/recipe.ts';
import { compareData, openRunFolder, type RunConfig, resumeRecipe } from './run-folder.ts';
import { openTrainingData, type TrainingData } from './training-data.ts';
import { openTransfer, type SettledTransfer } from './transfer/transfer.ts';
import { preparedAs } from './transfer/weights.ts';

export interface Plan {
  readonly config: RunConfig;
  readonly out: string;
  /** Held for as long as the training runs; absent in a rehearsal, and on all ranks but the first. */
  readonly lock: RunLock | undefined;
  /** Whether `out` held this run already. */
  readonly resumed: boolean;
  readonly description: NetworkDescription;
  readonly ranks: Ranks;
  readonly data: TrainingData;
  readonly engine: Engine;
  /** Where its weights start and how fast each learns, if not all alike. */
  readonly transfer: SettledTransfer | undefined;
}

/** Everything that is decided before the first step; the run folder is made and tried, nothing is written. */
export async function planTraining(options: TrainOptions, emit: (event: TrainEvent) => void): Promise<Plan> {
  checkNumbers(options);
  const description = findNetwork(options.network);
  const { ranks = alone, rehearsal, resume = false } = options;
  checkTowers(options.towers, { network: description.name, ranks: ranks.size });
  const [defaultForm] = formOf(description, options.form);
  const asked = adjustRecipe(
    options.recipe === undefined
      ? defaultRecipe(description.name, options.transfer?.weights !== undefined)
      : findRecipe(options.recipe),
    options.overrides ?? {},
  );
  const out = resolve(options.out);
  const note = (message: string): void => emit({ type: 'note', message });
  const folder = rehearsal || !ranks.leads ? undefined : openRunFolder(out, resume, note);
  try {
    const stored = ranks.told(() => folder?.stored);
    const request = { description, defaultForm, asked, out, stored, lock: folder?.lock, ranks };
    return await planIn(request, options, emit);
  } catch (error) {
    folder?.lock.release();
    throw error;
  }
}

interface Request {
  readonly description: NetworkDescription;
  readonly defaultForm: Form;
  readonly asked: Recipe;
  readonly out: string;
  /** Of a run that is taken up again; every rank is told. */
  readonly stored: RunConfig | undefined;
  /** Rank 0's, but for a rehearsal. */
  readonly lock: RunLock | undefined;
  readonly ranks: Ranks;
}

/** The rest of the plan, with the run folder locked. */
async function planIn(
  { description, defaultForm, asked, out, stored, lock, ranks }: Request,
  options: TrainOptions,
  emit: (event: TrainEvent) => void,
): Promise<Plan> {
  const settings = stored === undefined ? freshSettings(options, asked) : resumedSettings(options, stored);
  const { seed, validation, smoke, labels } = settings;
  const request = options.data ?? stored?.data.request;
  if (request === undefined) {
    throw new UserError('No data to train on. Name a data set or a folder with --data.', { exitCode: 2 });
  }
  const transfer = openTransfer({
    request: options.transfer,
    stored,
    out,
    description,
    form: options.form,
    options: options.networkOptions,
    data: request,
    onNote: (message) => emit({ type: 'note', message }),
  });
  const [form, formDescription] = formOf(
    description,
    options.form ?? stored?.form ?? transfer?.form ?? defaultForm,
  );
  const openData = (): Promise<TrainingData> =>
    openTrainingData({
      data: request,
      form: formDescription,
      recipe: settings.recipe,
      seed,
      validation,
      smoke,
      preprocessing: transfer?.preprocessing,
      stored,
      onBadImage: options.onBadImage,
      open: { labels, signal: options.signal, onProgress: (progress) => emit({ type: 'data', progress }) },
    });
  // What one downloads or notes down is there for the others.
  const data = await ranks.leaderFirst(openData);
  const { trainSet } = data;
  const settledRecipe = settleRecipe(settings.recipe, data);
  const wanted = transfer?.preprocessing;
  const recipe = wanted === undefined ? settledRecipe : preparedAs(settledRecipe, wanted);
  const dataConfig: RunConfig['data'] = {
    request,
    labels,
    name: trainSet.name,
    path: trainSet.path,
    pictures: { train: data.train.length, validation: data.validation.length, test: data.test.length },
    fingerprint: data.fingerprint,
  };
  if (stored !== undefined) compareData(stored, dataConfig, trainSet.classes.length, out);
  checkBatch(recipe, ranks);
  const { engine, dtype, notes } = await resolveEngine({
    engine: options.engine ?? stored?.engine.name,
    threads: options.threads ?? ranks.cores,
    dtype: options.dtype ?? stored?.dtype,
  });
  // Built once for its options: all of them are written down, the defaults too, and wrong ones refused here.
  const build = (training: boolean): Network =>
    buildNetwork(description, {
      form,
      classes: trainSet.classes.length,
      channels: data.preprocessing.channels,
      ...augmentedSize(data.preprocessing, plainAugmentation(data.preprocessing)),
      options: transfer?.options ?? options.networkOptions ?? stored?.options,
      training,
    });
  const network = build(false);
  checkTowers(options.towers, { groups: network.options.groups });
  const settled = transfer?.settle(build, trainSet.classes);
  const watch = watchOf(options, stored);
  const keep = options.keep ?? stored?.keep;
  for (const path of watch?.layers ?? []) findLayer(network, path);
  const config: RunConfig = {
    format: 'laurel-run-1',
    network: description.name,
    form,
    options: network.options,
    classes: trainSet.classes,
    preprocessing: data.preprocessing,
    data: dataConfig,
    ...(data.statistics && { statistics: data.statistics }),
    recipe,
    seed,
    validation,
    smoke,
    checkpointEvery: options.checkpointEvery ?? stored?.checkpointEvery ?? null,
    logEvery: options.logEvery ?? stored?.logEvery ?? 50,
    ...(keep !== undefined && { keep }),
    ...(watch && { watch }),
    ...(settled?.config && { transfer: settled.config }),
    ...(ranks.size > 1 && { ranks: ranksConfig(ranks, options, stored) }),
    dtype,
    engine: engine.describe(),
    laurel: version,
    node: process.version,
    started: stored?.started ?? new Date().toISOString(),
  };
  for (const message of [
    ...(options.threads === undefined ? ranks.notes : []),
    ...notes,
    ...data.notes,
    ...classNotes(trainSet),
    ...(settled?.notes ?? []),
    ...resumeNotes(stored, config),
    ...recipeNotes(recipe),
  ]) {
    emit({ type: 'note', message });
  }
  const resumed = stored !== undefined;
  return { config, out, lock, resumed, ranks, description, data, engine, transfer: settled };
}

type Settings = Pick<RunConfig, 'recipe' | 'seed' | 'validation' | 'smoke'> & {
  readonly labels: 'fine' | 'coarse';
};

function freshSettings(options: TrainOptions, asked: Recipe): Settings {
  const { seed = 1, validation = 0.1, smoke = false, labels = 'fine' } = options;
  const short = smoke && options.overrides?.epochs === undefined;
  const { steps: _steps, ...whole } = asked;
  return { recipe: short ? { ...whole, epochs: 1 } : asked, seed, validation, smoke, labels };
}

function resumedSettings(options: TrainOptions, stored: RunConfig): Settings {
  const { seed, validation, smoke } = stored;
  return { recipe: resumeRecipe(stored, options), seed, validation, smoke, labels: stored.data.labels };
}

/** What is asked for, else what the run watched before: watching changes nothing in a training. */
function watchOf({ watch }: TrainOptions, stored: RunConfig | undefined): Watch | undefined {
  if (watch === undefined) return stored?.watch;
  const { layers, epochs = watchedEpochs } = watch;
  return { layers: [...new Set(layers)], epochs: [...new Set(epochs)].sort((a, b) => a - b) };
}

function checkNumbers(options: TrainOptions): void {
  for (const [name, value] of [
    ['--checkpoint-every', options.checkpointEvery],
    ['--log-every', options.logEvery],
  ] as const) {
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      throw new UserError(`${name} is ${value}; expected a whole number of steps, at least 1.`, {
        exitCode: 2,
      });
    }
  }
  const { keep } = options;
  if (keep !== undefined && !(Number.isInteger(keep) && keep >= 0)) {
    throw new UserError(`--keep is ${keep}; expected a whole number of epochs, at least 0.`, { exitCode: 2 });
  }
  const early = options.watch?.epochs?.find((epoch) => !(Number.isInteger(epoch) && epoch >= 0));
  if (early !== undefined) {
    throw new UserError(`--watch-epochs has ${early}; expected whole numbers from 0 on.`, { exitCode: 2 });
  }
  const { seed = 1 } = options;
  if (!Number.isInteger(seed) || seed < 0 || seed > 0x7fffffff) {
    throw new UserError(`The seed is ${seed}; expected a whole number from 0 to ${0x7fffffff}.`, {
      exitCode: 2,
    });
  }
}

function resumeNotes(stored: RunConfig | undefined, now: RunConfig): string[] {
  if (stored === undefined) return [];
  const onRanks = (ranks: RanksConfig | undefined): string =>
    ranks === undefined ? '' : ` on each of ${ranks.count} ${ranks.towers ? 'towers' : 'ranks'}`;
  const describe = ({ engine, dtype, ranks }: RunConfig): string =>
    `${engine.library ?? `the ${engine.name} engine`}, ${dtype}, ${plural(engine.threads, 'thread')}${onRanks(ranks)}`;
  const [before, after] = [describe(stored), describe(now)];
  if (before === after) return [];
  return [
    `The run was started with ${before} and goes on with ${after}: its numbers may differ in the last bits.`,
  ];
}

/** What was said of the ranks, else what the run did before. */
function ranksConfig(
  { size, mpi = '', wire }: Ranks,
  { syncBatchNorm, towers }: TrainOptions,
  stored: RunConfig | undefined,
): RanksConfig {
  const together = syncBatchNorm ?? stored?.ranks?.syncBatchNorm ?? false;
  return { count: size, mpi, wire, syncBatchNorm: together, ...(towers === 2 && { towers }) };
}

function checkBatch({ batch, name }: Recipe, { size }: Ranks): void {
  if (batch >= size) return;
  throw new UserError(
    `The batch of ${batch} (${name}) cannot be divided over ${size} ranks: it is that of all of them together. ` +
      `Choose a --batch of at least ${size}.`,
    { exitCode: 2 },
  );
}

/** The recipe for so many pictures: steps in all as epochs, and what needs a validation refused where there is none. */
function settleRecipe(recipe: Recipe, { train, validation }: TrainingData): Recipe {
  const { batch, lastBatch, steps, stopAfter } = recipe;
  if (stopAfter !== undefined && validation.length === 0) {
    throw new UserError(
      `Stopping after ${stopAfter} epochs without a better validation needs validation pictures, and there are ` +
        'none. Hold some out with --validation, or leave out --stop-after.',
      { exitCode: 2 },
    );
  }
  if (steps === undefined) return recipe;
  const perEpoch = train.length / batch;
  const batches = Math.max(1, lastBatch === 'keep' ? Math.ceil(perEpoch) : Math.floor(perEpoch));
  return { ...recipe, epochs: Math.ceil(steps / batches) };
}

function classNotes({ name, classes }: TrainingData['trainSet']): string[] {
  if (classes.length > 1) return [];
  return [
    `Warning: ${name} has one class alone (${classes[0]}): there is nothing to tell apart. Check --data.`,
  ];
}

function recipeNotes({ schedule, epochs, name, average }: Recipe): string[] {
  if (average?.kind === 'polyak' && average.fromEpoch >= epochs) {
    return [
      `The recipe ${name} averages the weights from epoch ${average.fromEpoch} on, and this run ends with epoch ` +
        `${epochs}: there is no average. --polyak names another epoch.`,
    ];
  }
  if (schedule.kind !== 'multi-step' || schedule.unit === 'steps') return [];
  const beyond = schedule.milestones.filter((milestone) => milestone > epochs);
  if (beyond.length === 0) return [];
  return [
    `The recipe ${name} lowers the learning rate at epoch ${beyond.join(', ')}, beyond the ${epochs} epochs ` +
      'of this run.',
  ];
}
