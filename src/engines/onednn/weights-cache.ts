// What a program keeps between runs, made once and kept on disk: weights in the layouts that primitives chose. The next
// process maps the file instead of reading and reordering the weights; the bytes are the system's page cache, one copy
// for all processes. A file is named after everything that its bytes depend on. One that is damaged (its checksum says
// so) is as good as none. The folder's size is bounded: files that were not used for longest go first.
import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { cacheFolder } from '../../data/homes.ts';
import { makeFolder, reason } from '../../files.ts';
import { mapFile, unmap, viewOf } from '../../foreign.ts';
import type { Region } from './memory.ts';

const magic = 'laurel weights 1';
/** A page, so that the weights begin where memory pages do. */
const headerBytes = 4096;
const extension = '.weights';
const largestFolder = 4 * 2 ** 30;

export interface WeightsCache {
  /** The content under a key, if it is there, whole and of this size. */
  find(key: string, bytes: number): Region | undefined;
  /** Keeps a content; `onNote` hears why that was not possible. */
  keep(key: string, content: Uint8Array, onNote: (message: string) => void): void;
}

/** The user's cache; undefined where `$LAUREL_WEIGHTS_CACHE` is `off`. */
export function openWeightsCache(environment: NodeJS.ProcessEnv = process.env): WeightsCache | undefined {
  if (environment.LAUREL_WEIGHTS_CACHE === 'off') return undefined;
  return weightsCacheIn(join(dirname(cacheFolder(environment)), 'reordered'), largestFolder);
}

/** A cache in a folder that holds at most `limit` bytes. */
export function weightsCacheIn(folder: string, limit: number): WeightsCache {
  const pathOf = (key: string): string =>
    join(folder, createHash('sha256').update(key).digest('hex').slice(0, 40) + extension);
  return {
    find(key, bytes) {
      const path = pathOf(key);
      let file: number;
      try {
        file = openSync(path, 'r');
      } catch {
        return undefined;
      }
      try {
        const region = mapped(file, key, bytes);
        if (region !== undefined) utimesSync(path, new Date(), new Date());
        return region;
      } catch {
        // Whatever is wrong with it: it is made anew.
        return undefined;
      } finally {
        closeSync(file);
      }
    },
    keep(key, content, onNote) {
      const path = pathOf(key);
      const temporary = `${path}.${process.pid}.part`;
      try {
        makeFolder(folder);
        makeRoom(folder, limit - content.length - headerBytes);
        try {
          write(temporary, headerFor(key, content), content);
          renameSync(temporary, path);
        } finally {
          rmSync(temporary, { force: true });
        }
      } catch (error) {
        onNote(`The prepared weights are not kept in ${folder}: ${reason(error)}`);
      }
    },
  };
}

/** No flush: a file that a crash leaves behind half written does not have its checksum. */
function write(path: string, ...chunks: readonly Uint8Array[]): void {
  const file = openSync(path, 'w');
  try {
    for (const chunk of chunks) {
      for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done);
    }
  } finally {
    closeSync(file);
  }
}

/** A JSON object in the first page. */
function headerFor(key: string, content: Uint8Array): Buffer {
  const text = JSON.stringify({ magic, key: digest(key), bytes: content.length, checksum: crc32(content) });
  const header = Buffer.alloc(headerBytes, ' ');
  header.write(text);
  return header;
}

function digest(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function mapped(file: number, key: string, bytes: number): Region | undefined {
  const header = Buffer.alloc(headerBytes);
  if (readSync(file, header, 0, headerBytes, 0) < headerBytes) return undefined;
  const said = JSON.parse(header.toString('utf8')) as Record<string, unknown>;
  const whole = headerBytes + bytes;
  if (said.magic !== magic || said.key !== digest(key) || said.bytes !== bytes) return undefined;
  if (fstatSync(file).size !== whole) return undefined;
  const start = mapFile(file, whole);
  if (start === undefined) return undefined;
  const content = viewOf(start + BigInt(headerBytes), bytes);
  if (crc32(content) !== said.checksum) {
    unmap(start, whole);
    return undefined;
  }
  const { buffer, byteOffset } = content;
  return {
    address: start + BigInt(headerBytes),
    floats: (offset, count) => new Float32Array(buffer, byteOffset + offset, count),
    integers: (offset, count) => new Int32Array(buffer, byteOffset + offset, count),
    content: (count) => new Uint8Array(buffer, byteOffset, count),
  };
}

/** Removes the files that were not used for longest until the others have at most `limit` bytes. */
function makeRoom(folder: string, limit: number): void {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(extension) || name.endsWith('.part'))
    .flatMap((name) => {
      const path = join(folder, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? [] : [{ path, bytes: stat.size, used: stat.mtimeMs }];
    })
    .sort((a, b) => a.used - b.used);
  let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of files) {
    if (total <= limit) return;
    rmSync(path, { force: true });
    total -= bytes;
  }
}
