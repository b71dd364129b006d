// `laurel train NET`: trains a network and leaves a run folder. Progress goes to stderr; the result, with what it
// was measured on, to stdout. Ctrl-C saves and stops; a second one stops at once.
import { isAbsolute, relative } from 'node:path';
import { type Command, Option } from 'commander';
import type { Ranks } from '../distribute/ranks.ts';
import { UserError } from '../errors.ts';
import type { Form } from '../nets/network.ts';
import { plural } from '../plural.ts';
import type { TrainOptions, TrainResult } from '../train/options.ts';
import type { Progress } from '../train/progress.ts';
import { listenForInterrupt } from './interrupt.ts';
import { addShared, numberFrom, oneOf, type SharedOptions, wholeNumber } from './options.ts';
import { intoFolder } from './out-folder.ts';
import { count, duration, pairs, percent, printResult } from './output.ts';
import {
  addRankFlags,
  endRanks,
  joinAsked,
  type RankFlags,
  refuseRanks,
  startsRanks,
} from './rank-options.ts';
import { addRecipeFlags, type RecipeFlags, recipeOverrides } from './train-options.ts';
import { addTransferFlags, type TransferFlags, transferRequest } from './transfer-options.ts';
import { addJson, addVerb } from './verb.ts';
import { nameList, unitList } from './viz/lists.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'data' | 'labels' | 'form' | 'set' | 'engine' | 'dtype' | 'threads' | 'autotune' | 'seed' | 'out'
>;
/** What `addTrainingFlags` adds, under commander's names. */
export interface TrainingFlags extends Shared, RecipeFlags, TransferFlags {
  recipe?: string;
  validation?: number;
  workers?: number;
  checkpointing?: boolean;
  onBadImage?: 'fail' | 'skip';
}
interface Options extends TrainingFlags, RankFlags {
  resume?: boolean;
  smoke?: boolean;
  dryRun?: boolean;
  overfitBatch?: boolean;
  warnings: boolean;
  checkpointEvery?: number;
  keep?: number;
  logEvery?: number;
  watch?: string[];
  watchEpochs?: number[];
}

export function addTrain(program: Command): void {
  const command = addVerb(
    program,
    'train',
    'train a network and leave a run folder',
    'laurel train lenet --data fashion-mnist --out runs/first',
    'laurel train resnet18 --form cifar --data cifar-100 --recipe fast --epochs 15 --dtype bf16',
    'laurel train googlenet --weights googlenet.safetensors --train-only head --data flowers --out runs/flowers',
    'laurel train lenet --out runs/first --resume',
    'mpirun --hostfile hosts -n 8 npx laurel train resnet50 --data /data/imagenet --out runs/resnet50',
  ).argument('<net>', 'name of a network (`laurel nets` lists them)');
  addTrainingFlags(command);
  command
    .option('--resume', 'go on with the run in --out')
    .option('--smoke', 'a few batches through everything, to see that it works')
    .option('--dry-run', 'show what would be trained, its memory and its time; nothing is written')
    .option(
      '--overfit-batch',
      'learn one batch by heart, to see that the set-up can learn; nothing is written',
    )
    .option('--no-warnings', 'do not look at the first batch for early signs of failure')
    .option('--checkpoint-every <steps>', 'checkpoints inside an epoch too', wholeNumber(1))
    .option(
      '--keep <epochs>',
      'keep the weights of so many of the newest epochs, besides last and best',
      wholeNumber(0),
    )
    .option('--log-every <steps>', 'steps between lines of metrics.jsonl; default: 50', wholeNumber(1))
    .option(
      '--watch <layers>',
      'follow the features of these layers, e.g. conv1,conv2 (`laurel viz evolution`)',
      nameList,
    )
    .option(
      '--watch-epochs <epochs>',
      'epochs to keep for that, and the last; default: 1,2,5,10,20,30,40,64',
      unitList,
    );
  addRankFlags(command);
  addJson(command).action(async (name: string, options: Options) => {
    checkRequest(options);
    const [{ createProgress }, { findNetwork }, { checkTowers }] = await Promise.all([
      import('../train/progress.ts'),
      import('../nets/index.ts'),
      import('../distribute/towers/towers.ts'),
    ]);
    findNetwork(name);
    checkTowers(options.towers, { network: name, ranks: options.ranks });
    if (options.dryRun || options.overfitBatch) {
      refuseRanks(options, options.dryRun ? '--dry-run' : '--overfit-batch');
      const { showDryRun, showOverfit } = await import('./rehearse.ts');
      return options.dryRun ? showDryRun(name, options) : showOverfit(name, options);
    }
    if (startsRanks(options)) {
      const { runAsRanks } = await import('../distribute/launch.ts');
      process.exitCode = await runAsRanks(options.ranks ?? options.towers ?? 1);
      return;
    }
    const ranks = await joinAsked(options);
    const out = ranks.told(() => options.out ?? freshFolder(name));
    const progress = createProgress(process.stderr);
    const onStop = (): void => {
      if (ranks.leads) progress.onEvent({ type: 'note', message: stopping });
    };
    const interruption = listenForInterrupt(onStop, ranks.size > 1);
    try {
      const run = (): Promise<TrainResult> =>
        runTraining(name, options, { out, signal: interruption.signal, progress, ranks });
      const result = await (ranks.leads ? intoFolder(out, run) : run());
      progress.close();
      if (ranks.leads) printResult(options.json, result, () => describe(name, result));
      ranks.leave();
      process.exitCode = interruption.exitCode() ?? 0;
    } catch (error) {
      progress.close();
      // Cut off before there was anything to save (a download, the first look at the data).
      if (!interruption.signal.aborted || (error as Error).name !== 'AbortError') throw error;
      process.exitCode = interruption.exitCode() ?? 1;
      await endRanks(process.exitCode);
    } finally {
      interruption.release();
    }
  });
}

/** The options that a training and the tools that rehearse one have in common. */
export function addTrainingFlags(command: Command): void {
  addShared(command, 'data', 'labels', 'form', 'set');
  command.option('--recipe <name>', "how to train (`laurel recipes` lists them); default: the network's");
  addRecipeFlags(command);
  addTransferFlags(command);
  addShared(command, 'engine', 'dtype', 'threads', 'autotune', 'seed', 'out');
  command
    .option('--validation <n>', 'pictures held out: a share below 1 or a number; default: 0.1', numberFrom(0))
    .option(
      '--workers <n>',
      'threads that make batches ready; default: 1, for large pictures one per core',
      wholeNumber(0),
    )
    .option(
      '--checkpointing',
      'for less memory: of segments of the network keep the ends alone, and run them again in the backward pass',
    )
    .addOption(
      new Option(
        '--on-bad-image <what>',
        'a picture that cannot be decoded: fail (default), or skip it, at most 1 % of them',
      ).argParser(oneOf('fail', 'skip')),
    );
}

export const stopping = 'Stopping: saving a checkpoint. Ctrl-C again stops at once.';

function checkRequest(options: Options): void {
  if (options.resume && options.out === undefined) {
    throw new UserError('--resume needs --out, the folder of the run to go on with.', { exitCode: 2 });
  }
  if (options.watchEpochs !== undefined && options.watch === undefined) {
    throw new UserError('--watch-epochs needs --watch, the layers to follow.', { exitCode: 2 });
  }
  if (options.dryRun && options.overfitBatch) {
    throw new UserError('--dry-run and --overfit-batch are two ways to try a training; give one of them.', {
      exitCode: 2,
    });
  }
  if (options.resume && (options.dryRun || options.overfitBatch)) {
    const flag = options.dryRun ? '--dry-run' : '--overfit-batch';
    throw new UserError(`${flag} tries a training from its start; leave out --resume.`, { exitCode: 2 });
  }
  if (!options.resume && options.data === undefined) {
    throw new UserError('No data to train on. Name a data set or a folder with --data.', { exitCode: 2 });
  }
}

interface Running {
  readonly out: string;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly ranks: Ranks;
}

async function runTraining(
  name: string,
  options: Options,
  { out, signal, progress, ranks }: Running,
): Promise<TrainResult> {
  const { train } = await import('../train/trainer.ts');
  return train({
    ...trainingRequest(name, options),
    out,
    resume: options.resume,
    smoke: options.smoke,
    warnings: options.warnings,
    checkpointEvery: options.checkpointEvery,
    keep: options.keep,
    logEvery: options.logEvery,
    ...(options.watch && { watch: { layers: options.watch, epochs: options.watchEpochs } }),
    ranks,
    syncBatchNorm: options.syncBn,
    towers: options.towers,
    signal,
    onEvent: progress.onEvent,
  });
}

/** What a training and the tools that rehearse one (`lr-find`, `--dry-run`, `--overfit-batch`) take alike. */
export function trainingRequest(name: string, options: TrainingFlags): Omit<TrainOptions, 'out'> {
  return {
    network: name,
    form: options.form as Form | undefined,
    networkOptions: options.set,
    data: options.data,
    labels: options.labels,
    recipe: options.recipe,
    overrides: recipeOverrides(options),
    transfer: transferRequest(options),
    engine: options.engine,
    threads: options.threads,
    dtype: options.dtype,
    autotune: options.autotune,
    seed: options.seed,
    validation: options.validation,
    workers: options.workers,
    checkpointing: options.checkpointing,
    onBadImage: options.onBadImage,
  };
}

/** `runs/lenet-2026-01-31-153012`: a name that sorts and that no other run has. */
export function freshFolder(name: string, at = new Date()): string {
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString();
  return `runs/${name}-${local.slice(0, 10)}-${local.slice(11, 19).replaceAll(':', '')}`;
}

/** A path as one would type it: from the working folder where it lies below it. */
export function fromHere(path: string): string {
  const short = relative('.', path);
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short;
}

function onRanks({ ranks }: TrainResult['protocol']): string {
  return ranks === undefined ? '' : ` on each of ${ranks.count} ranks (${ranks.mpi})`;
}

function describe(name: string, result: TrainResult): string {
  const { protocol, weights, status } = result;
  const errors: [string, string][] = [];
  const add = (what: string, value: number | null | undefined): void => {
    if (value !== null && value !== undefined) errors.push([what, percent(value)]);
  };
  add('Training top-1 error', result.trainTop1Error);
  add('Validation top-1 error', result.validationTop1Error);
  add('Test top-1 error', result.testTop1Error);
  add('Test top-5 error', result.testTop5Error);
  const { engine, dtype, seed, batch } = protocol;
  const out = fromHere(result.out);
  const hasWeights = (weights.best ?? weights.last) !== null;
  const next =
    status === 'interrupted'
      ? `Go on with:   npx laurel train ${name} --out ${out} --resume`
      : `Look inside:  npx laurel eval ${name} --weights ${out} --per-class\n` +
        `Use it:       npx laurel classify ${name} --weights ${out} PICTURE...`;
  return [
    pairs([
      ...errors,
      ['Epochs', `${result.epochs}${status === 'interrupted' ? ' (interrupted)' : ''}`],
      ['Time', duration(result.seconds)],
      ...(result.imagesPerSecond === null
        ? []
        : [['Speed', `${count(Math.round(result.imagesPerSecond))} images/s`] as [string, string]]),
      ...(result.skippedPictures === undefined
        ? []
        : [['Pictures skipped', count(result.skippedPictures)] as [string, string]]),
      [
        'Protocol',
        `batch ${batch}, ${dtype}, ${engine.library ?? engine.name}, ${plural(engine.threads, 'thread')}${onRanks(protocol)}, seed ${seed}`,
      ],
      ['Run folder', out],
    ]),
    ...(hasWeights ? ['', next] : []),
  ].join('\n');
}
