// The end of a training: the last weights and the best ones meet the test pictures, once each; figures and
// summary.json are left. An interrupted run gets its curves and a summary that says so, and no test.
import { join } from 'node:path';
import { type Counts, evaluateProgram } from '../evaluate/evaluate-program.ts';
import { drawConfusion, drawPredictions } from '../evaluate/figures.ts';
import { elementCount } from '../graph/tensor.ts';
import { readMetrics } from '../run/metrics.ts';
import { matchWeights } from '../weights/match.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { renamed } from '../weights/state-dict.ts';
import { checkpointWeights, type TrainingPosition } from './checkpoint/save.ts';
import { isComplete } from './ending.ts';
import type { EpochRecord, TestResult, TrainResult } from './options.ts';
import { drawCurves } from './run-figures.ts';
import { writeJson } from './run-folder.ts';
import type { Setup } from './setup.ts';

/** What the epochs of this process came to. */
export interface Trained {
  readonly position: TrainingPosition;
  /** The last epoch that this process ended, if any. */
  readonly lastEpoch: EpochRecord | undefined;
  /** Median of this process's steps. */
  readonly imagesPerSecond: number | null;
  /** Whether it was asked to stop. */
  readonly stopped: boolean;
}

/** Every rank takes its part in the tests and gets the same result; rank 0 draws and writes. */
export async function finishRun(setup: Setup, trained: Trained): Promise<TrainResult> {
  const { position } = trained;
  const { recipe, ranks } = setup;
  const complete = isComplete(recipe, position) && !trained.stopped;
  const last = complete ? await test(setup) : undefined;
  const best = last === undefined ? undefined : await testBest(setup, position, last);
  const [skipped = 0] = ranks.sum(setup.skipped.size);
  const result = ranks.leads ? await leave(setup, trained, { last, best, skipped }) : undefined;
  return ranks.patiently(() => ranks.told(() => result as TrainResult));
}

interface Tested {
  readonly last: Counts | undefined;
  readonly best: TestResult | undefined;
  /** Pictures that were left out, on all ranks. */
  readonly skipped: number;
}

/** Leaves figures and summary. */
async function leave(setup: Setup, trained: Trained, { last, best, skipped }: Tested): Promise<TrainResult> {
  const { position } = trained;
  const { config, paths, recipe } = setup;
  const interrupted = last === undefined;
  setup.checkFolder();
  await drawFigures(setup, last);
  const lastEpoch = trained.lastEpoch ?? lastEpochOf(paths.metrics);
  const result: TrainResult = {
    status: interrupted ? 'interrupted' : 'finished',
    network: config.network,
    form: config.form,
    dataset: config.data.name,
    recipe: recipe.name,
    epochs: position.epoch,
    trainTop1Error: lastEpoch?.trainTop1Error ?? null,
    validationTop1Error: lastEpoch?.validationTop1Error ?? null,
    testTop1Error: last?.top1Error ?? null,
    testTop5Error: last?.top5Error ?? null,
    testLoss: last?.loss ?? null,
    best: position.best && {
      epoch: position.best.epoch,
      validationTop1Error: position.best.top1Error,
      test: best ?? null,
    },
    imagesPerSecond: trained.imagesPerSecond,
    seconds: position.seconds,
    ...(skipped > 0 && { skippedPictures: skipped }),
    out: setup.out,
    weights: {
      last: weightsPath(paths.checkpoints, 'last'),
      best: weightsPath(paths.checkpoints, 'best'),
    },
    protocol: {
      dtype: config.dtype,
      engine: config.engine,
      laurel: config.laurel,
      node: config.node,
      seed: config.seed,
      batch: recipe.batch,
      pictures: config.data.pictures,
      ...(config.ranks && { ranks: config.ranks }),
      crops: viewOf(setup),
    },
  };
  setup.checkFolder();
  writeJson(paths.summary, result);
  return result;
}

function viewOf({ data, config }: Setup): string {
  const { resize, height, width } = config.preprocessing;
  return data.transforms === undefined
    ? 'one view per picture: the whole of it'
    : `one view per picture: the centre ${height}x${width} of a short side of ${resize ?? Math.max(height, width)}`;
}

function weightsPath(folder: string, name: 'last' | 'best'): string | null {
  return checkpointWeights(folder, name) === undefined ? null : join(folder, `${name}.safetensors`);
}

function lastEpochOf(metrics: string): EpochRecord | undefined {
  return readMetrics<EpochRecord & { kind: string }>(metrics).findLast(({ kind }) => kind === 'epoch');
}

/** The test of the weights that the programs hold; undefined when the signal fired. */
async function test(setup: Setup): Promise<Counts | undefined> {
  const { programs, testLoader, config, options, emit, ranks } = setup;
  programs.settle();
  return evaluateProgram(programs.test(), testLoader, {
    classes: config.classes.length,
    signal: options.signal,
    ranks,
    onBatch: (done, total) => emit({ type: 'evaluate', split: 'test', done, total }),
  });
}

/** The test of the best weights: the last ones' when they are the same. */
async function testBest(
  setup: Setup,
  position: TrainingPosition,
  last: Counts,
): Promise<TestResult | undefined> {
  const { programs, paths, testLoader, config, options, ranks } = setup;
  const path = ranks.told(() => checkpointWeights(paths.checkpoints, 'best'));
  if (position.best === null || path === undefined) return undefined;
  if (position.best.epoch === position.epoch) return resultOf(last);
  const program = programs.test();
  const { states } = program.graph;
  const wanted = [...states].map(([name, { shape }]) => ({ name, shape }));
  // Side heads are in the file too; a test has no use for them.
  const read = (): ReadonlyMap<string, Float32Array> =>
    matchWeights(
      renamed(readSafetensors(path), (name) => (states.has(name) ? name : undefined)),
      wanted,
      path,
    );
  const values = ranks.leads ? read() : undefined;
  for (const { name, shape } of wanted) {
    const numbers = values?.get(name) ?? new Float32Array(elementCount(shape));
    ranks.share(numbers);
    program.write(name, numbers);
  }
  const counts = await evaluateProgram(program, testLoader, {
    classes: config.classes.length,
    signal: options.signal,
    ranks,
  });
  return counts && resultOf(counts);
}

function resultOf({ top1Error, top5Error, loss }: Counts): TestResult {
  return { top1Error, top5Error, loss };
}

async function drawFigures(setup: Setup, tested: Counts | undefined): Promise<void> {
  const { paths, config, data } = setup;
  const title = `${config.network} on ${config.data.name}`;
  await drawCurves(paths.figures, paths.metrics, title, config.recipe.labelSmoothing > 0);
  if (tested === undefined) return;
  await drawConfusion(join(paths.figures, 'confusion.png'), tested, config.classes, `${title}: confusion`);
  const path = join(paths.figures, 'predictions.png');
  await drawPredictions(path, tested.answers, data.testSet, `${title}: test pictures`);
}
