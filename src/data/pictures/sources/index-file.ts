// Indices on disk: listing a million files takes minutes on a slow disk, reading their stored index a moment. A stored
// index is used only while every folder and archive it was made from has its time of change (and size) of then; one
// that is out of date is made again, one that is damaged too, with a remark. The place is the user's cache folder.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../../../errors.ts';
import { writeFileAtomic } from '../../../files.ts';
import type { Split } from '../../dataset.ts';
import { cacheFolder } from '../../homes.ts';
import type { PictureIndex, PictureStore } from '../picture-index.ts';
import type { Listed } from './folders.ts';
import type { NumberArray } from './growing.ts';
import { type Stamp, stampOf } from './listing.ts';
import { encodeRecord, readRecord } from './record.ts';

export interface IndexCache {
  readonly folder: string;
  /** Smaller sets are listed anew each time: that is as fast. */
  readonly leastPictures: number;
  /** A folder that changed so shortly before may change again without another time of change. */
  readonly settleMs: number;
}

export function defaultIndexCache(environment: NodeJS.ProcessEnv = process.env): IndexCache {
  return { folder: join(dirname(cacheFolder(environment)), 'indices'), leastPictures: 5000, settleMs: 2000 };
}

/** The stored index of `path` (absolute), or the one that `list` makes, which is stored then. */
export async function cachedIndex(
  path: string,
  split: Split,
  cache: IndexCache,
  list: () => Promise<Listed | undefined>,
  onNote?: (message: string) => void,
): Promise<PictureIndex | undefined> {
  const file = join(cache.folder, fileName(path, split));
  const stored = load(file, path, split, onNote);
  if (stored !== undefined) return stored;
  const listed = await list();
  if (listed !== undefined && listed.index.length >= cache.leastPictures && isSettled(listed, cache)) {
    save(file, path, listed, onNote);
  }
  return listed?.index;
}

function fileName(path: string, split: Split): string {
  const digest = createHash('sha256').update(`${split}\0${path}`).digest('hex').slice(0, 24);
  return `${digest}.index`;
}

const magic = 'laurel index 1';

interface Meta {
  readonly request: string;
  readonly stamps: readonly Stamp[];
  readonly index: Omit<PictureIndex, 'labels' | 'store'>;
  /** What of the store is no array. */
  readonly store: Record<string, unknown>;
}

function load(
  file: string,
  path: string,
  split: Split,
  onNote?: (message: string) => void,
): PictureIndex | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const handle = openSync(file, 'r');
    try {
      const { meta, arrays } = readRecord(handle, 0, magic);
      const { request, stamps, index, store } = meta as Meta;
      if (request !== path || index.split !== split) throw new Error('it is of other pictures');
      if (!stamps.every(holds)) return undefined;
      const { labels, ...stored } = arrays;
      return {
        ...index,
        labels: labels as Int32Array,
        store: { ...store, ...stored } as unknown as PictureStore,
      };
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    onNote?.(
      `The stored index ${file} of ${path} is not used: ${(error as Error).message}. It is made again.`,
    );
    return undefined;
  }
}

/** Whether what lies there is still as it was. */
function holds(stamp: Stamp): boolean {
  const now = stampOf(stamp[0]);
  return now !== undefined && now[1] === stamp[1] && now[2] === stamp[2];
}

function isSettled({ stamps }: Listed, { settleMs }: IndexCache): boolean {
  const latest = BigInt(Date.now() - settleMs) * 1_000_000n;
  return stamps.every((stamp) => BigInt(stamp[1]) <= latest && holds(stamp));
}

function save(file: string, request: string, listed: Listed, onNote?: (message: string) => void): void {
  const { labels, store, ...index } = listed.index;
  const arrays: Record<string, NumberArray> = { labels };
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(store)) {
    if (ArrayBuffer.isView(value)) arrays[name] = value as NumberArray;
    else rest[name] = value;
  }
  const meta: Meta = { request, stamps: listed.stamps, index, store: rest };
  try {
    writeFileAtomic(file, ...encodeRecord(magic, meta, arrays));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    onNote?.(`The index of ${request} could not be stored, so it is made again next time. ${error.message}`);
  }
}
