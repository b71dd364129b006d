// Training: epochs of steps, a validation after each, checkpoints that a run can be taken up from to the bit, and a
// run folder that says everything. Nothing is drawn here; events tell a listener what happens.
import { setImmediate as turn } from 'node:timers/promises';
import type { Batch } from '../data/loader.ts';
import { type Counts, evaluateProgram } from '../evaluate/evaluate-program.ts';
import { appendMetrics, flushMetrics, truncateMetrics } from '../run/metrics.ts';
import { type EventFile, noEvents, openEventFile } from '../run/tensorboard.ts';
import { placeInUpdate, updatesOf } from './accumulation.ts';
import { averageShare } from './averaging.ts';
import { saveCheckpoint, type TrainingPosition } from './checkpoint/save.ts';
import { divergence } from './divergence.ts';
import { dropoutSeedOf } from './dropout-seed.ts';
import { isComplete, stepsInAll, stepsInEpoch, stoppedEarly } from './ending.ts';
import { epochRecord, writeEpochScalars } from './epoch-record.ts';
import { finishRun, type Trained } from './finish.ts';
import { createLossGuard, type LossGuard } from './guard.ts';
import type { EpochRecord, TrainOptions, TrainResult } from './options.ts';
import { listenForPauses } from './pauses.ts';
import { afterEpoch } from './plateau.ts';
import type { StepExtras, StepResult } from './programs.ts';
import { learningRateAt } from './schedule.ts';
import { noSums, prepareTraining, type Setup } from './setup.ts';
import { createStopwatch, type Stopwatch } from './stopwatch.ts';
import { lookEarly } from './warnings/early.ts';
import { drawWatched, keepWatched } from './watch.ts';

/**
 * Trains a network and leaves a run folder in `options.out`. A signal saves and stops ('interrupted').
 * Throws a UserError for what the user can mend; among it a loss that is not finite or diverges, which leaves the
 * last good checkpoint.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const setup = await prepareTraining(options);
  try {
    const result = await finishRun(setup, await runEpochs(setup));
    if (result.status === 'finished' && setup.ranks.leads) await drawWatched(setup, result.epochs);
    setup.emit({ type: 'end', result });
    return result;
  } catch (error) {
    // What failed because the folder is gone is told as that.
    setup.checkFolder();
    throw error;
  } finally {
    await setup.close();
  }
}

/** A run under way in this process. */
interface Run {
  readonly setup: Setup;
  readonly watch: Stopwatch;
  readonly guard: LossGuard;
  readonly events: EventFile;
  position: TrainingPosition;
  savedStep: number;
  /** Whether a rank was asked to stop; all of them know it from the same step on. */
  stopping: boolean;
}

async function runEpochs(setup: Setup): Promise<Trained> {
  const { recipe, paths, position, trainLoader, ranks } = setup;
  const from = position.step;
  if (ranks.leads) truncateMetrics<MetricsLine>(paths.metrics, (line) => isPast(line, position));
  const run: Run = {
    setup,
    watch: createStopwatch(position.seconds, stepsInAll(recipe, trainLoader.batchesPerEpoch) - from),
    guard: createLossGuard(setup.config.classes.length),
    events: ranks.leads
      ? openEventFile(paths.tensorboard, from > 0 ? { resumeStep: from + 1 } : {})
      : noEvents(paths.tensorboard),
    position,
    savedStep: from,
    stopping: false,
  };
  learnOfStop(run, wanted(setup));
  const endListening = listenForPauses((seconds) => run.watch.pause(seconds));
  announce(run);
  if (from === 0 && ranks.leads) keepWatched(setup, 0);
  let lastEpoch: EpochRecord | undefined;
  try {
    while (!isComplete(recipe, run.position) && !run.stopping) {
      lastEpoch = (await runEpoch(run)) ?? lastEpoch;
      learnOfStop(run, wanted(setup));
    }
    const waited = stoppedEarly(recipe, run.position);
    if (waited !== undefined) {
      const { best } = run.position;
      const message = `Stopped early: ${waited} epochs without a better validation than that of epoch ${best?.epoch}.`;
      setup.emit({ type: 'note', message });
    }
    if (run.stopping && run.position.step > run.savedStep) save(run, false);
  } finally {
    endListening();
    run.events.close();
  }
  return {
    position: { ...run.position, seconds: run.watch.seconds() },
    lastEpoch,
    imagesPerSecond: run.watch.median(),
    stopped: run.stopping,
  };
}

interface MetricsLine {
  readonly kind: string;
  readonly epoch: number;
  readonly step: number;
}

/** Whether a line of metrics.jsonl is not written again from there on: an epoch's line comes after its last step. */
function isPast({ kind, epoch, step }: MetricsLine, position: TrainingPosition): boolean {
  return step <= position.step && (kind !== 'epoch' || epoch <= position.epoch);
}

/** Whether this rank was asked to stop. */
function wanted({ options }: Setup): boolean {
  return options.signal?.aborted ?? false;
}

/** Takes up whether any rank was asked to stop: `told` of this one, on all of them. */
function learnOfStop(run: Run, told: boolean): void {
  const [asked = 0] = run.setup.ranks.sum(Number(told));
  run.stopping ||= asked > 0;
}

function announce({ setup, position }: Run): void {
  const { config, recipe, programs, trainLoader, out, data } = setup;
  if (config.ranks !== undefined) {
    const { count, mpi, wire, syncBatchNorm, towers } = config.ranks;
    const norm = syncBatchNorm ? ', batch norm over the whole batch' : '';
    const message = towers
      ? `Two towers, one on each of ${count} ranks (${mpi}); what they hand to each other travels as ${wire}.`
      : `${count} ranks (${mpi}) share each batch of ${recipe.batch}; gradients travel as ${wire}${norm}.`;
    setup.emit({ type: 'note', message });
  }
  setup.emit({
    type: 'start',
    network: config.network,
    form: config.form,
    parameters: programs.parameterCount,
    dataset: config.data.name,
    epochs: recipe.epochs,
    batch: recipe.batch,
    stepsPerEpoch: trainLoader.batchesPerEpoch,
    steps: stepsInAll(recipe, trainLoader.batchesPerEpoch),
    recipe,
    large: data.transforms !== undefined,
    fromStep: position.step,
    pictures: config.data.pictures,
    engine: config.engine,
    dtype: config.dtype,
    out,
  });
}

/** The rest of the epoch that `run` stands in, its validation and its checkpoint; undefined when the signal fired. */
async function runEpoch(run: Run): Promise<EpochRecord | undefined> {
  const { setup, events, watch } = run;
  const { recipe, paths } = setup;
  setup.emit({ type: 'epochStart', epoch: run.position.epoch + 1, epochs: recipe.epochs });
  await runSteps(run);
  if (run.position.stepInEpoch < epochSteps(run)) return undefined;
  const counts = await validate(run);
  if (counts === 'stopped') return undefined;
  const learningRate = rateOf(run, run.position.step - 1);
  if (counts !== undefined && !Number.isFinite(counts.loss)) {
    throw divergence(setup, run.position, learningRate, 'on the validation pictures is not finite');
  }
  setup.checkFolder();
  const record = epochRecord(run.position, counts, learningRate, watch);
  if (setup.ranks.leads) appendMetrics(paths.metrics, { kind: 'epoch', ...record });
  writeEpochScalars(events, record);
  const { epoch, validationTop1Error } = record;
  const best = record.best ? { epoch, top1Error: validationTop1Error as number } : run.position.best;
  const { schedule } = recipe;
  const value = validationTop1Error ?? record.trainLoss;
  const plateau = schedule.kind === 'plateau' ? afterEpoch(schedule, run.position.plateau, value) : undefined;
  run.position = { ...run.position, epoch, stepInEpoch: 0, sums: noSums, best, ...(plateau && { plateau }) };
  // Before the checkpoint: what is cut off between the two is made again, the same to the bit.
  setup.programs.settle();
  if (!run.guard.suspicious && setup.ranks.leads) keepWatched(setup, epoch);
  save(run, record.best);
  setup.emit({ type: 'epochEnd', epochs: recipe.epochs, etaSeconds: watch.etaSeconds(), ...record });
  return record;
}

/** Steps until the epoch ends or the signal fires. */
async function runSteps(run: Run): Promise<void> {
  const { setup, watch, guard } = run;
  const { programs, trainLoader, config } = setup;
  const length = epochSteps(run);
  const { epoch, stepInEpoch } = run.position;
  if (stepInEpoch >= length) return;
  watch.startStep();
  for await (const batch of trainLoader.epoch(epoch, stepInEpoch)) {
    const { step, sums } = run.position;
    const learningRate = rateOf(run, step);
    if (looksEarly(run, batch) && lookEarly(setup, run.position, batch, learningRate)) watch.startStep();
    const dropoutSeed = dropoutSeedOf(config.seed, step);
    const { labels, ...mixture } = mixtureOf(batch);
    const extras = { ...mixture, ...extrasOf(run), whole: batch.whole };
    const own = programs.step(batch.images, labels, learningRate, dropoutSeed, extras);
    const result = ofAllRanks(run, batch, own);
    const imagesPerSecond = watch.endStep(batch.whole);
    const problem = guard.check(result.loss);
    if (problem !== undefined) throw divergence(setup, run.position, learningRate, problem);
    run.position = {
      ...run.position,
      step: step + 1,
      stepInEpoch: run.position.stepInEpoch + 1,
      sums: {
        pictures: sums.pictures + batch.whole,
        loss: sums.loss + result.loss * batch.whole,
        top1: sums.top1 + result.top1,
        top5: sums.top5 + result.top5,
      },
    };
    const top1Error = 100 * (1 - result.top1 / batch.whole);
    setup.checkFolder();
    report(run, { loss: result.loss, top1Error, learningRate, imagesPerSecond });
    const due = config.checkpointEvery !== null && run.position.step % config.checkpointEvery === 0;
    if (due && run.position.stepInEpoch < length) save(run, false);
    // Signals and timers get their turn between the engine's long calls.
    await turn();
    if (run.setup.ranks.size === 1) learnOfStop(run, wanted(setup));
    if (run.stopping || run.position.stepInEpoch >= length) break;
    watch.startStep();
  }
}

/** Steps of the epoch that the run stands in. */
function epochSteps({ setup, position }: Run): number {
  return stepsInEpoch(setup.recipe, position.epoch, setup.trainLoader.batchesPerEpoch);
}

function rateOf({ setup, position }: Pick<Run, 'setup' | 'position'>, step: number): number {
  const { recipe, trainLoader } = setup;
  return learningRateAt(recipe.schedule, recipe.learningRate, {
    step,
    stepsPerEpoch: trainLoader.batchesPerEpoch,
    epochs: recipe.epochs,
    steps: recipe.steps,
    drops: position.plateau?.drops,
  });
}

/** A step's result over the whole batch: one small message that also tells whether a rank was asked to stop. */
function ofAllRanks(run: Run, { count, whole }: Batch, own: StepResult): Omit<StepResult, 'gradientNorm'> {
  const { ranks, config } = run.setup;
  if (ranks.size === 1) return own;
  // Both towers count the whole batch.
  const share = config.ranks?.towers ? 1 / ranks.size : 1;
  const counts = [own.loss * count, own.top1, own.top5].map((each) => share * each);
  const sums = ranks.sum(...counts, Number(wanted(run.setup)));
  const [loss, top1, top5, asked] = sums as [number, number, number, number];
  run.stopping ||= asked > 0;
  return { loss: loss / whole, top1, top5 };
}

/** Signs of failure are those of rank 0's pictures. */
function looksEarly({ setup }: Run, { count }: Batch): boolean {
  return setup.ranks.leads && count > 0;
}

/** Of mixed pictures the class with the larger share comes first: it is the one that the training error counts. */
function mixtureOf({ labels, otherLabels, share }: Batch) {
  if (otherLabels === undefined || share === undefined) return { labels };
  return share < 0.5
    ? { labels: otherLabels, otherLabels: labels, share: 1 - share }
    : { labels, otherLabels, share };
}

/** What the step that comes is fed besides pictures, labels, rate and seed. */
function extrasOf(run: Run): StepExtras {
  const { setup, position } = run;
  const { recipe, trainLoader } = setup;
  const { accumulate = 1, average, batch } = recipe;
  const { batchesPerEpoch, picturesPerEpoch: pictures } = trainLoader;
  const epoch = { accumulate, batch, steps: epochSteps(run), pictures };
  const { microStep, weight: updateWeight, updates } = placeInUpdate(position.stepInEpoch, epoch);
  const extras = { microStep, updateWeight };
  if (average === undefined || !updates) return extras;
  const ofEpochs = (epochs: number): number => Math.floor(epochs * updatesOf(batchesPerEpoch, accumulate));
  const update = ofEpochs(position.epoch) + updatesOf(position.stepInEpoch + 1, accumulate);
  const before = average.kind === 'polyak' ? ofEpochs(average.fromEpoch) : 0;
  return { ...extras, averageShare: averageShare(average, update, before) };
}

interface StepRecord {
  readonly loss: number;
  readonly top1Error: number;
  readonly learningRate: number;
  readonly imagesPerSecond: number;
}

/** Tells the listener of the step that was taken, and every so often the run folder. */
function report({ setup, position, watch, events }: Run, record: StepRecord): void {
  const { config, paths, recipe, trainLoader } = setup;
  const { step, sums } = position;
  const epoch = position.epoch + 1;
  if (setup.ranks.leads && step % config.logEvery === 0) {
    appendMetrics(paths.metrics, { kind: 'step', epoch, step, ...record });
    events.scalar('train/loss of the step', record.loss, step);
    events.scalar('train/learning rate', record.learningRate, step);
  }
  setup.emit({
    type: 'step',
    epoch,
    epochs: recipe.epochs,
    step: position.stepInEpoch,
    stepsPerEpoch: stepsInEpoch(recipe, position.epoch, trainLoader.batchesPerEpoch),
    loss: sums.loss / sums.pictures,
    top1Error: 100 * (1 - sums.top1 / sums.pictures),
    learningRate: record.learningRate,
    imagesPerSecond: watch.mean() ?? record.imagesPerSecond,
    etaSeconds: watch.etaSeconds(),
  });
}

/** The result on the validation pictures; undefined where there are none. */
async function validate(run: Run): Promise<Counts | undefined | 'stopped'> {
  const { setup } = run;
  const { validationLoader, programs, config, emit, options, ranks } = setup;
  if (validationLoader === undefined) {
    learnOfStop(run, wanted(setup));
    return run.stopping ? 'stopped' : undefined;
  }
  programs.settle();
  const counts = await evaluateProgram(programs.test(), validationLoader, {
    classes: config.classes.length,
    signal: options.signal,
    ranks,
    onBatch: (done, total) => emit({ type: 'evaluate', split: 'validation', done, total }),
  });
  if (counts === undefined) run.stopping = true;
  return counts ?? 'stopped';
}

/** Writes the checkpoint `last` (rank 0 does), and `best` if it is; never with weights or in moments that are not to be trusted. */
function save(run: Run, best: boolean): void {
  const { setup, guard, watch } = run;
  const { programs, paths, metadata, config, emit } = setup;
  if (guard.suspicious) {
    emit({ type: 'note', message: 'No checkpoint is written while the loss is far above that of guessing.' });
    return;
  }
  programs.settle();
  run.savedStep = run.position.step;
  if (!setup.ranks.leads) return;
  const position = { ...run.position, seconds: watch.seconds() };
  const weights = programs.tensors('weights');
  const optimizer = programs.tensors('optimizer');
  for (const [name, { data }] of [...weights, ...optimizer]) {
    if (!data.every(Number.isFinite)) {
      const problem = `was finite, but ${name} no longer is`;
      throw divergence(setup, position, rateOf(run, position.step - 1), problem);
    }
  }
  // Lines up to here must not be missing where the checkpoint survives a power cut.
  flushMetrics(paths.metrics);
  saveCheckpoint(
    paths.checkpoints,
    { position, seed: config.seed, weights, optimizer, metadata },
    {
      alsoBest: best,
      keep: config.keep,
      write: setup.options.writeTensors,
      check: setup.checkFolder,
    },
  );
  const { epoch, step } = position;
  emit({ type: 'checkpoint', path: paths.checkpoints, epoch, step, best });
}
