// The safetensors format: u64 little-endian length of a JSON header, the header
// ({ name: { dtype, shape, data_offsets: [begin, end] } } and "__metadata__"), then the tensors' bytes without
// holes. A file is checked completely (type, shape, offsets, length) before a byte of data is read, so a broken
// or hostile file costs a sentence and no memory.
// Source: github.com/huggingface/safetensors, section "Format".
import { writeFileAtomic } from '../files.ts';
import { readExactly, readStored, type StoredType, storedBytes } from './storage.ts';
import { elementCount, lazyTensor, shapeText, type Tensor, type TensorFile } from './tensor-file.ts';
import { BadFile, readFileAs } from './weights-file.ts';

/** The limit that the format's own library sets, against a header that fills the memory. */
const maxHeaderBytes = 100_000_000;

const storedTypes: Readonly<Record<string, StoredType>> = {
  F32: 'f32',
  F64: 'f64',
  F16: 'f16',
  BF16: 'bf16',
  I8: 'i8',
  I16: 'i16',
  I32: 'i32',
  I64: 'i64',
  U8: 'u8',
  U16: 'u16',
  U32: 'u32',
  U64: 'u64',
  BOOL: 'bool',
};

type Entry = { name: string; type: StoredType; shape: number[]; begin: number; end: number };

/**
 * Reads a safetensors file; every tensor becomes f32. Peak memory is that of the f32 result.
 * Throws a UserError that says what is wrong when the file is missing, truncated or malformed.
 */
export function readSafetensors(path: string): TensorFile {
  return readFileAs(path, 'safetensors', (file, size) =>
    readOpen(file, size, (position, type, count) => readStored(file, position, type, count)),
  );
}

/** The same, but the numbers of a tensor are read when they are first asked for; then too, a UserError says what is wrong. */
export function openSafetensors(path: string): TensorFile {
  return readFileAs(path, 'safetensors', (file, size) => readOpen(file, size, undefined, path));
}

type ReadNumbers = (position: number, type: StoredType, count: number) => Float32Array;

function readOpen(file: number, size: number, read: ReadNumbers | undefined, path = ''): TensorFile {
  const { header, dataStart } = readHeader(file, size);
  const metadata = readMetadata(header.__metadata__);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => checkEntry(name, entry));
  checkLayout(entries, size - dataStart);
  const tensors = new Map<string, Tensor>();
  for (const { name, type, shape, begin } of entries) {
    const position = dataStart + begin;
    const count = elementCount(shape);
    tensors.set(
      name,
      read === undefined
        ? lazyTensor(shape, () => readLater(path, size, position, type, count))
        : { shape, data: read(position, type, count) },
    );
  }
  return { tensors, metadata, storedTypes: new Map(entries.map(({ name, type }) => [name, type])) };
}

function readLater(
  path: string,
  size: number,
  position: number,
  type: StoredType,
  count: number,
): Float32Array {
  return readFileAs(path, 'safetensors', (file, sizeBy) => {
    if (sizeBy !== size) throw new BadFile(`it had ${size} bytes when it was opened, and has ${sizeBy}.`);
    return readStored(file, position, type, count);
  });
}

function readHeader(file: number, size: number): { header: Record<string, unknown>; dataStart: number } {
  if (size < 8) throw new BadFile(`it has ${size} bytes, too few for a header. Fetch or save it again.`);
  const start = Buffer.alloc(8);
  readExactly(file, start, 0);
  const length = Number(start.readBigUInt64LE());
  if (length > maxHeaderBytes) {
    throw new BadFile(
      `its first 8 bytes claim a header of ${length} bytes, the limit is ${maxHeaderBytes}.${kindOf(start)}`,
    );
  }
  if (8 + length > size) {
    throw new BadFile(
      `the header is truncated: ${length} bytes are announced, ${size - 8} are there. Fetch or save it again.`,
    );
  }
  const text = Buffer.alloc(length);
  readExactly(file, text, 8);
  let header: unknown;
  try {
    header = JSON.parse(text.toString('utf8'));
  } catch (error) {
    throw new BadFile(`its header is not JSON (${(error as Error).message}).`);
  }
  if (!isObject(header)) throw new BadFile('its header is JSON but not an object of tensors.');
  return { header, dataStart: 8 + length };
}

/** What a file that is no safetensors file looks like, when its first bytes tell. */
function kindOf(start: Uint8Array): string {
  const text = Buffer.from(start).toString('latin1');
  if (text.startsWith('PK\x03\x04'))
    return ' It looks like a zip archive or a PyTorch checkpoint: `laurel convert` reads those.';
  if (text.startsWith('\x93NUMPY')) return ' It looks like a NumPy array.';
  if (text.startsWith('version ')) return ' It looks like a Git LFS pointer: fetch the file itself.';
  if (/^\s*</.test(text)) return ' It looks like a web page: fetch the file itself.';
  return ' It is no safetensors file.';
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== 'string')) {
    throw new BadFile('its "__metadata__" is not an object of strings.');
  }
  return value as Record<string, string>;
}

/** One tensor's header entry, its type known and its offsets in keeping with its shape. */
function checkEntry(name: string, value: unknown): Entry {
  const { dtype, shape, data_offsets: offsets } = (isObject(value) ? value : {}) as Record<string, unknown>;
  const type =
    typeof dtype === 'string' && Object.hasOwn(storedTypes, dtype) ? storedTypes[dtype] : undefined;
  if (type === undefined) {
    const known = Object.keys(storedTypes).join(', ');
    throw new BadFile(
      `tensor "${name}" has the dtype ${JSON.stringify(dtype)}, expected one of ${known}. Save it as F32.`,
    );
  }
  if (!isCountList(shape)) {
    throw new BadFile(`tensor "${name}" has the shape ${JSON.stringify(shape)}, expected a list of sizes.`);
  }
  if (!isCountList(offsets) || offsets.length !== 2) {
    throw new BadFile(
      `tensor "${name}" has the offsets ${JSON.stringify(offsets)}, expected [first byte, byte after the last].`,
    );
  }
  const [begin, end] = offsets as [number, number];
  const bytes = elementCount(shape) * storedBytes[type];
  if (end - begin !== bytes) {
    throw new BadFile(
      `tensor "${name}" (${shapeText(shape)}, ${dtype}) needs ${bytes} bytes, its offsets [${begin}, ${end}] hold ${end - begin}.`,
    );
  }
  return { name, type, shape, begin, end };
}

/** The format allows no holes: in order of their offsets the tensors follow each other and fill the file. */
function checkLayout(entries: Entry[], dataBytes: number): void {
  let end = 0;
  let last = '';
  const inPlace = entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
  for (const entry of inPlace) {
    if (entry.begin < end) {
      throw new BadFile(
        `the tensors "${last}" and "${entry.name}" overlap at byte ${entry.begin} of the data.`,
      );
    }
    if (entry.begin > end) {
      throw new BadFile(`${entry.begin - end} bytes before the tensor "${entry.name}" belong to no tensor.`);
    }
    end = entry.end;
    last = entry.name;
  }
  if (end > dataBytes) {
    throw new BadFile(
      `it is truncated: its tensors need ${end} bytes of data, ${dataBytes} are there. Fetch or save it again.`,
    );
  }
  if (end < dataBytes) throw new BadFile(`${dataBytes - end} bytes at its end belong to no tensor.`);
}

/** What can be written: f32 tensors, and whole numbers of eight bits. */
export type WritableTensor = { readonly shape: readonly number[]; readonly data: Float32Array | Int8Array };

/**
 * Writes tensors in the order of the map; the file appears whole or not at all. The data start at a multiple
 * of 8 bytes. Throws a UserError when the disk refuses, an Error when a shape does not fit its data.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  const chunks: Uint8Array[] = [];
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    if (name === '__metadata__') throw new Error('a tensor cannot be named "__metadata__" in safetensors');
    if (elementCount(shape) !== data.length) {
      throw new Error(`tensor "${name}" is ${shapeText(shape)} but has ${data.length} elements`);
    }
    const dtype = data instanceof Int8Array ? 'I8' : 'F32';
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  start.writeBigUInt64LE(BigInt(start.length - 8));
  json.copy(start, 8);
  writeFileAtomic(path, start, ...chunks);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
