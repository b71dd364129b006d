// Measurements on disk: one JSON file in the user's cache folder, for people to read and to delete. Several processes
// may write at once: each adds what it measured to what is there at that moment, under a lock, and the file is replaced
// as a whole. What cannot be read or written is a sentence for the user and no reason to stop.
import { closeSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../../data/homes.ts';
import { makeFolder, reason, writeFileAtomic } from '../../../files.ts';

/** The fastest way for one question, and what each way took. */
export interface Answer {
  readonly choice: string;
  /** Medians; what took far too long once was not run again. */
  readonly ms: Readonly<Record<string, number>>;
  /** The ways that this version of Laurel knew, whether or not they applied. */
  readonly among: readonly string[];
}

/** By machine and question. */
type Answers = Record<string, Record<string, Answer>>;

const format = 'laurel autotune 1';

export function rememberedPath(environment: NodeJS.ProcessEnv = process.env): string {
  return join(dirname(cacheFolder(environment)), 'autotune.json');
}

/** The answers that are known for a machine; `onNote` hears of a file that is damaged. */
export function recall(
  path: string,
  machine: string,
  onNote: (message: string) => void,
): ReadonlyMap<string, Answer> {
  return new Map(Object.entries(read(path, onNote)[machine] ?? {}));
}

/** Adds answers to the file; of two for one question the later stays. */
export function remember(
  path: string,
  machine: string,
  answers: ReadonlyMap<string, Answer>,
  onNote: (message: string) => void,
): void {
  if (answers.size === 0) return;
  try {
    makeFolder(dirname(path));
    locked(`${path}.lock`, () => {
      // A damaged file was told of when it was read first; it is replaced.
      const all = read(path, () => {});
      const merged = { ...all, [machine]: { ...all[machine], ...Object.fromEntries(answers) } };
      writeFileAtomic(path, `${JSON.stringify({ format, machines: merged }, null, 1)}\n`);
    });
  } catch (error) {
    onNote(`The measured choices of implementations are not remembered: ${reason(error)}`);
  }
}

function read(path: string, onNote: (message: string) => void): Answers {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      onNote(`The remembered choices of implementations cannot be read: ${reason(error)}`);
    return {};
  }
  const answers = parse(text);
  if (answers === undefined)
    onNote(`${path} is damaged and is ignored: choices of implementations are measured again.`);
  return answers ?? {};
}

function parse(text: string): Answers | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  const file = content as { format?: unknown; machines?: unknown } | null;
  if (typeof file !== 'object' || file === null) return undefined;
  // Another version's file is no damage, and no help.
  if (typeof file.format === 'string' && file.format !== format) return {};
  const isGroup = (value: unknown): boolean => typeof value === 'object' && value !== null;
  if (file.format !== format || !isGroup(file.machines)) return undefined;
  const machines = Object.values(file.machines as object);
  const whole = machines.every((group) => isGroup(group) && Object.values(group).every(isAnswer));
  return whole ? (file.machines as Answers) : undefined;
}

function isAnswer(value: unknown): value is Answer {
  const answer = value as Partial<Answer> | null;
  return (
    typeof answer === 'object' &&
    answer !== null &&
    typeof answer.choice === 'string' &&
    Array.isArray(answer.among) &&
    typeof answer.ms === 'object' &&
    answer.ms !== null
  );
}

/** Longer than any write takes: whoever holds the lock for so long is dead. */
const staleMs = 10_000;
const pauseMs = 20;

/** Runs `work` while this process holds the lock file; one that a dead process left is taken over. */
function locked(path: string, work: () => void): void {
  const began = performance.now();
  while (!take(path)) {
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    // A clock that was set back must not make it wait for ever.
    if (age > staleMs || performance.now() - began > 2 * staleMs) rmSync(path, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  }
  try {
    work();
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
