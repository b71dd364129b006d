// A whole command, from nothing: a process that loads a checkpoint and classifies one picture, ours against a Python
// script that does the same with torchvision. Both read the same file, which torchvision wrote.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ratioText } from './compete.ts';
import { alternate, type Contender, startContender } from './contender.ts';
import { measureCases } from './kept.ts';
import { leftOutList, type Part, paragraphs, table } from './part.ts';
import { findPythons, type Python } from './pythons.ts';

const picture = 'test/fixtures/photos/chelsea.png';
const networks = ['resnet18', 'resnet50'];
const goal = '0.4x or less';
const worker = 'bench/command-worker.ts';

interface Row {
  readonly who: string;
  readonly ms: number;
  /** The most probable class, and how probable it is. */
  readonly index: number;
  readonly probability: number;
}

interface Result {
  readonly mebibytes: number;
  readonly rows: readonly Row[];
}

/** What our command or the Python script printed. */
function answerOf({ facts }: Contender): { index: number; probability: number } {
  const said = JSON.parse(facts.output as string);
  if ('images' in said) return said.images[0].top[0];
  return { index: said.classes[0], probability: said.probabilities[0] };
}

async function race(
  net: string,
  checkpoint: string,
  folder: string,
  pythons: readonly Python[],
  rounds: number,
) {
  const contenders: Contender[] = [];
  const start = async (name: string, command: string, args: readonly string[]): Promise<void> => {
    contenders.push(await startContender(name, command, args));
  };
  try {
    const classify = ['bin/laurel.mjs', 'classify', net, '--weights', checkpoint, picture, '--json'];
    await start('Laurel', process.execPath, [worker, process.execPath, ...classify]);
    for (const python of pythons) {
      const [command, args] = python.command(['bench/torch_cold.py', net, checkpoint, picture], [folder]);
      await start(python.name, ...throughWorker(command, args));
    }
    const times = await alternate(contenders, rounds, 1);
    return contenders.map((contender) => ({
      who: contender.name,
      ms: times.get(contender) as number,
      ...answerOf(contender),
    }));
  } finally {
    for (const contender of contenders) contender.stop();
  }
}

/**
 * The worker runs where the command runs: what it takes to enter the Debian 13 root is no part of a step. In there
 * `node` is the checkout's own.
 */
function throughWorker(command: string, args: readonly string[]): [command: string, args: string[]] {
  const inside = args.indexOf('python3');
  if (inside < 0) return [process.execPath, [worker, command, ...args]];
  return [command, [...args.slice(0, inside), 'node', worker, ...args.slice(inside)]];
}

export const classify: Part = {
  name: 'classify',
  async measure(options) {
    const { found, leftOut: pythons } = findPythons(options.python);
    const [first] = found;
    if (first === undefined) return `Nothing was measured.${leftOutList([...pythons])}`;
    const folder = mkdtempSync(join(tmpdir(), 'laurel-classify-'));
    try {
      const { results, leftOut } = await measureCases<Result>('classify', networks, options, async (net) => {
        const checkpoint = join(folder, `${net}.pth`);
        const [command, args] = first.command(['bench/torch_cold.py', 'make', net, checkpoint], [folder]);
        execFileSync(command, args, { stdio: 'ignore' });
        const rows = await race(net, checkpoint, folder, found, options.rounds);
        const classes = new Set(rows.map(({ index }) => index));
        if (classes.size > 1) throw new Error(`the answers differ: classes ${[...classes].join(', ')}`);
        return { mebibytes: statSync(checkpoint).size / 2 ** 20, rows };
      });
      const rows = [...results].flatMap(([net, { mebibytes, rows: all }]) => {
        const [ours, ...others] = all;
        const best = Math.min(...others.map(({ ms }) => ms));
        return all.map((row) => [
          `${net} (${mebibytes.toFixed(0)} MiB)`,
          row.who,
          row.ms.toFixed(0),
          ...(row === ours ? [ratioText(row.ms / best), net === 'resnet18' ? goal : ''] : ['', '']),
          `${row.index} (${(100 * row.probability).toFixed(1)} %)`,
        ]);
      });
      return paragraphs(
        `A PyTorch checkpoint with seeded random weights and one PNG, medians of ${options.rounds} processes each, in turns:`,
        table(['network', 'who', 'ms in all', 'time against PyTorch', 'goal', 'class found'], rows),
        leftOutList([...pythons, ...leftOut]),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
