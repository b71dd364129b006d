// metrics.jsonl: one JSON object per line, appended as training goes. A line counts once its newline is written;
// what a crash left behind the last newline is dropped when the file is read and cut off before the next append.
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from '../errors.ts';
import { flushFile, flushFolder, makeFolder, reason, writeFileAtomic } from '../files.ts';

/** A line of the file as it is usually written. Numbers that are not finite are stored as null: JSON has none. */
export type MetricsRecord = { readonly [key: string]: number | string | boolean | null };

/** Adds a record; the folder is made when absent. Throws a UserError when the file cannot be written. */
export function appendMetrics(path: string, record: object): void {
  try {
    makeFolder(dirname(path));
    const file = openSync(path, existsSync(path) ? 'r+' : 'w+');
    try {
      const end = endOfLastLine(file);
      const line = Buffer.from(`${JSON.stringify(record)}\n`);
      ftruncateSync(file, end);
      for (let done = 0; done < line.length; ) {
        done += writeSync(file, line, done, line.length - done, end + done);
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new UserError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
  }
}

/** Sees to it that what was appended survives a power cut. */
export function flushMetrics(path: string): void {
  if (!existsSync(path)) return;
  try {
    flushFile(path);
    // Of a file that is fresh the name too.
    flushFolder(dirname(path));
  } catch (error) {
    throw new UserError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
  }
}

/** Bytes up to and with the last newline: the last byte nearly always, else a search backwards. */
function endOfLastLine(file: number): number {
  const { size } = fstatSync(file);
  const block = Buffer.alloc(4096);
  let end = size;
  while (end > 0) {
    const length = end === size ? 1 : Math.min(end, block.length);
    readSync(file, block, 0, length, end - length);
    const newline = block.subarray(0, length).lastIndexOf(10);
    if (newline >= 0) return end - length + newline + 1;
    end -= length;
  }
  return 0;
}

/**
 * The records in order; none when the file is absent. A half-written last line is left out; a line before it that
 * is no JSON object is a UserError with its number. The caller vouches for the type of the records.
 */
export function readMetrics<Row extends object = MetricsRecord>(path: string): Row[] {
  if (!existsSync(path)) return [];
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, index) => {
    try {
      const record: unknown = JSON.parse(line);
      if (typeof record === 'object' && record !== null && !Array.isArray(record)) return record as Row;
    } catch {}
    throw new UserError(`Line ${index + 1} of ${path} is not a JSON object. Remove the line or the file.`);
  });
}

/** Leaves only the records that `keep` accepts (those before the point of resumption), whole or not at all. */
export function truncateMetrics<Row extends object = MetricsRecord>(
  path: string,
  keep: (record: Row) => boolean,
): void {
  if (!existsSync(path)) return;
  const kept = readMetrics<Row>(path).filter(keep);
  writeFileAtomic(path, kept.map((record) => `${JSON.stringify(record)}\n`).join(''));
}
