// Trainings that are killed: started in processes of their own, killed at moments drawn from a seed, taken up again,
// and in the end compared with the same training left alone.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';
import { randomStream } from '../src/data/random.ts';
import { readMetrics } from '../src/run/metrics.ts';
import { loadCheckpoint } from '../src/train/checkpoint/load.ts';
import { writeSyntheticIdx } from '../src/train/testing.ts';
import type { DriverRequest } from './survival-driver.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder for a test; in memory where the system offers that: a kill needs no disk, and flushing one takes long. */
export function quickFolder(): string {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const folder = mkdtempSync(join(base, 'laurel-survival-'));
  folders.push(folder);
  return folder;
}

/** What a recipe can add, each with a state of its own that a resumption has to bring back. */
const additions: Driven['overrides'] = {
  accumulate: 2,
  ema: 0.9,
  mixup: 0.4,
  erase: 0.25,
  clipNorm: 2,
  schedule: 'plateau',
  patience: 1,
};

/**
 * Trainings of a second or two: LeNet on 30 pictures, five steps an epoch, a checkpoint every three steps. Every other
 * one has a recipe with everything in it.
 */
export function smallTraining(
  { epochs }: { epochs: number },
  folder: string = quickFolder(),
): (run: number, name: string) => Driven {
  const data = writeSyntheticIdx(join(folder, 'shapes'), { train: 30, test: 7 });
  const plain = { epochs, batch: 5, lastBatch: 'keep', learningRate: 0.02 } as const;
  return (run, name) => ({
    network: 'lenet',
    form: 'article',
    data,
    dtype: 'f32',
    seed: run + 1,
    out: join(folder, `${name}-${run}`),
    overrides: run % 2 === 0 ? plain : { ...plain, ...additions },
    validation: 6,
    workers: 1,
    logEvery: 2,
    checkpointEvery: 3,
    keep: 2,
  });
}

export type Driven = DriverRequest['options'];

const driver = fileURLToPath(new URL('survival-driver.ts', import.meta.url));

/** One process, from its start to its end or its death. */
export interface Life {
  readonly lines: readonly string[];
  readonly stderr: string;
  readonly code: number | null;
  readonly killedBy: NodeJS.Signals | null;
}

export interface Living {
  readonly pid: number;
  readonly lines: readonly string[];
  kill(signal: NodeJS.Signals): void;
  /** Resolves when a line begins like that, or the process has ended. */
  until(beginning: string): Promise<void>;
  readonly ended: Promise<Life>;
}

/** Starts a training in another process; `prefix` is a command that starts it (`unshare -rm sh -c ...`). */
export function begin(request: DriverRequest, prefix: readonly string[] = []): Living {
  const command = [...prefix, process.execPath, driver, JSON.stringify(request)];
  const child = spawn(command[0] as string, command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  let rest = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() as string;
    lines.push(...parts);
    wake();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let over = false;
  const ended = new Promise<Life>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, killedBy) => {
      over = true;
      wake();
      resolve({ lines, stderr, code, killedBy });
    });
  });
  return {
    pid: child.pid as number,
    lines,
    kill: (signal) => child.kill(signal),
    until: (beginning) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!over && !lines.some((line) => line.startsWith(beginning))) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    ended,
  };
}

/** The last number that was said after `word`. */
export function lastOf(lines: readonly string[], word: string): number | undefined {
  const line = lines.findLast((candidate) => candidate.startsWith(`${word} `));
  return line === undefined ? undefined : Number(line.slice(word.length + 1));
}

export function notesOf(lines: readonly string[]): string[] {
  return lines.filter((line) => line.startsWith('note ')).map((line) => line.slice(5));
}

/** Every number that a training leaves, but for times: it must not depend on how often it was interrupted. */
export function numbersOf(out: string): object {
  const checkpoint = loadCheckpoint(join(out, 'checkpoints'));
  const { seconds: _, ...position } = checkpoint?.meta.position ?? { seconds: 0 };
  const tensors = [...(checkpoint?.tensors ?? [])].map(([name, { data }]) => [
    name,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
  ]);
  const metrics = readMetrics(join(out, 'metrics.jsonl')).map(
    ({ imagesPerSecond, seconds, ...numbers }) => numbers,
  );
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));
  for (const key of ['imagesPerSecond', 'seconds', 'out', 'weights']) delete summary[key];
  const weights = ['best', 'last'].map((name) => [
    name,
    readFileSync(join(out, 'checkpoints', `${name}.safetensors`)).toString('base64'),
  ]);
  return { position, tensors, metrics, summary, weights, files: filesOf(out) };
}

/** What lies in a run folder; event files, one for each start, apart. */
export function filesOf(out: string): string[] {
  return (readdirSync(out, { recursive: true }) as string[])
    .filter((file) => !file.includes('tfevents'))
    .sort();
}

export interface KillReport {
  readonly kills: number;
  /** Kills that left a half-written file, and those that came before the training had begun. */
  readonly insideWrite: number;
  readonly atStart: number;
  readonly runs: number;
  readonly steps: number;
  /** Steps that were taken again. */
  readonly lost: number;
}

/**
 * Kills trainings `kills` times in all, at moments drawn from `seed`, and takes them up each time. `optionsOf` gives
 * the training of a number, to a folder of that name; when one comes to its end the next begins. Checks at each
 * resumption that no checkpoint was lost and nothing damaged, and at each end that every number is that of the
 * training left alone.
 */
export async function killAtRandom(
  kills: number,
  seed: number,
  optionsOf: (run: number, name: string) => Driven,
): Promise<KillReport> {
  const random = randomStream(seed, 0x6b696c6c);
  const report = { kills: 0, insideWrite: 0, atStart: 0, runs: 0, steps: 0, lost: 0 };
  while (report.kills < kills) {
    const alone = optionsOf(report.runs, 'alone');
    const { lines, stderr } = await begin({ options: alone, pauseMs: 0 }).ended;
    expect(lines.at(-1), stderr).toBe('end finished');
    const options = optionsOf(report.runs, 'killed');
    await killToTheEnd(options, kills, random, report);
    expect(numbersOf(options.out)).toEqual(numbersOf(alone.out));
    report.steps += lastOf(lines, 'step') ?? 0;
    report.runs++;
  }
  return report;
}

/** Starts, kills and starts again until the training has ended, or has been left alone after the last kill. */
async function killToTheEnd(
  options: Driven,
  kills: number,
  random: () => number,
  report: { kills: number; insideWrite: number; atStart: number; lost: number },
): Promise<void> {
  let saved = 0;
  let reached = 0;
  for (;;) {
    const resume = existsSync(join(options.out, 'config.json'));
    const spare = report.kills >= kills;
    const life = begin({ options: { ...options, resume }, pauseMs: spare ? 0 : 4 });
    // One in ten while the program starts, reads the checkpoint and puts the folder in order; some before the first
    // step; the others anywhere in the steps, validations and checkpoints after it.
    const kind = random();
    if (kind < 0.1) await sleep(1500 * random());
    else if (kind < 0.25) await life.until('start').then(() => sleep(400 * random()));
    else await life.until('step').then(() => sleep(700 * random()));
    if (!spare) life.kill('SIGKILL');
    const { lines, killedBy, stderr } = await life.ended;
    const from = lastOf(lines, 'start');
    if (from !== undefined) {
      // Not before the last checkpoint that was told of; perhaps after it, for the telling comes last.
      expect(from).toBeGreaterThanOrEqual(saved);
      expect(from).toBeLessThanOrEqual(reached);
      report.lost += reached - from;
      reached = from;
    }
    expect(notesOf(lines)).toEqual([]);
    saved = lastOf(lines, 'checkpoint') ?? from ?? saved;
    reached = lastOf(lines, 'step') ?? reached;
    if (killedBy === null) {
      expect(lines.at(-1), stderr).toBe('end finished');
      return;
    }
    expect(killedBy).toBe('SIGKILL');
    report.kills++;
    if (from === undefined) report.atStart++;
    else if (filesOf(options.out).some((file) => file.endsWith('.part'))) report.insideWrite++;
  }
}
