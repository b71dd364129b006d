// What a part has measured, case by case, in runs/bench: a part of an hour is measured in pieces, and one that was
// broken off goes on where it was. `--only A,B` measures these cases and takes the others from what is kept;
// `--resume` measures only those that are not kept, or were kept with other rounds or steps, or too long ago.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { didYouMean, UserError } from '../src/errors.ts';
import { writeFileAtomic } from '../src/files.ts';
import { describeMachine } from './machine.ts';
import type { BenchOptions } from './part.ts';

interface Kept {
  readonly at: string;
  readonly rounds: number;
  readonly steps: number;
  readonly result: unknown;
}

export interface Cases<T> {
  /** By name, in the order of the names. */
  readonly results: ReadonlyMap<string, T>;
  /** Cases without a result, and why. */
  readonly leftOut: readonly string[];
}

const resumableHours = 12;

/**
 * The results of all cases of a part, measured by `measure` or kept from before on this machine. A case that fails is
 * left out and does not end the others. Results are JSON.
 */
export async function measureCases<T>(
  part: string,
  names: readonly string[],
  options: Pick<BenchOptions, 'rounds' | 'steps' | 'only' | 'resume' | 'log' | 'keep'>,
  measure: (name: string) => Promise<T>,
): Promise<Cases<T>> {
  const { rounds, steps, only, resume, log, keep } = options;
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UserError(`The part '${part}' has no case '${unknown}'.${didYouMean(unknown, names)}`, {
      exitCode: 2,
    });
  const file = join(keep, `${part}.json`);
  const machine = describeMachine();
  const stored = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const kept: Record<string, Kept> = stored.machine === machine ? stored.cases : {};
  const results = new Map<string, T>();
  const leftOut: string[] = [];
  const missing: string[] = [];
  for (const name of names) {
    const before = kept[name];
    const isFresh =
      before?.rounds === rounds &&
      before.steps === steps &&
      Date.now() - Date.parse(before.at) < resumableHours * 3_600_000;
    const isWanted = only === undefined ? !(resume && isFresh) : only.includes(name);
    if (isWanted) {
      log(`${part}: ${name}`);
      try {
        const result = await measure(name);
        kept[name] = { at: new Date().toISOString(), rounds, steps, result };
        mkdirSync(keep, { recursive: true });
        writeFileAtomic(file, `${JSON.stringify({ machine, cases: kept }, null, 1)}\n`);
      } catch (error) {
        log(`${part}: ${name}: ${(error as Error).message}`);
        leftOut.push(`${name}: ${(error as Error).message}`);
        continue;
      }
    }
    const result = kept[name]?.result;
    if (result === undefined) missing.push(name);
    else results.set(name, result as T);
  }
  if (missing.length > 0) leftOut.push(`not measured yet: ${missing.join(', ')}`);
  return { results, leftOut };
}
