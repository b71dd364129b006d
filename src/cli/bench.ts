// `laurel bench train|infer NET`: how fast a network trains or answers on this machine, on random data, and with
// `--profile` where its time goes.
import { type Command, Option } from 'commander';
import { engineInWords } from '../engines/in-words.ts';
import { writeFileAtomic } from '../files.ts';
import type { Form } from '../nets/network.ts';
import type { BenchOptions, BenchResult } from '../train/bench.ts';
import { describeChoices } from './bench-choices.ts';
import { describeProfile } from './bench-profile.ts';
import { addShared, oneOf, type SharedOptions, sharedOption, wholeNumber } from './options.ts';
import { intoFolder } from './out-folder.ts';
import { count, note, pairs, printResult } from './output.ts';
import { preparePlace } from './place.ts';
import { freshFolder } from './train.ts';
import { addJson, addVerb } from './verb.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'form' | 'set' | 'classes' | 'batch' | 'engine' | 'dtype' | 'threads' | 'autotune' | 'out'
>;
interface Options extends Shared {
  steps?: number;
  profile?: true | 'full';
  trace?: string;
  checkpointing?: boolean;
}
type What = 'train' | 'infer';

export function addBench(program: Command): void {
  const command = addVerb(
    program,
    'bench',
    'measure the speed of training or inference',
    'laurel bench train resnet18 --form cifar --batch 128 --dtype f32',
    'laurel bench infer lenet --batch 64 --json',
    'laurel bench train resnet50 --batch 16 --profile --trace resnet50.json',
  )
    .argument('<what>', 'train (whole steps: forward, backward, update) or infer', oneOf('train', 'infer'))
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .addOption(sharedOption('batch', 'pictures per step; default: 128 to train, 1 to infer'))
    .option('--steps <n>', 'steps that are timed; default: 10', wholeNumber(1))
    .addOption(
      new Option(
        '--profile [how]',
        "show where the time goes: each op and layer against the machine's measured peaks, with a roofline and a " +
          'picture of the memory in --out; full: time other implementations of convolutions and linear layers too',
      ).argParser(oneOf('full')),
    )
    .addOption(
      sharedOption('out', 'the folder for the pictures of --profile; default: a fresh one under runs'),
    )
    .option('--checkpointing', 'train in less memory: run segments of the network again in the backward pass')
    .option('--trace <file>', 'write the steps as a Chrome trace, for chrome://tracing or Perfetto (.json)');
  addShared(command, 'form', 'set', 'classes', 'dtype', 'engine', 'threads', 'autotune');
  addJson(command).action(async (what: What, name: string, options: Options) => {
    preparePlace(options.trace);
    if (!options.profile) return run(what, name, options);
    const { findNetwork } = await import('../nets/index.ts');
    findNetwork(name);
    const out = options.out ?? freshFolder(`profile-${what}-${name}`);
    return intoFolder(out, () => run(what, name, options, out));
  });
}

async function run(what: What, name: string, options: Options, out?: string): Promise<void> {
  const { json, form, set, trace, profile, checkpointing, ...rest } = options;
  const { benchInfer, benchTrain } = await import('../train/bench.ts');
  const request: BenchOptions = {
    ...rest,
    form: form as Form | undefined,
    options: set,
    profile: profile ?? trace !== undefined,
    ...(checkpointing && { recompute: 'segments' as const }),
    onNote: note,
  };
  const {
    report,
    profile: measured,
    ...result
  } = await (what === 'train' ? benchTrain : benchInfer)(name, request);
  const subject = describeSubject(result);
  const files: string[] = [];
  if (out !== undefined && report && measured) {
    const { drawProfile } = await import('../train/bench-figures.ts');
    files.push(...(await drawProfile(out, measured, report, subject)));
  }
  if (trace !== undefined && report) {
    const { traceOf } = await import('../engines/profile/trace.ts');
    writeFileAtomic(trace, `${JSON.stringify(traceOf(report, `laurel: ${subject}`))}\n`);
    files.push(trace);
  }
  const { engine, ...numbers } = result;
  const { name: engineName, library, isa, threads } = engine;
  const shown = profile ? measured : undefined;
  printResult(
    json,
    {
      ...numbers,
      engine: engineName,
      library,
      isa,
      threads,
      ...(shown ? { profile: shown } : {}),
      ...(files.length > 0 ? { files } : {}),
    },
    () =>
      [
        describe(result),
        ...(result.autotune ? [describeChoices(result.autotune)] : []),
        ...(shown ? [describeProfile(shown, files)] : files.map((file) => `Trace written to ${file}.`)),
      ].join('\n\n'),
  );
}

function describeSubject(result: BenchResult): string {
  return `${result.net}, form ${result.form}, ${result.what}, batch ${result.batch}, ${result.dtype}`;
}

function describeCompilation({ compileMs, autotune }: BenchResult): string {
  const seconds = `${(compileMs / 1000).toFixed(2)} s`;
  if (autotune === undefined) return seconds;
  const { measured, remembered, choices, ms } = autotune;
  const others = Object.values(choices).filter((choice) => choice !== 'primitive').length;
  const measuring = measured > 0 ? ` (measuring ${(ms / 1000).toFixed(2)} s)` : '';
  return `${seconds}${measuring}; ${count(measured)} choices measured, ${count(remembered)} remembered, ${count(others)} not the library's first`;
}

function describe(result: BenchResult): string {
  const { engine, msRange } = result;
  const perSecond = result.imagesPerSecond;
  return pairs([
    ['Network', describeSubject(result)],
    ['Engine', engineInWords(engine)],
    ['Speed', `${perSecond < 10 ? perSecond.toFixed(2) : count(Math.round(perSecond))} images/s`],
    [
      'Step',
      `${result.msPerStep.toFixed(2)} ms, the median of ${result.steps} ` +
        `(${msRange.map((ms) => ms.toFixed(2)).join(' to ')} ms)`,
    ],
    ['Work', `${result.gflops.toFixed(1)} GFLOP/s`],
    ['Compilation', describeCompilation(result)],
    [
      'Memory',
      `${count(Math.round(result.peakMiB))} MiB at most, ${count(Math.round(result.arenaMiB))} of them for activations, gradients and scratch`,
    ],
  ]);
}
