// How soon a training on a set of ImageNet's size begins: `laurel train` itself, from the start of its process to the end
// of its first step, on 1.3 million pictures whose index is made the first time and opened the second time. The files
// are small JPEGs, a thousand of them with 1300 names each (hard links), so that the tree is as long as ImageNet and
// takes little room.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { imagenetClasses } from '../src/data/imagenet-classes.ts';
import { median } from '../src/median.ts';
import { type Part, table } from './part.ts';

/** ImageNet has 1281 on average, and 50 for validation. */
const perClass = { train: 1300, val: 50 };
const batch = 16;
const laurel = fileURLToPath(new URL('../bin/laurel.mjs', import.meta.url));

/** ILSVRC's layout: train/n01440764/n01440764_10026.JPEG. */
async function makeTree(root: string): Promise<void> {
  const longAgo = new Date(Date.now() - 3_600_000);
  for (const [label, { wnid }] of imagenetClasses.entries()) {
    const background = { r: label % 256, g: (7 * label) % 256, b: (31 * label) % 256 };
    const create = { width: 48, height: 40, channels: 3, background } as const;
    const picture = await sharp({ create }).jpeg().toBuffer();
    let first: string | undefined;
    for (const [split, count] of Object.entries(perClass)) {
      const folder = join(root, split, wnid);
      mkdirSync(folder, { recursive: true });
      for (let i = 0; i < count; i++) {
        const path = join(folder, `${wnid}_${10026 + 7 * i}.JPEG`);
        if (first === undefined) writeFileSync(path, picture);
        else linkSync(first, path);
        first ??= path;
      }
      utimesSync(folder, longAgo, longAgo);
    }
  }
  for (const folder of ['train', 'val', '.']) utimesSync(join(root, folder), longAgo, longAgo);
}

interface Start {
  /** Until the training says what it will do: all is prepared, and the first batch is being made. */
  readonly prepared: number;
  /** Until the end of the first step. */
  readonly seconds: number;
  /** The largest resident memory of the process by then. */
  readonly peakMiB: number;
}

/** Trains until the first step is written down, then stops it. */
async function measure(root: string, cache: string, out: string): Promise<Start> {
  const args = ['train', 'resnet18', '--data', root, '--batch', `${batch}`, '--recipe', 'torchvision'];
  const began = performance.now();
  const child = spawn(process.execPath, [laurel, ...args, '--log-every', '1', '--out', out], {
    env: { ...process.env, XDG_CACHE_HOME: cache },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  let prepared = Number.NaN;
  const elapsed = (): number => (performance.now() - began) / 1000;
  child.stderr.on('data', (chunk) => {
    told += chunk;
    if (Number.isNaN(prepared) && told.includes(' parameters) on ')) prepared = elapsed();
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const metrics = join(out, 'metrics.jsonl');
  while (!existsSync(metrics) || readFileSync(metrics, 'utf8') === '') {
    if (child.exitCode !== null) throw new Error(`the training ended before its first step: ${told}`);
    await wait(10);
  }
  const start = { prepared, seconds: elapsed(), peakMiB: peakMiB(child) };
  child.kill('SIGTERM');
  await ended;
  rmSync(out, { recursive: true });
  return start;
}

function peakMiB({ pid }: ChildProcess): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

export const start: Part = {
  name: 'start',
  async measure({ rounds, log }) {
    const place = mkdtempSync(join(tmpdir(), 'laurel-start-'));
    const [root, cache, out] = [join(place, 'imagenet'), join(place, 'cache'), join(place, 'run')];
    const pictures = imagenetClasses.length * perClass.train;
    try {
      log(`start: making ${pictures} names`);
      await makeTree(root);
      const [first, second]: [Start[], Start[]] = [[], []];
      for (let round = 1; round <= rounds; round++) {
        rmSync(cache, { recursive: true, force: true });
        first.push(await measure(root, cache, out));
        second.push(await measure(root, cache, out));
        log(
          `start: round ${round} of ${rounds}: ${first.at(-1)?.seconds.toFixed(2)} s, ${second.at(-1)?.seconds.toFixed(2)} s`,
        );
      }
      const row = (name: string, starts: readonly Start[]): string[] => [
        name,
        median(starts.map(({ prepared }) => prepared)).toFixed(2),
        median(starts.map(({ seconds }) => seconds)).toFixed(2),
        Math.max(...starts.map(({ peakMiB }) => peakMiB)).toFixed(0),
      ];
      return [
        `\`laurel train resnet18 --data imagenet --batch ${batch} --recipe torchvision\`, ` +
          `${pictures.toLocaleString('en-US')} training pictures in 1,000 folders and 50,000 for the test ` +
          `(the system's cache of names is warm), from the start of the process, medians of ${rounds} turns, memory the largest of them:`,
        '',
        table(
          [
            'what',
            's until all is prepared',
            's until the first step is done',
            'memory at its peak by then, MiB',
          ],
          [row('the first time', first), row('the second time', second)],
        ),
      ].join('\n');
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
};
