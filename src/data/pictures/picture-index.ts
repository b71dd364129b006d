// Where the pictures of one split lie and what they show, without the pictures: names end to end in one block of
// bytes, numbers in typed arrays, all in shared memory. A string or an object for each of 1.3 million pictures would
// take a gigabyte; this takes about 50 MB, and threads get it without a copy.
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Split } from '../dataset.ts';

/** The pictures of one split. Plain data: it may be posted to threads, which share its memory. */
export interface PictureIndex {
  /** The folder's or the file's own name. */
  readonly name: string;
  readonly split: Split;
  /** The folder or file in which they lie. */
  readonly path: string;
  readonly length: number;
  /** Names of the classes, in the order of the labels. */
  readonly classes: readonly string[];
  /** One class index per picture. */
  readonly labels: Int32Array;
  /** True when the source knows no splits, so that 'train' and 'test' are the very same pictures. */
  readonly undivided?: boolean;
  readonly store: PictureStore;
}

/** Strings of UTF-8 end to end: string i is `bytes[ends[i - 1] .. ends[i]]`. */
export interface NameList {
  readonly names: Uint8Array;
  readonly ends: Uint32Array;
}

export type PictureStore = FileStore | TarStore | PackStore;

/** Files; their names are paths relative to `root`, with slashes. */
export interface FileStore extends NameList {
  readonly kind: 'files';
  readonly root: string;
}

/** Members of tar archives, which are read in place; their names are those inside the archive. */
export interface TarStore extends NameList {
  readonly kind: 'tar';
  /** Paths of the archives. */
  readonly files: readonly string[];
  /** Of each picture: its archive, and where its bytes are in it. */
  readonly file: Uint16Array;
  readonly starts: Float64Array;
  readonly sizes: Uint32Array;
  /** True for shards, whose pictures were mixed when they were written, and so may be visited nearly as they lie. */
  readonly mixed: boolean;
}

/** Pictures of a packed cache. */
export interface PackStore extends NameList {
  readonly kind: 'pack';
  readonly file: string;
  /** 'raw': height x width x 3 bytes, RGB; 'jpeg': an encoded picture of that size. */
  readonly format: 'raw' | 'jpeg';
  /** Of each picture: where its bytes are in the file, its upright size in px, and its CRC-32. */
  readonly starts: Float64Array;
  readonly sizes: Uint32Array;
  readonly heights: Uint16Array;
  readonly widths: Uint16Array;
  readonly checksums: Uint32Array;
  /** 1 where a picture's checksum was found right, by any thread: it is looked at once. */
  readonly verified: Uint8Array;
  /** Of the whole file, bytes: one that shrank since is not mapped. */
  readonly fileSize: number;
}

const decoder = new TextDecoder();

/** String `i` of a list. */
export function nameAt({ names, ends }: NameList, i: number): string {
  const start = i === 0 ? 0 : (ends[i - 1] as number);
  // A TextDecoder takes no view of shared memory.
  return decoder.decode(names.slice(start, ends[i]));
}

/** Where picture `i` comes from, for messages: the file, or the archive and its member. */
export function pictureName({ store }: PictureIndex, i: number): string {
  const name = nameAt(store, i);
  if (store.kind === 'files') return join(store.root, name);
  return `${store.kind === 'tar' ? store.files[store.file[i] as number] : store.file}:${name}`;
}

/** What tells two indices apart: a checksum of the names and labels, as eight hexadecimal digits. */
export function indexFingerprint({ store, labels, classes }: PictureIndex): string {
  const bytes = (array: ArrayBufferView): Uint8Array =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const sum = [bytes(labels), bytes(store.ends), store.names].reduce(
    (before, part) => crc32(part, before),
    crc32(JSON.stringify(classes)),
  );
  return sum.toString(16).padStart(8, '0');
}
