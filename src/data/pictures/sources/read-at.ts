// Reading a part of an open file: a read may be partial (signals, 2 GiB limit per call), so it is repeated.
import { readSync } from 'node:fs';

/** Fills `bytes` from the file's `position` on; gives how many there were, fewer where the file ends. */
export function readAt(file: number, bytes: Uint8Array, position: number): number {
  let done = 0;
  while (done < bytes.length) {
    const got = readSync(file, bytes, done, Math.min(bytes.length - done, 1 << 30), position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}
