// Scans on disk: one JSON file per layer, written whole or not at all, that says what it is a scan of and how far it
// came. A file whose key differs (other weights, other pictures) or that is damaged is never used: the scan begins
// anew, and says why. The place is the user's cache folder, beside downloaded data and weights.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../data/homes.ts';
import { writeFileAtomic } from '../files.ts';
import { keyFileName, keyText, type ScanKey } from './scan-key.ts';
import { createTopList, type TopList } from './top-list.ts';

const format = 'laurel scan 1';

/** A scan as far as it came: the first `done` pictures. */
export interface StoredScan {
  readonly done: number;
  readonly top: TopList;
}

export function scanFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(dirname(cacheFolder(environment)), 'scans');
}

export function saveScan(folder: string, key: ScanKey, { done, top }: StoredScan): void {
  const { units, size, values, pictures, rows, columns, active } = top;
  const lists = { values, pictures, rows, columns, active };
  const text = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, Array.from(list)]));
  writeFileAtomic(
    join(folder, keyFileName(key)),
    JSON.stringify({ format, key: keyText(key), done, units, size, ...text }),
  );
}

/** The scan with that key; undefined where there is none. `onNote` is told of a file that is not used. */
export function loadScan(
  folder: string,
  key: ScanKey,
  units: number,
  onNote?: (message: string) => void,
): StoredScan | undefined {
  const path = join(folder, keyFileName(key));
  if (!existsSync(path)) return undefined;
  try {
    const stored = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    if (stored.format !== format) throw new Error('it was not written by this version');
    if (stored.key !== keyText(key)) throw new Error('it is of other weights, pictures or another layer');
    const { done } = stored;
    if (typeof done !== 'number' || !Number.isInteger(done) || done < 0) throw new Error('it is damaged');
    if (stored.units !== units || stored.size !== key.size) throw new Error('it is of other sizes');
    const top = createTopList(units, key.size);
    const targets = { values: top.values, pictures: top.pictures, rows: top.rows, columns: top.columns };
    for (const [name, target] of Object.entries({ ...targets, active: top.active })) {
      const list = stored[name];
      if (!Array.isArray(list) || list.length !== target.length || !list.every(Number.isFinite)) {
        throw new Error('it is damaged');
      }
      target.set(list);
    }
    return { done, top };
  } catch (error) {
    onNote?.(`The stored scan ${path} is not used, because ${(error as Error).message}. Scanning anew.`);
    return undefined;
  }
}
