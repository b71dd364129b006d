// Places for results, tried before any work is done: an hour of computing should not end in "permission denied".
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { reason } from '../files.ts';

/**
 * Makes a folder and those above it. Node's own recursive mkdir never returns where a folder can have no
 * children (/proc), so each level is made by itself.
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  let folder = resolve(path);
  try {
    while (!isFolder(folder)) {
      missing.push(folder);
      folder = dirname(folder);
    }
    for (const level of missing.reverse()) mkdirSync(level);
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

/** Makes the folder for a file that is to be written later, and refuses a path that is a folder. */
export function preparePlace(file: string | undefined): void {
  if (file === undefined) return;
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`Cannot write ${file}: it is a folder, not a file. Check the path.`);
  }
  makeFolder(dirname(resolve(file)));
}
