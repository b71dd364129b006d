// Places for results, tried before any work is done: an hour of computing should not end in "permission denied".
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { makeFolder } from '../files.ts';

/** Makes the folder for a file that is to be written later, and refuses a path that is a folder. */
export function preparePlace(file: string | undefined): void {
  if (file === undefined) return;
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`Cannot write ${file}: it is a folder, not a file. Check the path.`);
  }
  makeFolder(dirname(resolve(file)));
}
