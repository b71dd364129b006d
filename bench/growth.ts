// How speed grows: with the batch, the picture, the depth and the threads, and what a busy neighbour on one core costs.
// Ours alone, f32 or bf16, whichever is the best here. The figure is docs/figures/growth.png. Cases:
// `npm run bench -- growth --only batch,neighbour`.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { chooseDtype, chooseEngine } from '../src/engines/choose.ts';
import { engineInWords } from '../src/engines/in-words.ts';
import { median } from '../src/median.ts';
import { alternate, type Contender, startContender } from './contender.ts';
import { type Fit, fitLine } from './fit.ts';
import { drawGrowth } from './growth-figure.ts';
import { measureCases } from './kept.ts';
import { type BenchOptions, leftOutList, type Part, paragraphs, table } from './part.ts';
import { significant } from './training-224.ts';

/** One measured place of a curve. */
export interface Point {
  readonly x: number;
  readonly ms: number;
  /** Pictures of a step. */
  readonly batch: number;
}

/** A curve by its name, in the order of x. */
export type Curves = Readonly<Record<string, readonly Point[]>>;

type Case = 'batch' | 'picture' | 'depth' | 'threads' | 'neighbour';
const cases: readonly Case[] = ['batch', 'picture', 'depth', 'threads', 'neighbour'];

interface Entry {
  readonly curve: string;
  readonly x: number;
  readonly net: string;
  readonly form: 'cifar' | 'imagenet';
  readonly batch: number;
  readonly what?: 'train' | 'infer';
  readonly side?: number;
  readonly threads?: number;
  readonly environment?: NodeJS.ProcessEnv;
}

const depths = [18, 34, 50, 101, 152];
const entries: Readonly<Record<Case, readonly Entry[]>> = {
  batch: [8, 16, 32, 64, 128, 192, 256].map((batch) => ({
    ...{ curve: 'resnet18, 32x32', x: batch, net: 'resnet18', form: 'cifar', batch },
  })),
  picture: [64, 96, 128, 160, 192, 224, 288].map((side) => ({
    ...{ curve: 'resnet18, batch 8', x: side, net: 'resnet18', form: 'imagenet', batch: 8, side },
  })),
  depth: depths.map((depth) => ({
    ...{ curve: 'ResNets, 32x32, batch 32', x: depth, net: `resnet${depth}`, form: 'cifar', batch: 32 },
  })),
  threads: [1, 2].flatMap((threads): Entry[] => [
    { curve: 'train resnet18, 32x32', x: threads, net: 'resnet18', form: 'cifar', batch: 128, threads },
    {
      curve: 'infer resnet50, 224x224',
      x: threads,
      net: 'resnet50',
      form: 'imagenet',
      batch: 16,
      what: 'infer',
      threads,
    },
  ]),
  neighbour: [
    { curve: 'two threads, as they are', x: 0, net: 'resnet18', form: 'cifar', batch: 32, threads: 2 },
    { curve: 'one thread', x: 0, net: 'resnet18', form: 'cifar', batch: 32, threads: 1 },
    {
      ...{
        curve: 'two threads that never sleep',
        x: 0,
        net: 'resnet18',
        form: 'cifar',
        batch: 32,
        threads: 2,
      },
      environment: { OMP_WAIT_POLICY: 'active' },
    },
  ],
};

function start(entry: Entry, dtype: string): Promise<Contender> {
  const { curve, x, net, form, batch, what = 'train', side, threads, environment } = entry;
  const args = ['bench/laurel-worker.mjs', net, form, `${batch}`, dtype, what];
  if (side !== undefined) args.push('--side', `${side}`);
  if (threads !== undefined) args.push('--threads', `${threads}`);
  return startContender(`${curve} at ${x}`, process.execPath, args, environment);
}

async function measureCase(name: Case, dtype: string, { rounds, steps, log }: BenchOptions): Promise<Curves> {
  const contenders: Contender[] = [];
  try {
    for (const entry of entries[name]) contenders.push(await start(entry, dtype));
    const times = name === 'neighbour' ? undefined : await alternate(contenders, rounds, steps);
    const besides = times === undefined ? await withNeighbour(contenders, rounds, steps) : [];
    const points = entries[name].flatMap(({ curve, x, batch }, i): (Point & { curve: string })[] => {
      const ms = times?.get(contenders[i] as Contender);
      const all = ms === undefined ? (besides[i] ?? []) : [ms];
      return all.map((each, busy) => ({ curve, x: ms === undefined ? busy : x, ms: each, batch }));
    });
    for (const { curve, x, ms } of points) log(`  ${curve} at ${x}: ${ms.toFixed(1)} ms`);
    return Object.fromEntries(
      [...Map.groupBy(points, ({ curve }) => curve)].map(([curve, list]) => [
        curve,
        list.map(({ x, ms, batch }) => ({ x, ms, batch })),
      ]),
    );
  } finally {
    for (const contender of contenders) contender.stop();
  }
}

/** Each contender's median milliseconds a step, alone and with a neighbour that keeps one core busy. */
async function withNeighbour(
  contenders: readonly Contender[],
  rounds: number,
  steps: number,
): Promise<number[][]> {
  const alone = contenders.map((): number[] => []);
  const beside = contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) alone[i]?.push(...(await contender.work(steps)));
    const neighbour: ChildProcess = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
    try {
      await wait(200);
      for (const [i, contender] of contenders.entries()) beside[i]?.push(...(await contender.work(steps)));
    } finally {
      neighbour.kill('SIGKILL');
    }
  }
  return contenders.map((_, i) => [median(alone[i] ?? []), median(beside[i] ?? [])]);
}

const rate = ({ batch, ms }: Point): number => (1000 * batch) / ms;

/** The line of time per step from batch 32 up. */
export function fitOf(curve: readonly Point[]): Fit {
  const large = curve.filter(({ x }) => x >= 32);
  return fitLine(large.map(({ x, ms }) => [x, ms]));
}

const goals = { threads: '1.85x or more', neighbour: '3x or less' };

function tableOf(name: Case, curves: Curves): string {
  const list = Object.entries(curves);
  if (name === 'threads') {
    const rows = list.map(([curve, points]) => {
      const [one, two] = points.map(rate) as [number, number];
      return [curve, significant(one), significant(two), `${(two / one).toFixed(2)}x`, goals.threads];
    });
    return table(['work', '1 thread, images/s', '2 threads, images/s', 'speed of two', 'goal'], rows);
  }
  if (name === 'neighbour') {
    const rows = list.map(([curve, points], i) => {
      const [alone, beside] = points.map(rate) as [number, number];
      return [
        curve,
        significant(alone),
        significant(beside),
        `${(alone / beside).toFixed(2)}x`,
        i === 0 ? goals.neighbour : '',
      ];
    });
    return table(
      ['threads', 'alone, images/s', 'beside a busy core, images/s', 'times slower', 'goal'],
      rows,
    );
  }
  const [curve = '', points = []] = list[0] ?? [];
  const titles = { batch: 'batch', picture: 'px a side', depth: 'layers' };
  const heading = [`${curve}: ${titles[name]}`, ...points.map(({ x }) => `${x}`)];
  const lines = [
    table(heading, [
      ['images/s', ...points.map((point) => significant(rate(point)))],
      ['ms/step', ...points.map(({ ms }) => ms.toFixed(0))],
    ]),
  ];
  if (name === 'batch' && points.filter(({ x }) => x >= 32).length >= 3) {
    const { offset, slope, worst } = fitOf(points);
    lines.push(
      '',
      `From batch 32 up a step takes ${offset.toFixed(0)} ms + ${slope.toFixed(2)} ms for each picture; no batch is further ` +
        `than ${(100 * worst).toFixed(1)} % from that line.`,
    );
  }
  return lines.join('\n');
}

export const growth: Part = {
  name: 'growth',
  async measure(options) {
    const { engine } = chooseEngine('onednn');
    const dtype = chooseDtype(engine, 'auto');
    const { results, leftOut } = await measureCases<Curves>('growth', cases, options, (name) =>
      measureCase(name as Case, dtype, options),
    );
    const machine = `${engineInWords(engine.describe())}, ${dtype}`;
    if (!options.dry) await drawGrowth('docs/figures/growth.png', results, machine);
    const tables = [...results].map(([name, curves]) => tableOf(name as Case, curves));
    return paragraphs(
      `${machine}; training where nothing else is said; medians of ${options.rounds * options.steps} steps in ` +
        `${options.rounds} turns:`,
      ...tables,
      leftOutList(leftOut),
    );
  },
};
