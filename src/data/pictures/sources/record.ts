// A block of a file that holds a description (JSON) and arrays of numbers: how stored indices and the table of a pack
// are written. 16 bytes of magic, the length of the JSON, a CRC-32 of all that follows, the JSON, the arrays; each on
// a multiple of eight bytes, numbers little-endian. Arrays are read straight into shared memory.
import { crc32 } from 'node:zlib';
import { type NumberArray, shared } from './growing.ts';
import { readAt } from './read-at.ts';

export type Arrays = Readonly<Record<string, NumberArray>>;

const headBytes = 24;
const types = { Uint8Array, Uint16Array, Uint32Array, Int32Array, Float64Array } as const;
type TypeName = keyof typeof types;
type Contents = readonly (readonly [name: string, type: TypeName, length: number])[];

/** The pieces of a record, in the order they are written. `magic` has at most 16 letters. */
export function encodeRecord(magic: string, meta: object, arrays: Arrays): Uint8Array[] {
  const contents: Contents = Object.entries(arrays).map(([name, array]) => [
    name,
    array.constructor.name as TypeName,
    array.length,
  ]);
  const json = padded(Buffer.from(JSON.stringify({ contents, meta })), 0x20);
  const body = [json, ...Object.values(arrays).flatMap((array) => withPadding(bytesOf(array)))];
  const head = Buffer.alloc(headBytes);
  head.write(magic, 0, 16, 'latin1');
  head.writeUInt32LE(json.length, 16);
  head.writeUInt32LE(
    body.reduce((sum, part) => crc32(part, sum), 0),
    20,
  );
  return [head, ...body];
}

/** Reads the record at `start`. Throws an Error that says in a few words what is wrong with it. */
export function readRecord(file: number, start: number, magic: string): { meta: unknown; arrays: Arrays } {
  const head = Buffer.alloc(headBytes);
  if (readAt(file, head, start) < headBytes) throw new Error('it is truncated');
  if (head.toString('latin1', 0, 16) !== magic.padEnd(16, '\0')) {
    throw new Error('it was written by another version or program');
  }
  let at = start + headBytes;
  let sum = 0;
  const next = (bytes: Uint8Array): void => {
    if (readAt(file, bytes, at) < bytes.length) throw new Error('it is truncated');
    sum = crc32(bytes, sum);
    at += bytes.length;
  };
  const json = Buffer.alloc(Math.min(head.readUInt32LE(16), 1 << 30));
  next(json);
  const { contents, meta } = parse(json);
  const arrays: Record<string, NumberArray> = {};
  for (const [name, typeName, length] of contents) {
    const array: NumberArray = shared<NumberArray>(types[typeName], length);
    const bytes = bytesOf(array);
    next(bytes);
    next(new Uint8Array(missing(bytes.length)));
    arrays[name] = array;
  }
  if (sum !== head.readUInt32LE(20)) throw new Error('it is damaged (wrong checksum)');
  return { meta, arrays };
}

function parse(json: Buffer): { contents: Contents; meta: unknown } {
  try {
    return JSON.parse(json.toString('utf8'));
  } catch {
    throw new Error('it is damaged (its description cannot be read)');
  }
}

function bytesOf(array: NumberArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Bytes that `length` lacks to a multiple of eight. */
function missing(length: number): number {
  return (8 - (length % 8)) % 8;
}

function withPadding(bytes: Uint8Array): Uint8Array[] {
  const rest = missing(bytes.length);
  return rest === 0 ? [bytes] : [bytes, new Uint8Array(rest)];
}

function padded(bytes: Buffer, filling: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(missing(bytes.length), filling)]);
}
