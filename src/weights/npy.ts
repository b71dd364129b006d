// NumPy's .npy: magic, version, length of a header that is a Python dictionary, padding to 64 bytes, then the
// elements. It is how tensors come in from and go out to any other program (`laurel forward`).
// Source: numpy.org, "numpy.lib.format", versions 1 (16-bit length), 2 and 3 (32-bit length, UTF-8).
import { growFileAtomic, writeFileAtomic } from '../files.ts';
import { readExactly, readStored, type StoredType, storedBytes } from './storage.ts';
import { elementCount, shapeText, type Tensor } from './tensor-file.ts';
import { BadFile, readFileAs } from './weights-file.ts';

const magic = Buffer.from('\x93NUMPY', 'latin1');
/** NumPy's own limit on a header. */
const maxHeaderBytes = 10_000;

const storedTypes: Readonly<Record<string, StoredType>> = {
  '<f4': 'f32',
  '<f8': 'f64',
  '<f2': 'f16',
  '|i1': 'i8',
  '<i2': 'i16',
  '<i4': 'i32',
  '<i8': 'i64',
  '|u1': 'u8',
  '<u2': 'u16',
  '<u4': 'u32',
  '<u8': 'u64',
  '|b1': 'bool',
};

/** Reads one array as f32. Throws a UserError when the file is missing, malformed, big endian or in Fortran order. */
export function readNpy(path: string): Tensor {
  const { shape, data } = readNpyTyped(path);
  return { shape, data };
}

/** The same, with the type that the array was stored as. */
export function readNpyTyped(path: string): Tensor & { readonly type: StoredType } {
  return readFileAs(path, 'a NumPy array', readOpen);
}

function readOpen(file: number, size: number): Tensor & { type: StoredType } {
  const { header, dataStart } = readHeader(file, size);
  const { type, shape } = parseHeader(header);
  const need = elementCount(shape) * storedBytes[type];
  const have = size - dataStart;
  if (need !== have) {
    const what = have < need ? 'it is truncated: its' : 'it holds more than one array: its first';
    throw new BadFile(
      `${what} shape ${shapeText(shape)} needs ${need} bytes of data, ${have} are there. Save it again.`,
    );
  }
  return { shape, type, data: readStored(file, dataStart, type, elementCount(shape)) };
}

function readHeader(file: number, size: number): { header: string; dataStart: number } {
  const start = Buffer.alloc(12);
  readExactly(file, start.subarray(0, Math.min(12, size)), 0);
  if (!start.subarray(0, 6).equals(magic)) {
    throw new BadFile('it does not begin as one. Save it with numpy.save.');
  }
  const version = start[6] as number;
  if (version < 1 || version > 3) throw new BadFile(`it has version ${version}, expected 1, 2 or 3.`);
  const headerStart = version === 1 ? 10 : 12;
  const length = version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  if (length > maxHeaderBytes && version !== 1) {
    throw new BadFile(`its header claims ${length} bytes, the limit is ${maxHeaderBytes}.`);
  }
  if (headerStart + length > size) throw new BadFile('its header is truncated. Save it again.');
  const header = Buffer.alloc(length);
  readExactly(file, header, headerStart);
  return { header: header.toString(version === 3 ? 'utf8' : 'latin1'), dataStart: headerStart + length };
}

/** The three keys of the header; anything but their usual form is refused rather than guessed at. */
function parseHeader(header: string): { type: StoredType; shape: number[] } {
  const descr = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|(\[))/.exec(header);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)?.[1];
  const sizes = /['"]shape['"]\s*:\s*\(([\d\s,L]*)\)/.exec(header)?.[1];
  if (descr === null || order === undefined || sizes === undefined) {
    throw new BadFile('its header lacks descr, fortran_order or shape. Save it again with numpy.save.');
  }
  const type = storedTypes[descr[1] ?? ''];
  if (type === undefined) {
    const got = descr[1] === undefined ? 'a structured type' : `the type "${descr[1]}"`;
    throw new BadFile(
      `it has ${got}, expected one of ${Object.keys(storedTypes).join(', ')}. Save it with .astype('<f4').`,
    );
  }
  const shape = sizes
    .split(',')
    .map((size) => size.replace('L', '').trim())
    .filter((size) => size !== '')
    .map(Number);
  if (!shape.every(Number.isSafeInteger)) throw new BadFile(`its shape (${sizes}) is no list of sizes.`);
  if (order === 'True' && shape.length > 1) {
    throw new BadFile('it is in Fortran order, expected C order. Save numpy.ascontiguousarray of it.');
  }
  return { type, shape };
}

/** Writes an f32 array in C order (version 1), whole or not at all. `data.length` must be the product of `shape`. */
export function writeNpy(path: string, shape: readonly number[], data: Float32Array): void {
  if (elementCount(shape) !== data.length) {
    throw new Error(`the shape ${shapeText(shape)} does not fit ${data.length} elements`);
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  writeFileAtomic(path, npyHeader('<f4', shape), bytes);
}

function npyHeader(type: '<f4' | '<i4', shape: readonly number[]): Buffer {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const total = Math.ceil((10 + dictionary.length + 1) / 64) * 64;
  const start = Buffer.alloc(total, ' ');
  magic.copy(start);
  start.writeUInt16LE(1, 6);
  start.writeUInt16LE(total - 10, 8);
  start.write(dictionary, 10, 'latin1');
  start.write('\n', total - 1, 'latin1');
  return start;
}

/** An array that is written part by part, so that it need not fit into memory. */
export interface NpyWriter {
  /** The next elements, in C order. */
  append(data: Float32Array | Int32Array): void;
  /** Puts the file in its place. Throws unless exactly the shape's elements were appended. */
  finish(): void;
  /** Leaves no file. */
  abandon(): void;
}

/** Begins an array of f32 (`<f4`) or int32 (`<i4`); the file appears when it is finished. */
export function growNpy(path: string, type: '<f4' | '<i4', shape: readonly number[]): NpyWriter {
  const file = growFileAtomic(path);
  file.write(npyHeader(type, shape));
  const expected = elementCount(shape);
  let done = 0;
  return {
    append(data) {
      if (data instanceof Float32Array !== (type === '<f4')) {
        throw new Error(`${path} is ${type}, but got ${data.constructor.name}`);
      }
      file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      done += data.length;
    },
    finish() {
      if (done !== expected) {
        file.abandon();
        throw new Error(`${path} has ${done} elements, its shape ${shapeText(shape)} needs ${expected}`);
      }
      file.finish();
    },
    abandon: file.abandon,
  };
}
