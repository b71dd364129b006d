// What a training works with once its plan stands: compiled programs, loaders and, for a run taken up again, the
// state it was left in.
import { augmentedSize } from '../data/augment.ts';
import { createLoader, type Loader } from '../data/loader.ts';
import type { Engine } from '../engines/engine.ts';
import { encodeModelInfo, plainAugmentation } from '../evaluate/preprocessing.ts';
import { matchWeights } from '../weights/match.ts';
import { type EpochSums, loadCheckpoint, type TrainingPosition } from './checkpoint.ts';
import type { TrainEvent, TrainOptions } from './options.ts';
import { type Plan, planTraining } from './plan.ts';
import { compilePrograms, type TrainingPrograms } from './programs.ts';
import type { Recipe } from './recipes/recipe.ts';
import { type RunConfig, type RunPaths, runPaths, writeJson } from './run-folder.ts';
import { type TrainingData, trainingAugmentation } from './training-data.ts';

export interface Setup extends Loaders {
  readonly options: TrainOptions;
  readonly config: RunConfig;
  readonly recipe: Recipe;
  readonly paths: RunPaths;
  readonly out: string;
  readonly data: TrainingData;
  readonly engine: Engine;
  readonly programs: TrainingPrograms;
  /** Where training goes on. */
  readonly position: TrainingPosition;
  /** For the weights files. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly emit: (event: TrainEvent) => void;
  close(): Promise<void>;
}

interface Loaders {
  readonly trainLoader: Loader;
  /** Undefined without validation pictures. */
  readonly validationLoader: Loader | undefined;
  readonly testLoader: Loader;
}

export const noSums: EpochSums = { pictures: 0, loss: 0, top1: 0, top5: 0 };

const start: TrainingPosition = { epoch: 0, stepInEpoch: 0, step: 0, sums: noSums, seconds: 0, best: null };

/** Prepares a training and writes its config. Throws a UserError for everything that the user can mend. */
export async function prepareTraining(options: TrainOptions): Promise<Setup> {
  const emit = options.onEvent ?? (() => {});
  const plan = await planTraining(options, emit);
  const { config, out, data, engine, resumed } = plan;
  const paths = runPaths(out);
  const programs = compileFor(plan);
  try {
    const position = resumed ? restore(programs, paths.checkpoints) : start;
    writeJson(paths.config, config);
    const loaders = openLoaders(plan, options.workers);
    return {
      options,
      config,
      recipe: config.recipe,
      paths,
      out,
      data,
      engine,
      programs,
      ...loaders,
      position,
      metadata: encodeModelInfo({ ...config, dataset: config.data.name }),
      emit,
      close: async () => {
        programs.dispose();
        await Promise.all(Object.values(loaders).map((loader) => loader?.close()));
      },
    };
  } catch (error) {
    programs.dispose();
    throw error;
  }
}

function compileFor({ config, description, engine }: Plan): TrainingPrograms {
  const { preprocessing, recipe, form, options, dtype, seed } = config;
  const { channels } = preprocessing;
  const size = augmentedSize(preprocessing, plainAugmentation(preprocessing));
  return compilePrograms({
    engine,
    dtype,
    seed,
    description,
    build: { form, classes: config.classes.length, channels, ...size, batch: recipe.batch, options },
    step: { optimizer: recipe.optimizer, labelSmoothing: recipe.labelSmoothing },
  });
}

/** Puts the last checkpoint's state into `programs`; a run killed before its first checkpoint starts again. */
function restore(programs: TrainingPrograms, folder: string): TrainingPosition {
  const checkpoint = loadCheckpoint(folder);
  if (checkpoint === undefined) return start;
  const file = { tensors: checkpoint.tensors, metadata: {} };
  programs.restore(matchWeights(file, programs.states, `The checkpoint in ${folder}`));
  return checkpoint.meta.position;
}

function openLoaders({ config, data }: Plan, workers: number | undefined): Loaders {
  const { recipe, preprocessing, seed } = config;
  const { batch, lastBatch } = recipe;
  const { trainSet, testSet, train, validation, test } = data;
  const plain = {
    batch,
    augmentation: plainAugmentation(preprocessing),
    shuffle: false,
    lastBatch: 'pad',
    workers,
  } as const;
  const augmentation = trainingAugmentation(recipe.augmentation, trainSet.name, preprocessing);
  return {
    trainLoader: createLoader(trainSet, {
      batch,
      augmentation,
      seed,
      shuffle: true,
      indices: train,
      lastBatch,
      workers,
    }),
    validationLoader:
      validation.length > 0 ? createLoader(trainSet, { ...plain, indices: validation }) : undefined,
    testLoader: createLoader(testSet, { ...plain, indices: test }),
  };
}
