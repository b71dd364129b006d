// Frozen features on disk, a pair of files per layer and set of pictures: `NAME.f32`, rows of numbers one after the
// other as the pictures come, and `NAME.json`, which says what they are the features of, how many rows are whole, and
// their checksum. Rows are written and flushed before the JSON file counts them, so that a stop or a crash costs no more
// than the rows since. A pair whose key differs (other weights, other pictures) or that is damaged is never used.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { UserError } from '../errors.ts';
import { makeFolder, reason, writeFileAtomic } from '../files.ts';
import { keyFileName, keyText, type ScanKey } from './scan-key.ts';

const format = 'laurel features 1';

/** What features depend on: what a scan does, and how a layer becomes a row. */
export interface FeatureKey extends Omit<ScanKey, 'size'> {
  /** Channels, and the positions that are kept of a map. */
  readonly row: readonly [channels: number, height: number, width: number];
}

export interface FeatureStore {
  /** Rows that are whole. */
  readonly done: number;
  /** Takes in rows from `first` on; those that are there already are left as they are. */
  add(rows: Float32Array, first: number): void;
  /** Counts what was added. */
  save(): void;
  close(): void;
}

/**
 * Opens the store of a key and reads the rows that are there into `values` (pictures x features). `onNote` is told of
 * files that are not used. Throws a UserError where nothing can be written.
 */
export function openFeatureStore(
  folder: string,
  key: FeatureKey,
  values: Float32Array,
  onNote?: (message: string) => void,
): FeatureStore {
  const stem = join(folder, keyFileName(key).replace(/\.json$/, ''));
  const paths = { json: `${stem}.json`, rows: `${stem}.f32` };
  const features = key.row.reduce((product, side) => product * side, 1);
  const before = readRows(paths, key, values, features, onNote);
  let { done, checksum } = before;
  makeFolder(folder);
  const file = writing(paths.rows, () => openSync(paths.rows, existsSync(paths.rows) ? 'r+' : 'w'));
  return {
    get done() {
      return done;
    },
    add(rows, first) {
      const count = rows.length / features;
      // A gap would be counted as whole.
      if (first > done) throw new Error(`The store has ${done} rows and got row ${first}.`);
      const fresh = rows.subarray(Math.max(0, done - first) * features);
      if (fresh.length === 0) return;
      const bytes = bytesOf(fresh);
      writing(paths.rows, () => {
        for (let at = 0; at < bytes.length; ) {
          at += writeSync(file, bytes, at, bytes.length - at, 4 * done * features + at);
        }
      });
      checksum = crc32(bytes, checksum);
      done = first + count;
    },
    save() {
      writing(paths.rows, () => fsyncSync(file));
      writeFileAtomic(paths.json, JSON.stringify({ format, key: keyText(key), done, features, checksum }));
    },
    close: () => closeSync(file),
  };
}

/** Bytes that are read at a time. */
const most = 2 ** 28;

function readRows(
  paths: { readonly json: string; readonly rows: string },
  key: FeatureKey,
  values: Float32Array,
  features: number,
  onNote?: (message: string) => void,
): { done: number; checksum: number } {
  if (!existsSync(paths.json)) return { done: 0, checksum: 0 };
  try {
    const stored = JSON.parse(readFileSync(paths.json, 'utf8')) as Record<string, unknown>;
    const { done, checksum } = stored;
    if (stored.format !== format) throw new Error('they were not written by this version');
    if (stored.key !== keyText(key)) throw new Error('they are of other weights, pictures or another layer');
    const isCount = typeof done === 'number' && Number.isInteger(done) && done >= 0;
    if (!isCount || done * features > values.length || stored.features !== features) {
      throw new Error('they are of other sizes');
    }
    const bytes = bytesOf(values.subarray(0, done * features));
    const file = openSync(paths.rows, 'r');
    try {
      for (let at = 0; at < bytes.length; ) {
        const read = readSync(file, bytes, at, Math.min(most, bytes.length - at), at);
        if (read === 0) throw new Error('they are cut off');
        at += read;
      }
    } finally {
      closeSync(file);
    }
    if (crc32(bytes) !== checksum) throw new Error('they are damaged');
    return { done, checksum };
  } catch (error) {
    values.fill(0);
    onNote?.(`The stored features ${paths.json} are not used, because ${(error as Error).message}.`);
    return { done: 0, checksum: 0 };
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function writing<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw new UserError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
  }
}
