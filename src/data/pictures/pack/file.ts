// The form of a pack: 64 bytes of head (magic), the pictures, each on a multiple of 64 bytes, the table (a record of
// classes, splits, names and places), and 64 bytes of foot that say where the table is and how long the file. The
// table comes last because it is known last, so the file is written from front to back.
import { closeSync, fstatSync, openSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { UserError } from '../../../errors.ts';
import { reason } from '../../../files.ts';
import type { Split } from '../../dataset.ts';
import type { PictureIndex } from '../picture-index.ts';
import { shared } from '../sources/growing.ts';
import { openMappedFile } from '../sources/mapped-file.ts';
import { readAt } from '../sources/read-at.ts';
import { type Arrays, encodeRecord, readRecord } from '../sources/record.ts';

export type PackFormat = 'raw' | 'jpeg';

/** What the pictures of a pack are, besides the numbers of each. */
export interface PackMeta {
  /** Of the data that was packed. */
  readonly name: string;
  readonly classes: readonly string[];
  readonly format: PackFormat;
  /** The short side of the pictures, px; smaller ones kept their size. */
  readonly side: number;
  /** Of JPEG. */
  readonly quality?: number | undefined;
  /** How many pictures each split has, in the order they lie; one without a name is not divided. */
  readonly splits: readonly { readonly split: Split | 'undivided'; readonly length: number }[];
}

export const alignment = 64;
const edgeBytes = 64;
const magic = 'laurel pack 1';
const footMagic = 'laurel end 1';
const tableMagic = 'laurel table 1';

export function encodeHead(): Buffer {
  const head = Buffer.alloc(edgeBytes);
  head.write(magic, 'latin1');
  return head;
}

/** The last bytes of a file whose table begins at `table` and whose foot at `at`. */
export function encodeFoot(table: number, at: number): Buffer {
  const foot = Buffer.alloc(edgeBytes);
  foot.write(footMagic, 'latin1');
  foot.writeDoubleLE(table, 16);
  foot.writeDoubleLE(at + edgeBytes, 24);
  foot.writeUInt32LE(crc32(foot.subarray(0, edgeBytes - 4)), edgeBytes - 4);
  return foot;
}

export function encodeTable(meta: PackMeta, arrays: Arrays): Uint8Array[] {
  return encodeRecord(tableMagic, meta, arrays);
}

function textOf(edge: Buffer): string {
  return edge.toString('latin1', 0, 16).replace(/\0.*$/s, '');
}

/** Whether a file is a pack, or says that it is. */
export function isPack(path: string): boolean {
  if (/\.pack$/i.test(path)) return true;
  try {
    const file = openSync(path, 'r');
    try {
      const start = Buffer.alloc(12);
      return readAt(file, start, 0) === 12 && start.toString('latin1') === 'laurel pack ';
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

/** What a pack holds: its description, and the arrays of all its pictures. */
export interface Pack {
  readonly path: string;
  readonly meta: PackMeta;
  readonly arrays: Arrays;
  /** Of the file. */
  readonly bytes: number;
}

/** Reads a pack's table. Throws a UserError when the file is none, truncated, or damaged. */
export function readPack(path: string): Pack {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  try {
    const head = Buffer.alloc(edgeBytes);
    readAt(file, head, 0);
    const start = textOf(head);
    if (start !== magic) {
      throw new UserError(
        start.startsWith('laurel pack ')
          ? `${path} was packed by another version of Laurel (${start}). Pack the data again.`
          : `${path} is no pack that \`laurel pack\` made.`,
      );
    }
    const { size: bytes } = fstatSync(file);
    const foot = Buffer.alloc(edgeBytes);
    const got = readAt(file, foot, Math.max(0, bytes - edgeBytes));
    if (got < edgeBytes || textOf(foot) !== footMagic) throw new Error('its end is missing');
    const sum = foot.readUInt32LE(edgeBytes - 4);
    if (crc32(foot.subarray(0, edgeBytes - 4)) !== sum)
      throw new Error('its last bytes have a wrong checksum');
    if (foot.readDoubleLE(24) !== bytes) throw new Error(`it has ${bytes} bytes of ${foot.readDoubleLE(24)}`);
    const { meta, arrays } = readRecord(file, foot.readDoubleLE(16), tableMagic);
    return { path, meta: meta as PackMeta, arrays, bytes };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} is damaged: ${(error as Error).message}. Pack the data again.`, {
      cause: error,
    });
  } finally {
    closeSync(file);
  }
}

/** The pictures of a split of a pack. */
export function openPack(path: string, split: Split, onNote?: (message: string) => void): PictureIndex {
  const { meta, arrays, bytes } = readPack(path);
  const undivided = meta.splits[0]?.split === 'undivided';
  const wanted = meta.splits.findIndex((each) => undivided || each.split === split);
  if (wanted < 0) {
    throw new UserError(
      `${path} holds no pictures for the split '${split}', only for '${meta.splits.map((each) => each.split).join("', '")}'. ` +
        'Pack the data again without --split.',
    );
  }
  const first = meta.splits.slice(0, wanted).reduce((sum, { length }) => sum + length, 0);
  const length = meta.splits[wanted]?.length ?? 0;
  const part = <A extends Arrays[string]>(name: string): A =>
    (arrays[name] as A).subarray(first, first + length) as A;
  // Names are found by where they end; those of the splits before are left out.
  const ends = part<Uint32Array>('ends');
  const before = first === 0 ? 0 : ((arrays.ends as Uint32Array)[first - 1] as number);
  if (before > 0) for (let i = 0; i < ends.length; i++) ends[i] = (ends[i] as number) - before;
  const { unmapped, close } = openMappedFile(path);
  close();
  if (unmapped !== undefined)
    onNote?.(`${path} is read, not mapped into memory, which is slower: ${unmapped}.`);
  return {
    name: meta.name,
    split,
    path,
    length,
    classes: meta.classes,
    labels: part('labels'),
    undivided,
    store: {
      kind: 'pack',
      file: path,
      format: meta.format,
      fileSize: bytes,
      names: (arrays.names as Uint8Array).subarray(before),
      ends,
      starts: part('starts'),
      sizes: part('sizes'),
      heights: part('heights'),
      widths: part('widths'),
      checksums: part('checksums'),
      verified: shared(Uint8Array, length),
    },
  };
}
