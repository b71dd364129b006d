// A file mapped into memory, read-only and shared: its bytes are the system's own page cache, so that a picture that
// was read before costs no system call and no copy, and all threads and processes have the same one. mmap comes from
// the C library through koffi. Where there is none (Windows, or koffi was not built) bytes are read with pread, and
// where it is not wanted ($LAUREL_MMAP=0): a network disk that fails ends a process that touches mapped bytes.
//
// A mapping is never undone: somebody may still hold bytes of it, and touching those would end the process. It costs
// addresses, not memory.
import { closeSync, fstatSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { UserError } from '../../../errors.ts';
import { reason } from '../../../files.ts';
import { readAt } from './read-at.ts';

export interface MappedFile {
  readonly size: number;
  /** Why the file is not mapped but read; undefined where it is mapped. */
  readonly unmapped: string | undefined;
  /** `length` bytes from `start` on, which lie inside the file. Not to be written to: the memory is read-only. */
  bytes(start: number, length: number): Uint8Array;
  close(): void;
}

/** Opens a file of at least `least` bytes. Throws a UserError when it is not there, or shorter. */
export function openMappedFile(path: string, least = 0): MappedFile {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { size } = fstatSync(file);
    if (size < least) {
      throw new UserError(`${path} is truncated: it has ${size} bytes, expected ${least}. Make it again.`);
    }
    const mapping = map(file, size);
    if (typeof mapping !== 'string') {
      closeSync(file);
      return { size, unmapped: undefined, bytes: mapping, close() {} };
    }
    return readFile(path, file, size, mapping);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
}

function readFile(path: string, file: number, size: number, unmapped: string): MappedFile {
  let open = true;
  return {
    size,
    unmapped,
    bytes(start, length) {
      const bytes = new Uint8Array(length);
      if (readAt(file, bytes, start) < length) {
        throw new UserError(`${path} is truncated: it ends before byte ${start + length}. Make it again.`);
      }
      return bytes;
    },
    close() {
      if (open) closeSync(file);
      open = false;
    },
  };
}

/** An array of bytes cannot be as long as a pack, so the mapping is seen through windows, made when first needed. */
const windowBytes = 2 ** 30;
const PROT_READ = 1;
const MAP_SHARED = 1;

type Bytes = (start: number, length: number) => Uint8Array;

interface Mapper {
  mmap(
    address: null,
    length: number,
    protection: number,
    flags: number,
    file: number,
    offset: number,
  ): bigint;
  view(address: bigint, length: number): ArrayBuffer;
}

/** Access to the file's bytes in memory, or the reason why there is none. */
function map(file: number, size: number): Bytes | string {
  if (size === 0) return 'it is empty';
  if (process.env.LAUREL_MMAP === '0') return 'LAUREL_MMAP is 0';
  const found = mapper();
  if (typeof found === 'string') return found;
  const address = BigInt(found.mmap(null, size, PROT_READ, MAP_SHARED, file, 0));
  if (BigInt.asIntN(64, address) === -1n) return 'the system refused to map it';
  const windows = new Map<number, Uint8Array>();
  const view = (start: number, length: number): Uint8Array =>
    new Uint8Array(found.view(address + BigInt(start), length));
  return (start, length) => {
    if (start < 0 || length < 0 || start + length > size) {
      throw new RangeError(`bytes ${start} to ${start + length} of a mapped file of ${size}`);
    }
    const number = Math.floor(start / windowBytes);
    const from = start - number * windowBytes;
    if (from + length > windowBytes) return view(start, length);
    let window = windows.get(number);
    if (window === undefined) {
      window = view(number * windowBytes, Math.min(windowBytes, size - number * windowBytes));
      windows.set(number, window);
    }
    return window.subarray(from, from + length);
  };
}

let known: Mapper | string | undefined;

function mapper(): Mapper | string {
  known ??= findMapper();
  return known;
}

function findMapper(): Mapper | string {
  if (process.platform === 'win32') return 'Windows has no mmap';
  try {
    const koffi = createRequire(import.meta.url)('koffi');
    const mmap = koffi
      .load(null)
      .func('mmap', 'void *', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t']);
    return { mmap, view: koffi.view };
  } catch (error) {
    return `koffi has no mmap (${(error as Error).message.split('\n')[0]})`;
  }
}
