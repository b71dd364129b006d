// Where the members of a tar archive lie, without reading them: POSIX ustar and pax, GNU's long names and large sizes.
// Members are read in place later, so an archive of any length costs no memory and no copy on disk.
import { closeSync, fstatSync, openSync } from 'node:fs';
import { UserError } from '../../../errors.ts';
import { reason } from '../../../files.ts';
import { parseHeader } from '../../tar.ts';
import { readAt } from './read-at.ts';

const block = 512;

export interface TarMember {
  readonly name: string;
  /** Of its bytes, in the archive. */
  readonly start: number;
  readonly size: number;
}

export interface OpenTar {
  readonly path: string;
  readonly size: number;
  /** The regular files between two bytes of it, an archive inside the archive for one; default all. */
  members(from?: number, end?: number): Generator<TarMember, void, undefined>;
  /** Whether the mark was met that an archive closes with; one that was cut between two members has none. */
  readonly ended: boolean;
  /** A member's bytes. */
  bytes(member: TarMember): Buffer;
  close(): void;
}

/** Opens an archive. `members` throws a UserError with the place where it is damaged or ends too early. */
export function openTar(path: string): OpenTar {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  const { size: total } = fstatSync(file);
  // Labels and the next header mostly lie beside a header, so that one read brings them all.
  const window = Buffer.alloc(8 * block);
  let windowStart = 0;
  let windowLength = 0;
  let ended = false;
  const piece = (start: number, length: number): Buffer => {
    if (length > window.length) {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readAt(file, bytes, start));
    }
    if (start < windowStart || start + length > windowStart + windowLength) {
      windowStart = start;
      try {
        windowLength = readAt(file, window, start);
      } catch (error) {
        throw new UserError(`Cannot read ${path} at byte ${start}: ${reason(error)}`, { cause: error });
      }
    }
    return window.subarray(start - windowStart, Math.min(start - windowStart + length, windowLength));
  };
  const truncated = (name: string, at: number): UserError =>
    new UserError(
      `${path} is truncated: ${name} at byte ${at} goes beyond its end at byte ${total}. Get the archive again.`,
    );

  function* members(from = 0, end = total): Generator<TarMember, void, undefined> {
    let longName: string | undefined;
    for (let at = from; at < end; ) {
      const bytes = piece(at, block);
      if (at === 0 && bytes[0] === 0x1f && bytes[1] === 0x8b) throw compressed(path);
      if (bytes.length < block) throw truncated('a header', at);
      if (bytes.every((byte) => byte === 0)) {
        ended = true;
        return;
      }
      const header = headerAt(bytes, path, at);
      const { size, type } = header;
      const start = at + block;
      const name = longName ?? header.name;
      if (start + size > end) {
        if (end === total) throw truncated(name, at);
        throw new UserError(
          `${path} is damaged at byte ${at}: ${name} goes beyond the archive that it is in.`,
        );
      }
      longName = undefined;
      if (type === 'L') longName = piece(start, size).toString('utf8').replace(/\0.*$/s, '');
      else if (type === 'x') longName = paxPath(piece(start, size));
      else if (type === '0' || type === '\0' || type === '7') yield { name, start, size };
      at = start + Math.ceil(size / block) * block;
    }
  }
  return {
    path,
    size: total,
    members,
    get ended() {
      return ended;
    },
    bytes: ({ start, size }) => Buffer.from(piece(start, size)),
    close: () => closeSync(file),
  };
}

function compressed(path: string): UserError {
  return new UserError(
    `${path} is compressed, so its pictures cannot be read in place. Unpack it with gunzip first.`,
  );
}

function headerAt(bytes: Buffer, path: string, at: number): ReturnType<typeof parseHeader> {
  try {
    return parseHeader(bytes);
  } catch (error) {
    throw new UserError(
      `${path} is damaged, or no tar archive: ${(error as Error).message.replace(/\.$/, '')} at byte ${at}.`,
      { cause: error },
    );
  }
}

/** The name in a pax extended header: records "length key=value\n". */
function paxPath(bytes: Buffer): string | undefined {
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, space));
    if (space < 0 || !(length > 0)) return undefined;
    const record = bytes.toString('utf8', space + 1, at + length - 1);
    if (record.startsWith('path=')) return record.slice('path='.length);
    at += length;
  }
  return undefined;
}
