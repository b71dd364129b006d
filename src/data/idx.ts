// The idx format of MNIST and its relatives, plain or gzipped (http://yann.lecun.com/exdb/mnist/, "file formats"):
// two zero bytes, the element type (8: unsigned byte), the number of dimensions, the dimensions as big-endian
// 32-bit numbers, then the elements in row order.
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { UserError } from '../errors.ts';
import { reason } from '../files.ts';
import { allocateDataset, checkLabels, type Dataset, type Split } from './dataset.ts';

/** Reads an idx file of unsigned bytes with `dimensions` dimensions. */
export async function readIdx(
  path: string,
  dimensions: number,
): Promise<{ shape: number[]; data: Uint8Array }> {
  const bytes = await readPlain(path);
  const header = 4 + 4 * dimensions;
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) {
    throw new UserError(
      `${path} is not an idx file: it starts with ${hex(bytes.subarray(0, 4))}, expected 00 00 08 0${dimensions}. ` +
        'Put the original file in its place.',
    );
  }
  if (bytes[2] !== 8 || bytes[3] !== dimensions) {
    throw new UserError(
      `${path} is an idx file of type 0x${hex(bytes.subarray(2, 3))} with ${bytes[3]} dimensions, ` +
        `expected type 0x08 (unsigned bytes) with ${dimensions}. Images and labels may have been swapped.`,
    );
  }
  if (bytes.length < header) throw truncated(path, bytes.length, header);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({ length: dimensions }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = header + shape.reduce((product, size) => product * size, 1);
  if (bytes.length < expected) throw truncated(path, bytes.length, expected);
  if (bytes.length > expected) {
    throw new UserError(
      `${path} holds ${bytes.length} bytes, but its header (${shape.join('x')}) says ${expected}. ` +
        'It is damaged; put the original file in its place.',
    );
  }
  return { shape, data: bytes.subarray(header) };
}

/** A data set out of an image and a label file. `classes` may be left out: then they are the numbers that occur. */
export async function readIdxDataset(
  images: string,
  labels: string,
  description: { name: string; split: Split; path: string; classes?: readonly string[] },
): Promise<Dataset> {
  const pictures = await readIdx(images, 3);
  const numbers = await readIdx(labels, 1);
  const [length = 0, height = 0, width = 0] = pictures.shape;
  if (numbers.shape[0] !== length) {
    throw new UserError(
      `${images} holds ${length} pictures and ${labels} ${numbers.shape[0]} labels; expected as many of each. ` +
        'Take both files from the same data set.',
    );
  }
  if (pictures.data.length === 0)
    throw new UserError(`${images} holds no pictures (${length}x${height}x${width}).`);
  const largest = numbers.data.reduce((most, label) => Math.max(most, label), 0);
  const classes = description.classes ?? Array.from({ length: largest + 1 }, (_, label) => String(label));
  const dataset = allocateDataset({ ...description, length, channels: 1, height, width, classes });
  dataset.pixels.set(pictures.data);
  dataset.labels.set(numbers.data);
  checkLabels(dataset, (index) => `${labels}: picture ${index}`);
  return dataset;
}

async function readPlain(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await promisify(gunzip)(bytes);
  } catch (error) {
    throw new UserError(
      `${path} is truncated or damaged: unpacking it failed (${(error as Error).message}). ` +
        'Put the original file in its place.',
      { cause: error },
    );
  }
}

function truncated(path: string, got: number, expected: number): UserError {
  return new UserError(
    `${path} is truncated: it holds ${got} bytes (unpacked), its header says ${expected}. ` +
      'Put the original file in its place.',
  );
}

function hex(bytes: Uint8Array): string {
  return bytes.length === 0
    ? 'nothing'
    : Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
