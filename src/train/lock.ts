// One training per run folder. The lock is the kernel's (flock on the file `.lock`), so it goes with the process that
// holds it: kill -9 leaves no lock behind, and a process number that is used again means nothing. It is seen by every
// process of the machine, in containers too where they share the folder. On NFS Linux passes it on to the server,
// which frees it when the client is back or its lease has run out; other machines are kept out there as well.
// Source: flock(2), section "NFS details".
//
// The open lock file also tells whether the folder is still the one that was locked: what is deleted or moved away
// under a running training must not come back half.
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { hostname, constants as system } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { reason } from '../files.ts';

export interface RunLock {
  /** Throws a UserError when the folder was deleted, moved or replaced since it was locked. */
  check(): void;
  /** Lets others train here, and removes the lock file. */
  release(): void;
}

/** Who trains in a folder. */
export interface LockHolder {
  /** Process number, in its own container where it runs in one. */
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Another program that looks who holds the lock has it for a moment. */
const attempts = 5;
const waitMs = 20;

/**
 * Locks the folder `out`, which exists. Throws a UserError when a training runs in it. Where the system has no file
 * locks, `onNote` is told so and the folder counts as locked.
 */
export function lockRunFolder(out: string, onNote: (message: string) => void): RunLock {
  const path = join(out, '.lock');
  const file = openLocked(path, out, onNote);
  const holder: LockHolder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  try {
    ftruncateSync(file);
    writeSync(file, `${JSON.stringify(holder)}\n`, 0);
  } catch (error) {
    closeSync(file);
    throw new UserError(`Cannot write to ${out}: ${reason(error)}`, { cause: error });
  }
  let held = true;
  return {
    check() {
      if (isFile(path, file)) return;
      throw new UserError(
        `The run folder ${out} was deleted, moved or replaced while the training ran. The training has stopped ` +
          'and written nothing more; start it again, or resume it where the folder lies.',
      );
    },
    release() {
      if (!held) return;
      held = false;
      try {
        if (isFile(path, file)) rmSync(path);
      } catch {
        // A lock file that stays behind locks nothing.
      }
      closeSync(file);
    },
  };
}

/** The training that runs in the folder `out`; undefined when none does. */
export function lockHolder(out: string): LockHolder | undefined {
  const path = join(out, '.lock');
  if (!existsSync(path)) return undefined;
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return flock(file, LOCK_SH | LOCK_NB) === 'held' ? readHolder(path) : undefined;
  } finally {
    closeSync(file);
  }
}

/** The lock file, open and locked, and still the one of that name. */
function openLocked(path: string, out: string, onNote: (message: string) => void): number {
  for (let attempt = 1; ; attempt++) {
    let file: number;
    try {
      file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    } catch (error) {
      throw new UserError(`Cannot write to ${out}: ${reason(error)}`, { cause: error });
    }
    const answer = flock(file, LOCK_EX | LOCK_NB);
    // Its last holder may have removed the file after it was opened here.
    if (answer === 'locked' && isFile(path, file)) return file;
    if (answer !== 'locked' && answer !== 'held') {
      onNote(`Nothing would keep a second training out of ${out}: ${answer}.`);
      return file;
    }
    const holder = readHolder(path);
    closeSync(file);
    if (attempt < attempts) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs);
      continue;
    }
    const who =
      holder === undefined ? '' : ` (process ${holder.pid} on ${holder.host}, since ${holder.since})`;
    throw new UserError(
      `A training runs in ${out} already${who}. Wait until it ends or stop it, or choose another folder with --out.`,
    );
  }
}

/** Whether the open file is the one at `path`. */
function isFile(path: string, file: number): boolean {
  const mine = fstatSync(file);
  try {
    const there = statSync(path);
    return there.ino === mine.ino && there.dev === mine.dev;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESTALE') return false;
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
}

/** What the holder wrote; undefined in the moment before it does. */
function readHolder(path: string): LockHolder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockHolder;
  } catch {
    return undefined;
  }
}

type Flock = (file: number, operation: number) => { readonly result: number; readonly errno: number };
let native: Flock | string | undefined;

/** `locked`, `held` by another, or in words why there can be no lock. */
function flock(file: number, operation: number): string {
  native ??= loadFlock();
  if (typeof native === 'string') return native;
  for (;;) {
    const { result, errno } = native(file, operation);
    if (result === 0) return 'locked';
    if (errno === system.errno.EWOULDBLOCK) return 'held';
    if (errno !== system.errno.EINTR) return `its file system has no locks (flock: error ${errno})`;
  }
}

function loadFlock(): Flock | string {
  try {
    // biome-ignore lint/suspicious/noExplicitAny: koffi's functions are typed by the C signatures given to it
    const koffi: any = createRequire(import.meta.url)('koffi');
    const call = koffi.load(null).func('int flock(int file, int operation)');
    return (file, operation) => {
      const result = call(file, operation) as number;
      return { result, errno: result === 0 ? 0 : koffi.errno() };
    };
  } catch {
    return 'this system has no file locks (flock)';
  }
}
