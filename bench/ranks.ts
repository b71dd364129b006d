// Two ranks of one thread beside one process of two threads, on the same global batch: what the division over processes
// costs where the wire is this machine's memory. Half of the cores each where there are more than two.
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { findLaunchers, type Launcher, launcherFlags } from '../src/distribute/launch.ts';
import { chooseEngine } from '../src/engines/choose.ts';
import type { ComputeType } from '../src/engines/engine.ts';
import { alternate, startContender } from './contender.ts';
import { type BenchOptions, type Part, table } from './part.ts';

const network = 'resnet18';
const form = 'cifar';
const batch = 256;
const worker = fileURLToPath(new URL('./ranks-worker.ts', import.meta.url));

export const ranks: Part = {
  name: 'ranks',
  async measure(options) {
    const launchers = findLaunchers();
    if (launchers.length === 0) return 'Not measured: MPI is not installed.';
    const { dtypes, library, isa } = chooseEngine('onednn').engine.describe();
    const emulated = dtypes.includes('bf16') && dtypes[0] !== 'bf16';
    const rows: string[][] = [];
    for (const dtype of dtypes) rows.push(...(await measureType(dtype, launchers, options)));
    return [
      `${network}, ${form} form (32x32), global batch ${batch}, ${library} (${isa}).`,
      ...(emulated
        ? ['This CPU has no instructions for bf16: products are computed in f32, on both sides alike.']
        : []),
      'Waiting for the wire: for the gradients once both ranks have ended their backward pass. For the other rank: until',
      'it has, and for the loss of both. Not hidden: the wait for the wire beside the sum made by itself.',
      '',
      table(
        [
          ...['', 'dtype', 'images/s', 'beside one process', 'goal', 'MB a step', 'sum by itself, ms'],
          ...['step waiting for the wire', 'for the other rank', 'sum not hidden'],
        ],
        rows,
      ),
    ].join('\n');
  },
};

/** The rows of a type: one process, and two ranks of each MPI, alive at once and in turns. */
async function measureType(
  dtype: ComputeType,
  launchers: readonly Launcher[],
  { rounds, steps, log }: BenchOptions,
): Promise<string[][]> {
  const half = Math.max(1, Math.floor(availableParallelism() / 2));
  const command = (threads: number, ...more: string[]): string[] => [
    ...[process.execPath, worker, network, form, `${batch}`, dtype, `${threads}`],
    ...more,
  ];
  const [node = '', ...rest] = command(2 * half, 'alone');
  const one = await startContender('one process', node, rest);
  log(`ranks: one process in ${dtype} is ready`);
  const several = await Promise.all(
    launchers.map((launcher) =>
      startContender(`two ranks, ${launcher.implementation} ${launcher.version}`, launcher.file, [
        ...launcherFlags(launcher, 2),
        ...command(half),
      ]),
    ),
  );
  log(`ranks: two ranks in ${dtype} are ready`);
  try {
    const medians = await alternate([one, ...several], rounds, steps);
    const base = medians.get(one) ?? Number.NaN;
    const speed = (ms: number): string => ((1000 * batch) / ms).toFixed(1);
    const rows = [[`one process, ${2 * half} threads`, dtype, speed(base), '1.00x', '', '', '', '', '', '']];
    for (const contender of several) {
      const ms = medians.get(contender) ?? Number.NaN;
      const costs = await contender.work(0);
      const [step, late, wire, loss, alone, megabytes] = costs as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
      rows.push([
        `${contender.name}, ${half} ${half === 1 ? 'thread' : 'threads'} each`,
        dtype,
        speed(ms),
        `${(base / ms).toFixed(2)}x`,
        '0.9x or more',
        megabytes.toFixed(1),
        alone.toFixed(1),
        percent(wire, step),
        percent(late + loss, step),
        percent(wire, alone),
      ]);
    }
    return rows;
  } finally {
    for (const contender of [one, ...several]) contender.stop();
  }
}
