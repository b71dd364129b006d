// What a training works with once its plan stands: compiled programs, loaders and, for a run taken up again, the
// state it was left in.
import { augmentedSize } from '../data/augment.ts';
import { wholeShare } from '../data/part.ts';
import { alone, type Ranks } from '../distribute/ranks.ts';
import { towersOf } from '../distribute/towers/towers.ts';
import type { Engine } from '../engines/engine.ts';
import { encodeModelInfo, plainAugmentation } from '../evaluate/preprocessing.ts';
import { elementCount } from '../graph/tensor.ts';
import type { BuildOptions } from '../nets/network.ts';
import { matchWeights } from '../weights/match.ts';
import { takeUpCheckpoint } from './checkpoint/load.ts';
import type { EpochSums, TrainingPosition } from './checkpoint/save.ts';
import { type Loaders, openLoaders } from './loaders.ts';
import type { TrainEvent, TrainOptions } from './options.ts';
import { type Plan, planTraining } from './plan.ts';
import { compilePrograms, type TrainingPrograms } from './programs.ts';
import { agreeOnConfig, agreeOnWeights } from './rank-agreement.ts';
import type { Recipe } from './recipes/recipe.ts';
import { type RunConfig, type RunPaths, runPaths, writeJson } from './run-folder.ts';
import type { TrainingData } from './training-data.ts';

export interface Setup extends Loaders {
  readonly options: TrainOptions;
  readonly config: RunConfig;
  readonly recipe: Recipe;
  readonly paths: RunPaths;
  readonly out: string;
  readonly ranks: Ranks;
  /** Throws a UserError when the run folder was deleted, moved or replaced: nothing is to be written any more. */
  checkFolder(): void;
  readonly data: TrainingData;
  readonly engine: Engine;
  readonly programs: TrainingPrograms;
  /** Pictures that were left out so far, by name. */
  readonly skipped: ReadonlySet<string>;
  /** Where training goes on. */
  readonly position: TrainingPosition;
  /** For the weights files. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly emit: (event: TrainEvent) => void;
  close(): Promise<void>;
}

export const noSums: EpochSums = { pictures: 0, loss: 0, top1: 0, top5: 0 };

const start: TrainingPosition = { epoch: 0, stepInEpoch: 0, step: 0, sums: noSums, seconds: 0, best: null };

/** Prepares a training and writes its config. Throws a UserError for everything that the user can mend. */
export async function prepareTraining(options: TrainOptions): Promise<Setup> {
  const { leads } = options.ranks ?? alone;
  const emit = (leads ? options.onEvent : undefined) ?? (() => {});
  const plan = await planTraining(options, emit);
  try {
    return await setUp(options, plan, emit);
  } catch (error) {
    plan.lock?.release();
    throw error;
  }
}

async function setUp(options: TrainOptions, plan: Plan, emit: (event: TrainEvent) => void): Promise<Setup> {
  const { config, out, data, engine, resumed, ranks } = plan;
  const paths = runPaths(out);
  agreeOnConfig(ranks, config);
  const skipped = new Set(data.skipped);
  // First, so that their threads come up while the programs are compiled.
  const loaders = openLoaders({
    config,
    data,
    workers: options.workers ?? workersFor(plan),
    part: { rank: ranks.rank, size: ranks.size },
    // Towers see the same pictures.
    ...(config.ranks?.towers && { trainingPart: wholeShare }),
    onBadImage: options.onBadImage,
    onBad: (name, reason) => {
      if (!skipped.has(name)) emit({ type: 'note', message: `Skipped ${name}: ${reason}.` });
      skipped.add(name);
    },
  });
  let programs: TrainingPrograms | undefined;
  const close = async (): Promise<void> => {
    programs?.dispose();
    await Promise.all(Object.values(loaders).map((loader) => loader?.close()));
  };
  try {
    programs = compileFor(plan, options, (message) => emit({ type: 'note', message }));
    const position = resumed ? restore(programs, plan, emit) : start;
    if (position === start && plan.transfer !== undefined) programs.start(plan.transfer.start());
    agreeOnWeights(ranks, programs);
    if (!options.rehearsal && ranks.leads) writeJson(paths.config, config);
    return {
      options,
      config,
      recipe: config.recipe,
      paths,
      out,
      ranks,
      checkFolder: () => plan.lock?.check(),
      data,
      engine,
      programs,
      ...loaders,
      skipped,
      position,
      metadata: encodeModelInfo({ ...config, dataset: config.data.name }),
      emit,
      close: async () => {
        await close();
        plan.lock?.release();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the network of a run is built with. */
export function buildOptions(config: RunConfig): BuildOptions & { readonly batch: number } {
  const { preprocessing, recipe, form, options, classes } = config;
  const { channels } = preprocessing;
  const size = augmentedSize(preprocessing, plainAugmentation(preprocessing));
  return { form, classes: classes.length, channels, ...size, batch: recipe.batch, options };
}

/** Threads that decode pictures: one per core, and no more than the rank's part of them. */
function workersFor({ ranks, data }: Plan): number | undefined {
  return data.transforms === undefined || ranks.cores === undefined ? undefined : Math.min(8, ranks.cores);
}

function compileFor(
  { config, description, engine, transfer, ranks }: Plan,
  { checkpointing = false, autotune }: TrainOptions,
  onNote: (message: string) => void,
): TrainingPrograms {
  const { recipe, dtype, seed } = config;
  return compilePrograms({
    engine,
    dtype,
    seed,
    description,
    build: buildOptions(config),
    ...(checkpointing && { recompute: 'segments' as const }),
    autotune,
    onNote,
    initial: recipe.initial,
    ranks,
    synchronise: config.ranks?.syncBatchNorm ?? false,
    towers: config.ranks?.towers && towersOf(ranks),
    step: {
      optimizer: recipe.optimizer,
      labelSmoothing: recipe.labelSmoothing,
      mix: recipe.mix !== undefined,
      accumulate: recipe.accumulate ?? 1,
      average: recipe.average !== undefined,
      ...(transfer && { groups: transfer.groups }),
    },
  });
}

/**
 * Puts the last checkpoint's state into `programs`; a run killed before its first checkpoint starts again. Rank 0 reads
 * it and hands it to the others, which need not see the run folder.
 */
function restore(
  programs: TrainingPrograms,
  { out, config, ranks }: Plan,
  emit: (event: TrainEvent) => void,
): TrainingPosition {
  const folder = runPaths(out).checkpoints;
  const onNote = (message: string): void => emit({ type: 'note', message });
  const checkpoint = ranks.leads ? takeUpCheckpoint(folder, { keep: config.keep, onNote }) : undefined;
  const position = ranks.told(() => checkpoint?.meta.position);
  if (position === undefined) return start;
  const { states } = programs;
  const values =
    checkpoint === undefined
      ? new Map(states.map(({ name, shape }) => [name, new Float32Array(elementCount(shape))]))
      : matchWeights({ tensors: checkpoint.tensors, metadata: {} }, states, `The checkpoint in ${folder}`);
  for (const { name } of states) ranks.share(values.get(name) as Float32Array);
  programs.restore(values);
  return position;
}
