// The folder that `--out` names: made before the work, so that a place where nothing can be written is told at once, and
// taken away again by work that fails or is stopped before it has left anything there.
import { existsSync, rmdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { makeFolder } from '../files.ts';

/** Does the work with the folder in its place. Throws what the work throws, or a UserError where there can be no folder. */
export async function intoFolder<T>(out: string, work: () => Promise<T>): Promise<T> {
  const made: string[] = [];
  for (let folder = resolve(out); !existsSync(folder); folder = dirname(folder)) made.push(folder);
  try {
    makeFolder(out);
    return await work();
  } catch (error) {
    for (const folder of made) {
      try {
        rmdirSync(folder);
      } catch {
        // It holds something, or was never made; so do those above it.
        break;
      }
    }
    throw error;
  }
}
