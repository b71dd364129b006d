// A contender is a process that has prepared some work and does a few steps of it whenever it is told to. All
// contenders of a comparison are alive at once, and take turns: while one works, the others sleep, so that
// what the machine does to one it does to all.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';

export interface Contender {
  readonly name: string;
  /** What the process says of itself when it is ready: versions, instruction set, threads. */
  readonly facts: Record<string, unknown>;
  /** Milliseconds of each of `steps` steps. */
  work(steps: number): Promise<number[]>;
  /** The most memory that the process has had, in MiB. */
  peakMiB(): number;
  stop(): void;
}

/**
 * Starts `command` and waits for its first line, a JSON object. From then on it answers every line with a
 * number N by a JSON array of N durations.
 */
export async function startContender(name: string, command: string, args: string[]): Promise<Contender> {
  // PyTorch takes one thread for two on some machines; every contender gets all cores.
  const env = { OMP_NUM_THREADS: `${availableParallelism()}`, ...process.env };
  const child: ChildProcess = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr?.on('data', (chunk) => {
    complaints = `${complaints}${chunk}`.slice(-2000);
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended: ${complaints.trim().split('\n').at(-1) ?? 'no message'}`);
    return JSON.parse(value);
  };
  child.on('error', (error) => {
    complaints = error.message;
  });
  const facts = (await answer()) as Record<string, unknown>;
  return {
    name,
    facts,
    async work(steps) {
      child.stdin?.write(`${steps}\n`);
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

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Lets all contenders take turns, and gives each one's median milliseconds a step. */
export async function alternate(
  contenders: readonly Contender[],
  rounds: number,
  steps: number,
): Promise<Map<Contender, number>> {
  const times = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) times.get(contender)?.push(...(await contender.work(steps)));
  }
  return new Map([...times].map(([contender, list]) => [contender, median(list)]));
}
