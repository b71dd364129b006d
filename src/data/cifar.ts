// CIFAR-10 and CIFAR-100 in their official binary form (https://www.cs.toronto.edu/~kriz/cifar.html): records of
// one label byte (CIFAR-100: coarse, then fine) and 3072 bytes of planar RGB, 32x32.
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { reason } from '../files.ts';
import { allocateDataset, checkLabels, type Dataset, type Split } from './dataset.ts';

const pictureBytes = 3 * 32 * 32;

/** Reads `files`, in order, into one data set. `labelBytes` per record; the label is the one at `labelOffset`. */
export async function readCifar(
  files: readonly string[],
  layout: { labelBytes: 1 | 2; labelOffset: 0 | 1 },
  description: { name: string; split: Split; path: string; classes: readonly string[] },
): Promise<Dataset> {
  const record = layout.labelBytes + pictureBytes;
  const contents = await Promise.all(files.map((file) => readRecords(file, record)));
  const length = contents.reduce((sum, bytes) => sum + bytes.length / record, 0);
  const dataset = allocateDataset({ ...description, length, channels: 3, height: 32, width: 32 });
  const sources: { file: string; first: number }[] = [];
  let index = 0;
  for (const [position, bytes] of contents.entries()) {
    sources.push({ file: files[position] as string, first: index });
    for (let at = 0; at < bytes.length; at += record, index++) {
      dataset.labels[index] = bytes[at + layout.labelOffset] as number;
      const start = at + layout.labelBytes;
      dataset.pixels.set(bytes.subarray(start, start + pictureBytes), index * pictureBytes);
    }
  }
  checkLabels(dataset, (offender) => {
    const source = sources.findLast(({ first }) => first <= offender);
    return `${source?.file}: record ${offender - (source?.first ?? 0)}`;
  });
  return dataset;
}

async function readRecords(path: string, record: number): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  if (bytes.length === 0 || bytes.length % record !== 0) {
    throw new UserError(
      `${path} is truncated or not in CIFAR's binary form: ${bytes.length} bytes, expected a multiple of ` +
        `${record} (one record). Put the original file in its place.`,
    );
  }
  return bytes;
}
