// Reading a gzipped tar archive as a stream, for the few wanted files only (POSIX.1-1988 "ustar", the form that the
// CIFAR archives have). Entries are matched by the last part of their name, so nothing in an archive can be written
// outside the chosen folder.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { createGunzip } from 'node:zlib';
import { UserError } from '../errors.ts';
import { reason } from '../files.ts';

const block = 512;

/** Extracts the regular files called `wanted` (without folders) from `archive` into `folder`, which exists. */
export async function extractTarGz(
  archive: string,
  wanted: readonly string[],
  folder: string,
): Promise<void> {
  const missing = new Set(wanted);
  const input = createReadStream(archive);
  const unpacked = createGunzip();
  input.on('error', (error) => unpacked.destroy(error)).pipe(unpacked);
  const bytes = byteReader(unpacked);
  try {
    while (missing.size > 0) {
      const header = await bytes.exactly(block);
      if (header.every((byte) => byte === 0)) break;
      const { name, size, regular } = parseHeader(header);
      if (regular && missing.delete(posix.basename(name))) {
        await copy(bytes, size, join(folder, posix.basename(name)));
      } else {
        await bytes.skip(size);
      }
      await bytes.skip((block - (size % block)) % block);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${archive} is truncated or damaged: ${reason(error)} Remove it and try again.`, {
      cause: error,
    });
  } finally {
    input.destroy();
    unpacked.destroy();
  }
  if (missing.size > 0) {
    throw new UserError(
      `${archive} does not hold ${[...missing].join(', ')}. It is not the official archive.`,
    );
  }
}

/** One header of an archive. */
export interface TarHeader {
  /** With its folders, as far as the header itself has it: at most 256 letters. */
  readonly name: string;
  readonly size: number;
  /** A regular file. */
  readonly regular: boolean;
  /** The letter of its type: '0' or NUL a file, 'L' a long name (GNU), 'x' further fields (pax). */
  readonly type: string;
}

/** Reads the 512 bytes of a header. Throws an Error in a few words when they are none. */
export function parseHeader(header: Buffer): TarHeader {
  const text = (from: number, to: number) => {
    const field = header.toString('utf8', from, to);
    const end = field.indexOf('\0');
    return (end < 0 ? field : field.slice(0, end)).trim();
  };
  // The checksum counts its own eight bytes as spaces.
  let sum = 8 * 0x20;
  for (let at = 0; at < block; at++) if (at < 148 || at >= 156) sum += header[at] as number;
  if (Number.parseInt(text(148, 156), 8) !== sum) throw new Error('a header with a wrong checksum.');
  // GNU writes sizes from 8 GiB on as big-endian numbers, marked by the first bit.
  const large = ((header[124] as number) & 0x80) !== 0;
  const size = large ? Number(header.readBigUInt64BE(128)) : Number.parseInt(text(124, 136), 8);
  if (!Number.isSafeInteger(size)) throw new Error('a header without a size.');
  const type = String.fromCharCode(header[156] as number);
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? text(345, 500) : '';
  const name = prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
  return { name, size, regular: type === '0' || type === '\0', type };
}

async function copy(bytes: ByteReader, size: number, path: string): Promise<void> {
  let file: Awaited<ReturnType<typeof open>> | undefined;
  const attempt = async <T>(operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation();
    } catch (error) {
      throw new UserError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
    }
  };
  try {
    const opened = await attempt(() => open(path, 'w'));
    file = opened;
    for (let left = size; left > 0; ) {
      const chunk = await bytes.upTo(left);
      await attempt(() => opened.writeFile(chunk));
      left -= chunk.length;
    }
    await attempt(() => opened.sync());
  } finally {
    await file?.close();
  }
}

interface ByteReader {
  /** The next 1 to `count` bytes. */
  upTo(count: number): Promise<Buffer>;
  exactly(count: number): Promise<Buffer>;
  skip(count: number): Promise<void>;
}

/** Reads a stream in pieces of the reader's choosing; fails at its end. */
function byteReader(stream: NodeJS.ReadableStream): ByteReader {
  const chunks = stream[Symbol.asyncIterator]();
  let rest = Buffer.alloc(0) as Buffer;
  async function upTo(count: number): Promise<Buffer> {
    while (rest.length === 0) {
      const { value, done } = await chunks.next();
      if (done === true) throw new Error('it ends too early.');
      rest = value as unknown as Buffer;
    }
    const taken = rest.subarray(0, count);
    rest = rest.subarray(taken.length);
    return taken;
  }
  async function exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = count; left > 0; ) {
      const part = await upTo(left);
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }
  async function skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) left -= (await upTo(left)).length;
  }
  return { upTo, exactly, skip };
}
