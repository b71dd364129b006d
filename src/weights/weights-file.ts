// Opening a weights file, and how a defect of it becomes one sentence for the user: shared by all readers.
import { closeSync, fstatSync, openSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { reason } from '../files.ts';

/** A defect of a file, in words that follow "Cannot read X as safetensors: ". */
export class BadFile extends Error {}

/**
 * Opens `path`, hands it to `read` with its size in bytes, and closes it. Throws a UserError: no such file, a folder,
 * or "Cannot read PATH as WHAT: " with the BadFile's (or the system's) reason.
 */
export function readFileAs<T>(path: string, what: string, read: (file: number, size: number) => T): T {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  try {
    const stat = fstatSync(file);
    if (stat.isDirectory()) throw new BadFile('it is a folder, not a file. Check the path.');
    if (stat.size === 0) throw new BadFile('the file is empty. Fetch or save it again.');
    return read(file, stat.size);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const problem = error instanceof BadFile || isSystemError(error) ? reason(error) : undefined;
    if (problem === undefined) throw error;
    throw new UserError(`Cannot read ${path} as ${what}: ${problem}`, { cause: error });
  } finally {
    closeSync(file);
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}

/** What reading one file may cost in memory: a hostile file must not turn kilobytes into gigabytes. */
export interface Budget {
  /** Counts `bytes` that are about to be allocated; throws a BadFile when the file claims too much. */
  spend(bytes: number, what: string): void;
}

const slackBytes = 16 << 20;

/** Three times the file (a half becomes an f32 and passes through a buffer) and 16 MiB. */
export function memoryBudget(fileBytes: number): Budget {
  const limit = 3 * fileBytes + slackBytes;
  let spent = 0;
  return {
    spend(bytes, what) {
      spent += bytes;
      // The comparison is written so that NaN is refused as well.
      if (!(spent <= limit)) {
        throw new BadFile(
          `${what} would take the memory for its contents to ${spent} bytes, the limit for a file of ` +
            `${fileBytes} bytes is ${limit}. It is damaged or made to fill the memory.`,
        );
      }
    },
  };
}
