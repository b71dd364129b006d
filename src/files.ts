// Files that are either whole or absent: written beside their place, flushed, then renamed.
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError } from './errors.ts';

/** Writes `chunks` to `path` so that a reader, or a crash, sees the old file or the whole of the new one. */
export function writeFileAtomic(path: string, ...chunks: (string | Uint8Array)[]): void {
  const temporary = `${path}.${process.pid}.part`;
  try {
    makeFolder(dirname(path));
    const file = openSync(temporary, 'w');
    try {
      for (const chunk of chunks) writeAll(file, typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    flushFolder(dirname(path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    rmSync(temporary, { force: true });
    throw new UserError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
  }
}

/** A file that is written piece by piece; it appears at its place when it is finished, whole. */
export interface GrowingFile {
  write(bytes: Uint8Array): void;
  /** Flushes it and puts it in its place. */
  finish(): void;
  /** Leaves nothing; after `finish` it does nothing. */
  abandon(): void;
}

/** `writeFileAtomic` for what does not fit into memory. Throws a UserError when the disk refuses. */
export function growFileAtomic(path: string): GrowingFile {
  const temporary = `${path}.${process.pid}.part`;
  let file: number | undefined;
  const abandon = (): void => {
    if (file === undefined) return;
    closeSync(file);
    file = undefined;
    rmSync(temporary, { force: true });
  };
  const guarded = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      abandon();
      // Its folder is not there.
      if (error instanceof UserError) throw error;
      rmSync(temporary, { force: true });
      throw new UserError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
    }
  };
  const opened = (): number => {
    if (file === undefined) throw new Error(`${path} is not being written.`);
    return file;
  };
  guarded(() => {
    makeFolder(dirname(path));
    file = openSync(temporary, 'w');
  });
  return {
    write: (bytes) => guarded(() => writeAll(opened(), bytes)),
    finish: () =>
      guarded(() => {
        const whole = opened();
        fsyncSync(whole);
        file = undefined;
        closeSync(whole);
        renameSync(temporary, path);
        flushFolder(dirname(path));
      }),
    abandon,
  };
}

/**
 * Makes a folder and those above it, and checks that files can be put there. Node's own recursive mkdir never
 * returns where a folder can have no children (/proc), so each level is made by itself.
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  let folder = resolve(path);
  try {
    while (!isFolder(folder)) {
      missing.push(folder);
      folder = dirname(folder);
    }
    for (const level of missing.reverse()) makeLevel(level);
    accessSync(resolve(path), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new UserError(`Cannot write to ${path}: ${reason(error)}`, { cause: error });
  }
}

/** Whether a folder is there; what is there and is none is an error. */
function isFolder(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isDirectory()) {
    throw Object.assign(new Error(`${path} is a file`), { code: 'ENOTDIR' });
  }
  return stat !== undefined;
}

/** Another process may have made the folder in between. Its name is to survive a power cut as its files' are. */
function makeLevel(path: string): void {
  try {
    mkdirSync(path);
    flushFolder(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder(path)) throw error;
  }
}

/** A write may be partial (2 GiB limit per call, signals), so it is repeated until all bytes are out. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, Math.min(bytes.length - done, 1 << 30));
  }
}

/** Names too must survive a power cut; some systems cannot flush a folder, and need not. */
export function flushFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {}
}

/** Flushes a file that was written by other means. Throws the system's error. */
export function flushFile(path: string): void {
  const handle = openSync(path, 'r+');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** A number of bytes for people: `262 kB`, `4.4 GB`. */
export function sizeInWords(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${power > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

const reasons: Record<string, string> = {
  ENOSPC: 'the disk is full. Free some space or choose another place',
  EACCES: 'permission denied. Choose a place that you may write to',
  EPERM: 'permission denied. Choose a place that you may write to',
  EROFS: 'the file system is read-only. Choose another place',
  ENOENT: 'no such file or folder. Check the path',
  ENOTDIR: 'a part of the path is a file, not a folder. Choose another place',
  EISDIR: 'it is a folder, not a file. Check the path',
  EEXIST: 'a part of the path is a file, not a folder. Choose another place',
  EDQUOT: 'the disk quota is used up. Free some space or choose another place',
};

/** A system error in words, with the next step. */
export function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== undefined && code in reasons) return `${reasons[code]}.`;
  return error instanceof Error ? error.message : String(error);
}
