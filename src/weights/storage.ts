// Numbers as files store them (little endian) read straight into f32. An f32 tensor goes from the disk into its
// final array without a copy; other types pass through a buffer of one megabyte, so that reading a file never
// needs more than the f32 result and that buffer. Integers beyond 2^24 are rounded, as f32 must.
import { readSync } from 'node:fs';
import { BadFile } from './weights-file.ts';

/** The element types that can be read. */
export type StoredType =
  | 'f32'
  | 'f64'
  | 'f16'
  | 'bf16'
  | 'i8'
  | 'i16'
  | 'i32'
  | 'i64'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'u64'
  | 'bool';

/** Bytes of one stored element. */
export const storedBytes: Readonly<Record<StoredType, number>> = {
  f32: 4,
  f64: 8,
  f16: 2,
  bf16: 2,
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  bool: 1,
};

const bufferBytes = 1 << 20;

/** Fills `bytes` from a place in a file or a buffer. */
export type ReadBytes = (bytes: Uint8Array, position: number) => void;

/**
 * Reads `count` elements of `type` that start at byte `position` of the open file. The caller has checked that
 * they lie inside the file; a file that shrinks meanwhile is a BadFile.
 */
export function readStored(file: number, position: number, type: StoredType, count: number): Float32Array {
  return readElements((bytes, at) => readExactly(file, bytes, at), position, type, count);
}

/** The same from any place. */
export function readElements(
  read: ReadBytes,
  position: number,
  type: StoredType,
  count: number,
): Float32Array {
  const result = new Float32Array(count);
  if (type === 'f32') {
    read(new Uint8Array(result.buffer), position);
    return result;
  }
  const size = storedBytes[type];
  const buffer = new Uint8Array(Math.min(bufferBytes, count * size));
  for (let done = 0; done < count; ) {
    const part = Math.min(count - done, Math.floor(buffer.length / size));
    read(buffer.subarray(0, part * size), position + done * size);
    widen(buffer.buffer, type, result.subarray(done, done + part));
    done += part;
  }
  return result;
}

/** Fills `bytes` from the file at `position`; a read may be partial, so it is repeated. */
export function readExactly(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    const got = readSync(file, bytes, done, Math.min(bytes.length - done, 1 << 30), position + done);
    if (got === 0) {
      throw new BadFile(`the file ends at byte ${position + done}, expected ${position + bytes.length}`);
    }
    done += got;
  }
}

/** Converts the first `result.length` elements of `source` to f32. */
export function widen(source: ArrayBuffer, type: StoredType, result: Float32Array): void {
  const count = result.length;
  switch (type) {
    case 'f32':
      result.set(new Float32Array(source, 0, count));
      break;
    case 'f64':
      result.set(new Float64Array(source, 0, count));
      break;
    case 'i32':
      result.set(new Int32Array(source, 0, count));
      break;
    case 'i8':
      result.set(new Int8Array(source, 0, count));
      break;
    case 'i16':
      result.set(new Int16Array(source, 0, count));
      break;
    case 'u8':
      result.set(new Uint8Array(source, 0, count));
      break;
    case 'u16':
      result.set(new Uint16Array(source, 0, count));
      break;
    case 'u32':
      result.set(new Uint32Array(source, 0, count));
      break;
    case 'bool': {
      const bytes = new Uint8Array(source, 0, count);
      for (let i = 0; i < count; i++) result[i] = bytes[i] === 0 ? 0 : 1;
      break;
    }
    case 'u64':
    case 'i64': {
      const values =
        type === 'i64' ? new BigInt64Array(source, 0, count) : new BigUint64Array(source, 0, count);
      for (let i = 0; i < count; i++) result[i] = Number(values[i]);
      break;
    }
    case 'bf16': {
      // bf16 is the upper half of an f32.
      const halves = new Uint16Array(source, 0, count);
      const bits = new Uint32Array(result.buffer, result.byteOffset, count);
      for (let i = 0; i < count; i++) bits[i] = (halves[i] as number) << 16;
      break;
    }
    case 'f16': {
      const halves = new Uint16Array(source, 0, count);
      const values = valuesOfHalves();
      for (let i = 0; i < count; i++) result[i] = values[halves[i] as number] as number;
      break;
    }
  }
}

let halfValues: Float32Array | undefined;

/** All 65,536 of them, made once: looking a value up is ten times faster than computing it. */
function valuesOfHalves(): Float32Array {
  halfValues ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => halfToNumber(bits));
  return halfValues;
}

/** The value of an IEEE 754 half: 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
