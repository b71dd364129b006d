// Reading pictures from a pack in place. A picture's checksum is looked at when it is first read, whichever thread
// does it: a disk's error is found, and costs nothing from the second epoch on.
import { crc32 } from 'node:zlib';
import { UserError } from '../../../errors.ts';
import { nameAt, type PackStore } from '../picture-index.ts';
import type { OpenStore } from '../picture-store.ts';
import { openMappedFile } from '../sources/mapped-file.ts';

export function openPackStore(store: PackStore): OpenStore {
  const mapped = openMappedFile(store.file, store.fileSize);
  const { starts, sizes, heights, widths, checksums, verified, format } = store;
  return {
    read(i) {
      const bytes = mapped.bytes(starts[i] as number, sizes[i] as number);
      if (verified[i] !== 1) {
        if (crc32(bytes) !== checksums[i]) {
          throw new UserError(
            `${store.file}: picture ${nameAt(store, i)} at byte ${starts[i]} is damaged (wrong checksum). ` +
              'Make the pack again.',
          );
        }
        verified[i] = 1;
      }
      if (format === 'jpeg') return { kind: 'encoded', bytes };
      return { kind: 'pixels', data: bytes, height: heights[i] as number, width: widths[i] as number };
    },
    close: () => mapped.close(),
  };
}
