// Reading a whole pack once: every picture's checksum, and that no label is out of range.
import { crc32 } from 'node:zlib';
import { UserError } from '../../../errors.ts';
import { nameAt } from '../picture-index.ts';
import { openMappedFile } from '../sources/mapped-file.ts';
import { readPack } from './file.ts';

export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Throws a UserError that names the first picture that is damaged; gives the number of pictures. */
export async function verifyPack(path: string, { signal, onProgress }: VerifyOptions = {}): Promise<number> {
  const { arrays, meta, bytes: size } = readPack(path);
  const { starts, sizes, checksums, labels, names, ends } = arrays as Record<string, Uint32Array>;
  if (!(starts && sizes && checksums && labels && names && ends)) {
    throw new UserError(`${path} is damaged: its table is not complete. Pack the data again.`);
  }
  const mapped = openMappedFile(path, size);
  try {
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i] as number;
      const bytes = mapped.bytes(starts[i] as number, sizes[i] as number);
      if (crc32(bytes) !== checksums[i] || label < 0 || label >= meta.classes.length) {
        const name = nameAt({ names: names as unknown as Uint8Array, ends }, i);
        throw new UserError(
          `${path}: picture ${name} at byte ${starts[i]} is damaged (wrong checksum or class). Pack the data again.`,
        );
      }
      if (i % 256 === 0) {
        onProgress?.(i, labels.length);
        await new Promise((resolve) => setImmediate(resolve));
        signal?.throwIfAborted();
      }
    }
    return labels.length;
  } finally {
    mapped.close();
  }
}
