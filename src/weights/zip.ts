// A zip archive's directory and its entries, stored or deflated, with the 64-bit extensions: what a PyTorch checkpoint
// is packed in. Everything the archive claims is checked against the file before memory is taken: a size is what is
// there, an entry unpacks to the size that it says, entries do not overlap, and what was unpacked has its checksum.
// Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3.
import { crc32, inflateRawSync } from 'node:zlib';
import { quoted } from './pickle-values.ts';
import { type ReadBytes, readExactly } from './storage.ts';
import { BadFile, type Budget } from './weights-file.ts';

export interface ZipEntry {
  readonly name: string;
  /** Bytes when unpacked. */
  readonly size: number;
  readonly packedSize: number;
  readonly deflated: boolean;
  readonly crc: number;
  readonly headerAt: number;
}

export interface Zip {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Access to an entry's bytes; a deflated one is unpacked into memory. Its checksum is verified first. */
  open(entry: ZipEntry): ReadBytes;
}

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const maxComment = 0xffff;
const entryCost = 300;
const blockBytes = 1 << 20;

/** Reads the directory of the archive in the open file of `size` bytes. Throws a BadFile. */
export function readZip(file: number, size: number, budget: Budget): Zip {
  const directory = findDirectory(file, size);
  budget.spend(directory.size, 'its directory');
  const bytes = take(file, size, directory.at, directory.size, 'its directory');
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  while (at + 46 <= bytes.length && bytes.readUInt32LE(at) === centralSignature) {
    budget.spend(entryCost, 'its directory');
    const { entry, length } = readEntry(bytes, at);
    if (entries.has(entry.name)) bad(`it has two entries named ${quoted(entry.name)}`);
    if (!(entry.headerAt + 30 + entry.packedSize <= size)) {
      bad(`its entry ${quoted(entry.name)} goes beyond the end of the file`);
    }
    entries.set(entry.name, entry);
    at += length;
  }
  if (at !== bytes.length || entries.size !== directory.count) {
    bad(`its directory lists ${entries.size} entries, ${directory.count} are announced`);
  }
  const packed = entries.values().reduce((sum, entry) => sum + entry.packedSize, 0);
  if (packed > size) bad(`its entries overlap: ${packed} bytes in a file of ${size}`);
  return { entries, open: (entry) => openEntry(file, size, entry, budget) };
}

function bad(problem: string): never {
  throw new BadFile(`${problem}. Fetch or save it again.`);
}

function take(file: number, size: number, at: number, length: number, what: string): Buffer {
  if (!(at >= 0 && at + length <= size))
    bad(`${what} goes beyond the end of the file: it is truncated or damaged`);
  const bytes = Buffer.alloc(length);
  readExactly(file, bytes, at);
  return bytes;
}

/** The end record stands last, before a comment; its 64-bit form, where a number does not fit, before it. */
function findDirectory(file: number, size: number): { at: number; size: number; count: number } {
  const tailLength = Math.min(size, 22 + maxComment);
  const tailAt = size - tailLength;
  const tail = take(file, size, tailAt, tailLength, 'its end record');
  let end = tail.length - 22;
  while (end >= 0 && !(tail.readUInt32LE(end) === endSignature && commentFits(tail, end))) end--;
  if (end < 0) bad('it is truncated: the directory at the end of a zip archive is missing');
  const found = {
    count: tail.readUInt16LE(end + 10),
    size: tail.readUInt32LE(end + 12),
    at: tail.readUInt32LE(end + 16),
  };
  const wide = found.count === 0xffff || found.size === 0xffffffff || found.at === 0xffffffff;
  const locatorAt = tailAt + end - 20;
  if (!wide || locatorAt < 0) return found;
  const locator = take(file, size, locatorAt, 20, 'its end record');
  if (locator.readUInt32LE(0) !== locator64Signature) return found;
  const record = take(file, size, exact(locator, 8), 56, 'its 64-bit end record');
  if (record.readUInt32LE(0) !== end64Signature) bad('its 64-bit end record is damaged');
  return { count: exact(record, 32), size: exact(record, 40), at: exact(record, 48) };
}

function commentFits(tail: Buffer, end: number): boolean {
  return end + 22 + tail.readUInt16LE(end + 20) === tail.length;
}

/** A 64-bit number; those beyond 2^53 are inexact, and in any case beyond the end of every file. */
function exact(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

function readEntry(bytes: Buffer, at: number): { entry: ZipEntry; length: number } {
  const flags = bytes.readUInt16LE(at + 8);
  const method = bytes.readUInt16LE(at + 10);
  const nameLength = bytes.readUInt16LE(at + 28);
  const extraLength = bytes.readUInt16LE(at + 30);
  const length = 46 + nameLength + extraLength + bytes.readUInt16LE(at + 32);
  if (at + length > bytes.length) bad('its directory is truncated');
  const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
  if (flags & 1) bad(`its entry ${quoted(name)} is encrypted`);
  if (method !== 0 && method !== 8)
    bad(`its entry ${quoted(name)} is packed by method ${method}, expected 0 or 8`);
  const extra = bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
  const [size, packedSize, headerAt] = widened(extra, [
    bytes.readUInt32LE(at + 24),
    bytes.readUInt32LE(at + 20),
    bytes.readUInt32LE(at + 42),
  ]);
  if (method === 0 && size !== packedSize) bad(`its entry ${quoted(name)} is stored in two sizes`);
  const crc = bytes.readUInt32LE(at + 16);
  return { entry: { name, size, packedSize, deflated: method === 8, crc, headerAt }, length };
}

/** Numbers that do not fit into 32 bits stand in the extra field 1, in this order, those alone. */
function widened(extra: Buffer, numbers: [number, number, number]): [number, number, number] {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === 1) {
      const field = extra.subarray(at + 4, at + 4 + length);
      let next = 0;
      return numbers.map((number) => {
        if (number !== 0xffffffff) return number;
        if (next + 8 > field.length) bad('a 64-bit field of its directory is too short');
        next += 8;
        return exact(field, next - 8);
      }) as [number, number, number];
    }
    at += 4 + length;
  }
  return numbers;
}

function openEntry(file: number, size: number, entry: ZipEntry, budget: Budget): ReadBytes {
  const header = take(file, size, entry.headerAt, 30, `its entry ${quoted(entry.name)}`);
  if (header.readUInt32LE(0) !== localSignature) bad(`its entry ${quoted(entry.name)} has no header`);
  const dataAt = entry.headerAt + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (!(dataAt + entry.packedSize <= size))
    bad(`its entry ${quoted(entry.name)} goes beyond the end of the file`);
  if (entry.deflated) {
    const bytes = inflate(take(file, size, dataAt, entry.packedSize, 'an entry'), entry, budget);
    checkSum(crc32(bytes), entry);
    return (target, position) => {
      checkInside(target.length, position, entry);
      target.set(bytes.subarray(position, position + target.length));
    };
  }
  const block = new Uint8Array(Math.min(blockBytes, entry.size));
  let crc = 0;
  for (let done = 0; done < entry.size; ) {
    const part = block.subarray(0, Math.min(block.length, entry.size - done));
    readExactly(file, part, dataAt + done);
    crc = crc32(part, crc);
    done += part.length;
  }
  checkSum(crc, entry);
  return (target, position) => {
    checkInside(target.length, position, entry);
    readExactly(file, target, dataAt + position);
  };
}

function inflate(packed: Buffer, entry: ZipEntry, budget: Budget): Buffer {
  budget.spend(entry.size, `its entry ${quoted(entry.name)}`);
  let bytes: Buffer;
  try {
    // One byte more than announced is the sign of an entry that goes on.
    bytes = inflateRawSync(packed, { maxOutputLength: entry.size + 1 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      return bad(`its entry ${quoted(entry.name)} unpacks to more than the ${entry.size} bytes announced`);
    }
    return bad(`unpacking its entry ${quoted(entry.name)} failed (${(error as Error).message})`);
  }
  if (bytes.length === entry.size) return bytes;
  return bad(`its entry ${quoted(entry.name)} unpacks to ${bytes.length} bytes, ${entry.size} are announced`);
}

function checkSum(crc: number, entry: ZipEntry): void {
  if (crc !== entry.crc) bad(`its entry ${quoted(entry.name)} is damaged: its checksum is wrong`);
}

function checkInside(length: number, position: number, entry: ZipEntry): void {
  if (!(position >= 0 && position + length <= entry.size))
    bad(`a tensor goes beyond its entry ${quoted(entry.name)}`);
}
