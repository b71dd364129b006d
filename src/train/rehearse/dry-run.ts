// What a training would be: the network's size, the memory planned for it, the recipe, the counts, and how long it would
// take by a few steps that are measured. The steps have the rate 0 and change nothing; nothing is written.
import { setImmediate as turn } from 'node:timers/promises';
import type { ComputeType, EngineDescription, Program, ProgramReport } from '../../engines/engine.ts';
import { costOf, type LayerCost } from '../../graph/cost.ts';
import { findNetwork } from '../../nets/index.ts';
import { buildNetwork, type Form } from '../../nets/network.ts';
import { stepsInAll } from '../ending.ts';
import type { Recipe } from '../recipes/recipe.ts';
import { buildOptions, type Setup } from '../setup.ts';
import { lookEarly } from '../warnings/early.ts';
import { batchesOf, type RehearsalOptions, rehearse, takeStep } from './rehearsal.ts';

export interface DryRun {
  readonly network: string;
  readonly form: Form;
  readonly classes: number;
  /** Channels, height and width of what the network sees. */
  readonly input: readonly number[];
  readonly parameters: number;
  /** Those that the training changes: without frozen ones, with those of side heads. */
  readonly trainedParameters: number;
  /** Multiply-adds for one picture. */
  readonly macs: number;
  readonly layers: readonly LayerCost[];
  readonly recipe: Recipe;
  /** Whether pictures are files that are cut and scaled as the recipe's plan for large ones says. */
  readonly large: boolean;
  readonly dataset: string;
  readonly pictures: { readonly train: number; readonly validation: number; readonly test: number };
  readonly stepsPerEpoch: number;
  /** Of the whole run. */
  readonly steps: number;
  readonly memory: PlannedMemory;
  readonly measured: Measured;
  readonly estimate: Estimate;
  readonly seed: number;
  readonly dtype: ComputeType;
  readonly engine: EngineDescription;
}

/** In bytes, as the engine has planned and allocated it. */
export interface PlannedMemory {
  /**
   * Of the training programs (that of full batches, and that of a last batch which is not full): activations, gradients
   * and scratch; weights, statistics, what the optimiser keeps, gathered gradients and averages.
   */
  readonly trainingActivations: number;
  readonly trainingState: number;
  /** How much larger the first would be for full batches if the backward pass computed nothing again. */
  readonly saved: number;
  /** The program for validation and test. */
  readonly testing: number;
  /** The largest that this process has been so far, with all of that and the pictures. */
  readonly processPeak: number;
}

export interface Measured {
  /** Timed steps, after one to warm up. */
  readonly steps: number;
  /** Medians, the wait for batches included. */
  readonly msPerStep: number;
  readonly imagesPerSecond: number;
  readonly msPerTestBatch: number;
}

/** In seconds. */
export interface Estimate {
  readonly training: number;
  readonly validation: number;
  readonly test: number;
  readonly total: number;
}

const timedSteps = 5;
/** After one timed step none begins later than this. */
const budgetMs = 10_000;

/** Prepares everything, takes a few steps, and tells what it came to. A signal ends it with an AbortError. */
export async function dryRun(options: RehearsalOptions): Promise<DryRun> {
  const setup = await rehearse(options);
  try {
    const { config, recipe, engine, data, trainLoader, programs } = setup;
    const network = buildNetwork(findNetwork(config.network), { ...buildOptions(config), batch: 1 });
    const cost = costOf(network.graph);
    const measured = await measure(setup);
    const training = trainingReports(setup);
    const testing = programs.test().report();
    return {
      network: config.network,
      form: config.form,
      classes: config.classes.length,
      input: network.images.shape.slice(1),
      parameters: cost.parameters,
      trainedParameters: programs.parameterCount,
      macs: cost.macs,
      layers: cost.layers,
      recipe,
      large: data.transforms !== undefined,
      dataset: config.data.name,
      pictures: config.data.pictures,
      stepsPerEpoch: trainLoader.batchesPerEpoch,
      steps: stepsInAll(recipe, trainLoader.batchesPerEpoch),
      memory: {
        trainingActivations: sum(training, ({ arenaBytes }) => arenaBytes),
        trainingState: sum(training, ({ stateBytes }) => stateBytes),
        saved: programs.keptWhole() - programs.report().arenaBytes,
        testing: testing.arenaBytes + testing.stateBytes,
        processPeak: process.resourceUsage().maxRSS * 1024,
      },
      measured,
      estimate: estimateOf(setup, measured),
      seed: config.seed,
      dtype: config.dtype,
      engine: engine.describe(),
    };
  } finally {
    await setup.close();
  }
}

/** Of the programs that an epoch of training goes through. */
function trainingReports({ programs, recipe, trainLoader }: Setup): ProgramReport[] {
  const rest = trainLoader.picturesPerEpoch % recipe.batch;
  return [programs.report(), ...(rest > 0 ? [programs.report(rest)] : [])];
}

function sum(reports: readonly ProgramReport[], bytesOf: (report: ProgramReport) => number): number {
  return reports.reduce((total, report) => total + bytesOf(report), 0);
}

async function measure(setup: Setup): Promise<Measured> {
  const { trainLoader, programs, options, position } = setup;
  const batches = batchesOf(trainLoader);
  const times: number[] = [];
  let pictures = 0;
  const began = performance.now();
  try {
    for (let i = 0; i <= timedSteps && (i < 2 || performance.now() - began < budgetMs); i++) {
      const from = performance.now();
      const { value: batch } = await batches.next();
      // The look stands for itself: its time is not a step's.
      const lookFrom = performance.now();
      lookEarly(setup, { ...position, step: i, stepInEpoch: i }, batch, setup.recipe.learningRate);
      const looked = performance.now() - lookFrom;
      takeStep(setup, batch, 0, i);
      times.push(performance.now() - from - looked);
      pictures = batch.count;
      await turn();
      options.signal?.throwIfAborted();
    }
  } finally {
    await batches.return(undefined as never);
  }
  const timed = times.slice(1);
  const msPerStep = median(timed);
  return {
    steps: timed.length,
    msPerStep,
    imagesPerSecond: (1000 * pictures) / msPerStep,
    msPerTestBatch: await measureTest(setup, programs.test()),
  };
}

/** The faster of two batches: the first one warms up. */
async function measureTest({ testLoader, options }: Setup, program: Program): Promise<number> {
  const times: number[] = [];
  for await (const { images, labels } of testLoader.epoch(0)) {
    const from = performance.now();
    program.run({ images, labels });
    times.push(performance.now() - from);
    options.signal?.throwIfAborted();
    if (times.length === 2) break;
  }
  return Math.min(...times);
}

function estimateOf(
  { recipe, trainLoader, validationLoader, testLoader }: Setup,
  measured: Measured,
): Estimate {
  const { msPerStep, msPerTestBatch } = measured;
  const steps = stepsInAll(recipe, trainLoader.batchesPerEpoch);
  const training = (steps * msPerStep) / 1000;
  const validation = (recipe.epochs * (validationLoader?.batchesPerEpoch ?? 0) * msPerTestBatch) / 1000;
  // The last weights and the best ones.
  const test = (2 * testLoader.batchesPerEpoch * msPerTestBatch) / 1000;
  return { training, validation, test, total: training + validation + test };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
}
