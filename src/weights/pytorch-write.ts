// Writes a state dict as torch.save does since 1.6, so that torch.load reads it, with weights_only=True too: a zip
// archive of stored entries (each storage starts at a multiple of 64 bytes) and a pickle of protocol 2.
// Source: pytorch, torch/serialization.py (_save); PKWARE, APPNOTE.TXT.
import { crc32 } from 'node:zlib';
import { UserError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import { elementCount, shapeText, type Tensor } from './tensor-file.ts';

const folder = 'archive';
const alignment = 64;
/** Beyond it, a zip archive needs its 64-bit extensions. */
const maxBytes = 0xffffffff;

/**
 * Writes f32 tensors, in the order of the map, as an ordered dictionary; tensors that share an array share a storage.
 * The file appears whole or not at all. Throws a UserError when it would be over 4 GiB or the disk refuses.
 */
export function writePytorch(path: string, tensors: ReadonlyMap<string, Tensor>): void {
  const storages = new Map<Float32Array, number>();
  for (const [name, { shape, data }] of tensors) {
    if (elementCount(shape) !== data.length) {
      throw new Error(`tensor "${name}" is ${shapeText(shape)} but has ${data.length} elements`);
    }
    if (!storages.has(data)) storages.set(data, storages.size);
  }
  const entries: [string, Uint8Array][] = [
    ['data.pkl', pickleOf(tensors, storages)],
    ['byteorder', Buffer.from('little')],
  ];
  for (const [data, key] of storages) {
    entries.push([`data/${key}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
  }
  entries.push(['version', Buffer.from('3\n')]);
  const total = entries.reduce((sum, [, bytes]) => sum + bytes.length + 512, 0);
  if (total > maxBytes || entries.length > 0xfffe) {
    throw new UserError(
      `${path} would have ${total} bytes in ${entries.length} parts, over the limit of this format here ` +
        `(${maxBytes} and 65534). Write safetensors instead.`,
    );
  }
  writeFileAtomic(path, ...zipOf(entries));
}

function pickleOf(tensors: ReadonlyMap<string, Tensor>, storages: ReadonlyMap<Float32Array, number>): Buffer {
  const orderedDict = raw('ccollections\nOrderedDict\n)R');
  const chunks: Uint8Array[] = [raw('\x80\x02'), orderedDict, raw('(')];
  for (const [name, { shape, data }] of tensors) {
    const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
    chunks.push(
      text(name),
      raw('ctorch._utils\n_rebuild_tensor_v2\n('),
      raw('('),
      text('storage'),
      raw('ctorch\nFloatStorage\n'),
      text(String(storages.get(data))),
      text('cpu'),
      whole(data.length),
      raw('tQ'),
      whole(0),
      ...tuple(shape),
      ...tuple(strides),
      raw('\x89'),
      orderedDict,
      raw('tR'),
    );
  }
  chunks.push(raw('u.'));
  return Buffer.concat(chunks);
}

function raw(codes: string): Buffer {
  return Buffer.from(codes, 'latin1');
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const head = Buffer.from('X\0\0\0\0');
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** BININT where it fits, else LONG1 of eight bytes. */
function whole(value: number): Buffer {
  if (value <= 0x7fffffff) {
    const bytes = Buffer.from('J\0\0\0\0');
    bytes.writeInt32LE(value, 1);
    return bytes;
  }
  const bytes = Buffer.from('\x8a\x08\0\0\0\0\0\0\0\0', 'latin1');
  bytes.writeBigInt64LE(BigInt(value), 2);
  return bytes;
}

function tuple(sizes: readonly number[]): Buffer[] {
  return [raw('('), ...sizes.map(whole), raw('t')];
}

/** The archive in pieces, so that the tensors' bytes are not copied. */
function zipOf(entries: readonly (readonly [string, Uint8Array])[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, bytes] of entries) {
    const path = Buffer.from(`${folder}/${name}`);
    const crc = crc32(bytes);
    // An extra field of any kind ("FB", as PyTorch's) moves the data to the alignment.
    const unpadded = at + 30 + path.length + 4;
    const padding = (alignment - (unpadded % alignment)) % alignment;
    const local = Buffer.alloc(30 + path.length + 4 + padding);
    local.writeUInt32LE(0x04034b50, 0);
    entryFields(local, 4, crc, bytes.length, path.length, 4 + padding);
    path.copy(local, 30);
    local.write('FB', 30 + path.length, 'latin1');
    local.writeUInt16LE(padding, 32 + path.length);

    const central = Buffer.alloc(46 + path.length);
    central.writeUInt32LE(0x02014b50, 0);
    entryFields(central, 6, crc, bytes.length, path.length, 0);
    central.writeUInt32LE(at, 42);
    path.copy(central, 46);
    directory.push(central);
    chunks.push(local, bytes);
    at += local.length + bytes.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  const directoryBytes = Buffer.concat(directory);
  end.writeUInt32LE(directoryBytes.length, 12);
  end.writeUInt32LE(at, 16);
  return [...chunks, directoryBytes, end];
}

/** What a local header and a directory entry have in common, from "version needed" on: stored, no date. */
function entryFields(
  header: Buffer,
  at: number,
  crc: number,
  size: number,
  nameLength: number,
  extraLength: number,
): void {
  header.writeUInt16LE(20, at);
  header.writeUInt32LE(crc, at + 10);
  header.writeUInt32LE(size, at + 14);
  header.writeUInt32LE(size, at + 18);
  header.writeUInt16LE(nameLength, at + 22);
  header.writeUInt16LE(extraLength, at + 24);
}
