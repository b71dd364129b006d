// What listing folders has in common: visible names in code point order, links followed, stamps by which a stored
// listing is known to hold still, and turns for signals and progress in between.
import { type BigIntStats, type Dir, opendirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../errors.ts';
import { reason } from '../../../files.ts';

/** Files that are taken for pictures, by their names. */
export const pictureFile = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp)$/i;

/** A file or folder as it was when it was read: its path, and its time of change in nanoseconds, and its size. */
export type Stamp = readonly [path: string, changed: string, size: number];

/** Of what lies at `path`; folders have no size. Undefined where nothing does. */
export function stampOf(path: string): Stamp | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? undefined : [path, `${stats.mtimeNs}`, sizeOf(stats)];
}

function sizeOf(stats: BigIntStats): number {
  return stats.isDirectory() ? 0 : Number(stats.size);
}

export interface Entries {
  /** Names of what `wanted` takes, links to files among them. */
  readonly files: string[];
  readonly folders: string[];
}

/**
 * Visible names in `folder`, in code point order, read as a stream; nothing where there is no such folder. Throws a
 * UserError when it cannot be read.
 */
export function entriesOf(folder: string, wanted: (name: string) => boolean = () => true): Entries {
  const files: string[] = [];
  const folders: string[] = [];
  let open: Dir | undefined;
  try {
    open = opendirSync(folder, { bufferSize: 512 });
    for (let entry = open.readSync(); entry !== null; entry = open.readSync()) {
      const { name } = entry;
      if (name.startsWith('.')) continue;
      if (entry.isFile()) {
        if (wanted(name)) files.push(name);
      } else if (entry.isDirectory()) {
        folders.push(name);
      } else {
        // A link, or a system that does not say: what it leads to counts; one that leads nowhere is not there.
        const stats = statSync(join(folder, name), { throwIfNoEntry: false });
        if (stats?.isDirectory()) folders.push(name);
        else if (stats?.isFile() && wanted(name)) files.push(name);
      }
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (open === undefined && (code === 'ENOENT' || code === 'ENOTDIR')) return { files, folders };
    throw new UserError(`Cannot read ${folder}: ${reason(error)}`, { cause: error });
  } finally {
    open?.closeSync();
  }
  return { files: files.sort(), folders: folders.sort() };
}

/** Names of the visible folders in `folder`. */
export function foldersIn(folder: string): string[] {
  return entriesOf(folder, () => false).folders;
}

/** Whether pictures lie in `folder` or up to `depth` folders below it; looks no further than the first. */
export function hasPictures(folder: string, depth: number): boolean {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    return false;
  }
  if (names.some((name) => pictureFile.test(name))) return true;
  return depth > 0 && names.some((name) => hasPictures(join(folder, name), depth - 1));
}

export interface ListingOptions {
  readonly signal?: AbortSignal | undefined;
  /** Pictures found so far. */
  readonly onProgress?: ((found: number) => void) | undefined;
  readonly onNote?: ((message: string) => void) | undefined;
}

const turnMs = 50;

/** A function that, called often, tells of progress and lets signals and timers have their turn now and then. */
export function turns({ signal, onProgress }: ListingOptions): (found: number) => Promise<void> | undefined {
  let last = performance.now();
  return (found) => {
    if (performance.now() - last < turnMs) return undefined;
    last = performance.now();
    onProgress?.(found);
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => signal?.throwIfAborted());
  };
}
