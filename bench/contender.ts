// A contender is a process that has prepared some work and does a few steps of it whenever it is told to. All
// contenders of a comparison are alive at once, and take turns: while one works, the others sleep, so that
// what the machine does to one it does to all.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { median } from '../src/median.ts';

export interface Contender {
  readonly name: string;
  /** What the process says of itself when it is ready: versions, instruction set, threads. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Milliseconds of each of `steps` steps; of the work called `item`, where the contender has several. */
  work(steps: number, item?: string): Promise<number[]>;
  /** The most memory that the process has had, in MiB. */
  peakMiB(): number;
  stop(): void;
}

/**
 * Starts `command` and waits for its first line, a JSON object. From then on it answers every line with a
 * number N (and perhaps the name of a work) by a JSON array of N durations.
 */
export async function startContender(
  name: string,
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Contender> {
  // PyTorch takes one thread for two on some machines; every contender gets all cores.
  const env = { OMP_NUM_THREADS: `${availableParallelism()}`, ...process.env, ...environment };
  const child: ChildProcess = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr?.on('data', (chunk) => {
    complaints = `${complaints}${chunk}`.slice(-mostComplaints);
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended: ${reasonIn(complaints)}`);
    return JSON.parse(value);
  };
  child.on('error', (error) => {
    complaints = error.message;
  });
  // A process that ended has closed its input; that it did is said by the next answer.
  child.stdin?.on('error', () => {});
  const facts = (await answer()) as Record<string, unknown>;
  return {
    name,
    facts,
    async work(steps, item) {
      child.stdin?.write(item === undefined ? `${steps}\n` : `${steps} ${item}\n`);
      return (await answer()) as number[];
    },
    peakMiB() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
    },
    stop() {
      child.stdin?.end();
      child.kill();
    },
  };
}

const mostComplaints = 20_000;

/** The last line, which is what went wrong; before the trace of a crash what its handler says first. */
function reasonIn(complaints: string): string {
  const lines = complaints.trim().split('\n');
  const crash = lines.find((line) => /Caught signal/.test(line));
  return crash?.replace(/^\[[^\]]*\]\s*/, '') ?? (lines.at(-1) || 'no message');
}

export interface TurnOptions {
  /** A turn has as many steps as this takes, by a first step that does not count; at least `steps`, which is the default. */
  readonly turnMs?: number;
  /** More rounds than asked for, up to `mostRounds`, as far as all turns then take no longer than this. */
  readonly totalMs?: number;
  /** Which work, where contenders have several. */
  readonly item?: string;
}

/** Steps that a turn may have, however short they are. */
const mostSteps = 500;
const mostRounds = 30;

/**
 * Between turns everybody rests, in milliseconds: threads that wait for more work keep a core busy for a while, those of
 * onnxruntime for 40 ms, and whoever worked beside them would be slower for it.
 */
export const restMs = 100;

/** Lets all contenders take turns, and gives the milliseconds of each one's steps, turn by turn. */
export async function takeTurns(
  contenders: readonly Contender[],
  rounds: number,
  steps: number,
  { turnMs = 0, totalMs = 0, item }: TurnOptions = {},
): Promise<Map<Contender, number[][]>> {
  const all = contenders.map((contender) => ({ contender, turns: [] as number[][], steps }));
  let roundMs = 0;
  if (turnMs > 0) {
    for (const each of all) {
      const [first = 1] = await each.contender.work(1, item);
      each.steps = Math.min(mostSteps, Math.max(steps, Math.ceil(turnMs / first)));
      roundMs += restMs + each.steps * first;
    }
  }
  const fitting = roundMs > 0 ? Math.min(mostRounds, Math.floor(totalMs / roundMs)) : 0;
  for (let round = 0; round < Math.max(rounds, fitting); round++) {
    for (const each of all) {
      await wait(restMs);
      each.turns.push(await each.contender.work(each.steps, item));
    }
  }
  return new Map(all.map(({ contender, turns }) => [contender, turns]));
}

/** Lets all contenders take turns, and gives each one's median milliseconds a step. */
export async function alternate(
  contenders: readonly Contender[],
  rounds: number,
  steps: number,
  options: TurnOptions = {},
): Promise<Map<Contender, number>> {
  const turns = await takeTurns(contenders, rounds, steps, options);
  return new Map([...turns].map(([contender, each]) => [contender, median(each.flat())]));
}
