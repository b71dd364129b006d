// MATLAB's MAT files of version 5 (6 and 7 too), as far as the devkit of ILSVRC needs them: numbers, texts, cells and
// arrays of structures, compressed or not. The format is MathWorks' "MAT-File Format", chapter 1: elements of a type,
// a length and data on multiples of eight bytes; a short one has both in one word.
import { inflateSync } from 'node:zlib';

export type MatValue = MatNumbers | string | MatValue[] | MatStructs;

export interface MatNumbers {
  readonly dims: readonly number[];
  /** In MATLAB's order, columns first. */
  readonly values: readonly number[];
}

/** An array of structures, its elements in MATLAB's order. */
export interface MatStructs {
  readonly dims: readonly number[];
  readonly elements: readonly Readonly<Record<string, MatValue>>[];
}

const headerBytes = 128;
const miMATRIX = 14;
const miCOMPRESSED = 15;

/** The variables of a file, by name. Throws an Error that says in a few words what is wrong with it. */
export function readMat(bytes: Buffer): Map<string, MatValue> {
  const mark = bytes.toString('latin1', 126, 128);
  if (bytes.length < headerBytes || (mark !== 'IM' && mark !== 'MI')) {
    throw new Error('it is no MAT file of version 5');
  }
  if (mark === 'MI') throw new Error('it is big-endian, which is not read');
  const variables = new Map<string, MatValue>();
  for (const element of elementsOf(bytes.subarray(headerBytes))) {
    const [inner] = element.type === miCOMPRESSED ? elementsOf(inflateSync(element.data)) : [element];
    if (inner?.type !== miMATRIX) continue;
    const { name, value } = matrix(inner.data);
    if (value !== undefined) variables.set(name, value);
  }
  return variables;
}

interface Element {
  readonly type: number;
  readonly data: Buffer;
}

function* elementsOf(bytes: Buffer): Generator<Element, void, undefined> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const first = bytes.readUInt32LE(at);
    const short = first >>> 16;
    const type = short === 0 ? first : first & 0xffff;
    const length = short === 0 ? bytes.readUInt32LE(at + 4) : short;
    const start = short === 0 ? at + 8 : at + 4;
    if (start + length > bytes.length) throw new Error('it is truncated');
    yield { type, data: bytes.subarray(start, start + length) };
    // A compressed element alone is not padded.
    const end = short === 0 ? start + length : at + 8;
    at = type === miCOMPRESSED ? end : Math.ceil(end / 8) * 8;
  }
}

/** Classes of arrays. */
const mxCELL = 1;
const mxSTRUCT = 2;
const mxCHAR = 4;

function matrix(bytes: Buffer): { name: string; value: MatValue | undefined } {
  const [flags, shape, title, ...parts] = elementsOf(bytes);
  // An empty element stands for an empty array.
  if (flags === undefined || shape === undefined || title === undefined) {
    return { name: '', value: { dims: [0, 0], values: [] } };
  }
  const kind = (flags.data[0] as number) & 0xff;
  const dims = numbers(shape);
  const name = title.data.toString('latin1');
  const count = dims.reduce((product, size) => product * size, 1);
  if (kind === mxCELL) return { name, value: parts.slice(0, count).map((part) => inside(part)) };
  if (kind === mxSTRUCT) return { name, value: structs(dims, count, parts) };
  const [data] = parts;
  if (data === undefined) return { name, value: undefined };
  if (kind === mxCHAR) return { name, value: text(data) };
  // Objects, sparse arrays and functions are not needed; classes 6 to 15 are numbers.
  return { name, value: kind >= 6 && kind <= 15 ? { dims, values: numbers(data) } : undefined };
}

function inside({ type, data }: Element): MatValue {
  if (type !== miMATRIX) throw new Error('it is damaged: a cell holds no array');
  return matrix(data).value ?? [];
}

function structs(dims: readonly number[], count: number, parts: readonly Element[]): MatStructs {
  const [lengths, names, ...values] = parts;
  const length = lengths === undefined ? 0 : (numbers(lengths)[0] ?? 0);
  if (names === undefined || length === 0) return { dims, elements: [] };
  const fields = Array.from({ length: names.data.length / length }, (_, i) =>
    names.data.toString('latin1', i * length, (i + 1) * length).replace(/\0.*$/s, ''),
  );
  const elements = Array.from({ length: count }, (_, i) => {
    const own = values.slice(i * fields.length, (i + 1) * fields.length);
    if (own.length < fields.length) throw new Error('it is truncated');
    return Object.fromEntries(fields.map((field, f) => [field, inside(own[f] as Element)]));
  });
  return { dims, elements };
}

type Reader = readonly [bytes: number, read: (bytes: Buffer, at: number) => number];

const readers: Readonly<Record<number, Reader>> = {
  1: [1, (bytes, at) => bytes.readInt8(at)],
  2: [1, (bytes, at) => bytes.readUInt8(at)],
  3: [2, (bytes, at) => bytes.readInt16LE(at)],
  4: [2, (bytes, at) => bytes.readUInt16LE(at)],
  5: [4, (bytes, at) => bytes.readInt32LE(at)],
  6: [4, (bytes, at) => bytes.readUInt32LE(at)],
  7: [4, (bytes, at) => bytes.readFloatLE(at)],
  9: [8, (bytes, at) => bytes.readDoubleLE(at)],
  12: [8, (bytes, at) => Number(bytes.readBigInt64LE(at))],
  13: [8, (bytes, at) => Number(bytes.readBigUInt64LE(at))],
};

/** Numbers are stored in the smallest type that holds them, whatever their array's class. */
function numbers({ type, data }: Element): number[] {
  const reader = readers[type];
  if (reader === undefined) throw new Error(`it has numbers of the unknown type ${type}`);
  const [bytes, read] = reader;
  return Array.from({ length: Math.floor(data.length / bytes) }, (_, i) => read(data, i * bytes));
}

/** Texts are UTF-8 or UTF-16, or, from old versions, 16-bit numbers. */
function text(element: Element): string {
  const { type, data } = element;
  if (type === 16) return data.toString('utf8');
  if (type === 17) return data.toString('utf16le');
  return String.fromCharCode(...numbers(element));
}
