// A whole command, from nothing: a process that loads a checkpoint of 100 MB and classifies one picture with ResNet-50,
// ours against a Python script that does the same with torchvision. Both read the same file, which torchvision wrote.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './contender.ts';
import { leftOutList, type Part, table } from './part.ts';

const picture = 'test/fixtures/photos/chelsea.png';

interface Answer {
  /** The most probable class. */
  readonly index: number;
  readonly probability: number;
}

interface Rival {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** What its output says. */
  answer(stdout: string): Answer;
}

function rivalsFor(checkpoint: string, python: string): Rival[] {
  const laurel = ['bin/laurel.mjs', 'classify', 'resnet50', '--weights', checkpoint, picture, '--json'];
  return [
    {
      name: '`laurel classify resnet50`',
      command: process.execPath,
      args: laurel,
      answer: (stdout) => JSON.parse(stdout).images[0].top[0],
    },
    {
      name: 'PyTorch with torchvision',
      command: python,
      args: ['bench/torch_cold.py', checkpoint, picture],
      answer(stdout) {
        const { classes, probabilities } = JSON.parse(stdout);
        return { index: classes[0], probability: probabilities[0] };
      },
    },
  ];
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

export const coldStart: Part = {
  name: 'cold',
  async measure({ rounds, python, log }) {
    const folder = mkdtempSync(join(tmpdir(), 'laurel-cold-'));
    const checkpoint = join(folder, 'resnet50.pth');
    try {
      const leftOut: string[] = [];
      try {
        run(python, ['bench/torch_cold.py', 'make', checkpoint]);
      } catch {
        leftOut.push(`all: ${python} has no torchvision, which writes the checkpoint`);
        return `Nothing was measured.${leftOutList(leftOut)}`;
      }
      const rivals = rivalsFor(checkpoint, python);
      const times = rivals.map((): number[] => []);
      const answers: Answer[] = [];
      // The first round fills the caches of the system and of compiled code, on both sides.
      for (let round = 0; round <= rounds; round++) {
        for (const [i, { command, args, answer }] of rivals.entries()) {
          const before = performance.now();
          const stdout = run(command, args);
          const ms = performance.now() - before;
          if (round > 0) times[i]?.push(ms);
          answers[i] = answer(stdout);
        }
        log(`cold: round ${round} of ${rounds}`);
      }
      const [ours, theirs] = answers as [Answer, Answer];
      if (ours.index !== theirs.index) {
        throw new Error(`The answers differ: class ${ours.index} here, ${theirs.index} there.`);
      }
      const [mine, other] = times.map(median) as [number, number];
      const mebibytes = statSync(checkpoint).size / 2 ** 20;
      const rows = rivals.map(({ name }, i) => [
        name,
        ((times[i] && median(times[i])) ?? Number.NaN).toFixed(0),
        i === 0 ? `${(mine / other).toFixed(2)}x` : '',
        `${(answers[i] as Answer).index} (${(100 * (answers[i] as Answer).probability).toFixed(1)} %)`,
      ]);
      return [
        `ResNet-50, a PyTorch checkpoint of ${mebibytes.toFixed(0)} MiB with seeded random weights, one PNG, medians of ` +
          `${rounds} processes each, in turns:`,
        '',
        table(['who', 'ms in all', 'time against PyTorch', 'class found'], rows),
      ].join('\n');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
