// `laurel bench train|infer NET`: how fast a network trains or answers on this machine, on random data.
import type { Command } from 'commander';
import type { Form } from '../nets/network.ts';
import type { BenchResult, ProfileRow } from '../train/bench.ts';
import { addShared, oneOf, type SharedOptions, sharedOption, wholeNumber } from './options.ts';
import { count, note, pairs, printResult, table } from './output.ts';
import { addJson, addVerb } from './verb.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'form' | 'set' | 'classes' | 'batch' | 'engine' | 'dtype' | 'threads'
>;
interface Options extends Shared {
  steps?: number;
  profile?: boolean;
}

export function addBench(program: Command): void {
  const command = addVerb(
    program,
    'bench',
    'measure the speed of training or inference',
    'laurel bench train resnet18 --form cifar --batch 128 --dtype f32',
    'laurel bench infer lenet --batch 64 --json',
  )
    .argument('<what>', 'train (whole steps: forward, backward, update) or infer', oneOf('train', 'infer'))
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .addOption(sharedOption('batch', 'pictures per step; default: 128 to train, 1 to infer'))
    .option('--steps <n>', 'steps that are timed; default: 10', wholeNumber(1))
    .option('--profile', 'show where the time goes: each op, what implements it, its share');
  addShared(command, 'form', 'set', 'classes', 'dtype', 'engine', 'threads');
  addJson(command).action(
    async (what: 'train' | 'infer', name: string, { json, form, set, ...options }: Options) => {
      const { benchInfer, benchTrain } = await import('../train/bench.ts');
      const measure = what === 'train' ? benchTrain : benchInfer;
      const measured = await measure(name, {
        ...options,
        form: form as Form | undefined,
        options: set,
        onNote: note,
      });
      const { engine, ...numbers } = measured;
      const { name: engineName, library, isa, threads } = engine;
      printResult(json, { ...numbers, engine: engineName, library, isa, threads }, () =>
        [describe(measured), ...(measured.profile ? ['', describeProfile(measured.profile)] : [])].join('\n'),
      );
    },
  );
}

function describe(result: BenchResult): string {
  const { engine, msRange } = result;
  const place = [engine.library ?? engine.name, engine.isa, `${engine.threads} threads`].filter(Boolean);
  const perSecond = result.imagesPerSecond;
  return pairs([
    ['Network', `${result.net}, form ${result.form}, ${result.what}, batch ${result.batch}, ${result.dtype}`],
    ['Engine', place.join(', ')],
    ['Speed', `${perSecond < 10 ? perSecond.toFixed(2) : count(Math.round(perSecond))} images/s`],
    [
      'Step',
      `${result.msPerStep.toFixed(2)} ms, the median of ${result.steps} ` +
        `(${msRange.map((ms) => ms.toFixed(2)).join(' to ')} ms)`,
    ],
    ['Work', `${result.gflops.toFixed(1)} GFLOP/s`],
    ['Memory', `${count(Math.round(result.peakMiB))} MiB at most`],
  ]);
}

function describeProfile(rows: readonly ProfileRow[]): string {
  const cells = rows.map(({ op, implementation, count: times, ms, share }) => [
    op,
    implementation,
    `${times}`,
    ms.toFixed(2),
    `${share.toFixed(1)} %`,
  ]);
  const heading = ['op', 'implementation', 'steps', 'ms', 'share'];
  return table([heading, ...cells], ['left', 'left', 'right', 'right', 'right']);
}
