// Two ranks of one thread beside one process of two threads, on the same global batch: what the division over processes
// costs where the wire is this machine's memory. Half of the cores each where there are more than two.
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { findLaunchers, launcherFlags } from '../src/distribute/launch.ts';
import { alternate, startContender } from './contender.ts';
import { type Part, table } from './part.ts';

const network = 'resnet18';
const form = 'cifar';
const batch = 256;
const worker = fileURLToPath(new URL('./ranks-worker.ts', import.meta.url));

export const ranks: Part = {
  name: 'ranks',
  async measure({ rounds, steps, log }) {
    const launchers = findLaunchers();
    if (launchers.length === 0) return 'Not measured: MPI is not installed.';
    const cores = availableParallelism();
    const half = Math.max(1, Math.floor(cores / 2));
    const command = (threads: number, ...more: string[]): string[] => [
      ...[process.execPath, worker, network, form, `${batch}`, `${threads}`],
      ...more,
    ];
    const [node = '', ...rest] = command(2 * half, 'alone');
    const one = await startContender('one process', node, rest);
    log('ranks: one process is ready');
    const several = await Promise.all(
      launchers.map((launcher) =>
        startContender(`two ranks, ${launcher.implementation} ${launcher.version}`, launcher.file, [
          ...launcherFlags(launcher, 2),
          ...command(half),
        ]),
      ),
    );
    log('ranks: two ranks are ready');
    try {
      const medians = await alternate([one, ...several], rounds, steps);
      const base = medians.get(one) ?? Number.NaN;
      const speed = (ms: number): string => ((1000 * batch) / ms).toFixed(1);
      const rows = [[`one process, ${2 * half} threads`, speed(base), '1.00x', '', '', '', '', '']];
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
          speed(ms),
          `${(base / ms).toFixed(2)}x`,
          megabytes.toFixed(1),
          alone.toFixed(1),
          percent(wire, step),
          percent(late + loss, step),
          percent(wire, alone),
        ]);
      }
      const { library, isa } = one.facts;
      return [
        `${network}, ${form} form (32x32), global batch ${batch}, f32, ${library} (${isa}).`,
        'Waiting for the wire: for the gradients once both ranks have ended their backward pass. For the other rank: until',
        'it has, and for the loss of both. Not hidden: the wait for the wire beside the sum made by itself.',
        '',
        table(
          [
            ...['', 'images/s', 'beside one process', 'MB a step', 'sum by itself, ms'],
            ...['step waiting for the wire', 'for the other rank', 'sum not hidden'],
          ],
          rows,
        ),
      ].join('\n');
    } finally {
      for (const contender of [one, ...several]) contender.stop();
    }
  },
};
