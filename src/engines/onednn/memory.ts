// Native memory as JavaScript buffers: V8 allocates them, nothing moves them, typed arrays see into them, and
// they are freed with the program. Large ones ask the system for huge pages, which saves address look-ups.
import type { Library } from './library.ts';

const alignment = 128;
const hugePage = 2 ** 21;

export interface Region {
  /** Of the aligned first byte. */
  readonly address: bigint;
  floats(offset: number, count: number): Float32Array;
  integers(offset: number, count: number): Int32Array;
  /** The first bytes. */
  content(bytes: number): Uint8Array;
}

export interface OwnRegion extends Region {
  /** Gives the memory back at once, where Node can (22); else it goes when nothing refers to it any more. */
  free(): void;
}

/** `bytes` of zeroed memory, aligned for vector instructions. */
export function allocateRegion(library: Library, bytes: number): OwnRegion {
  const boundary = bytes >= 4 * hugePage ? hugePage : alignment;
  let buffer: ArrayBuffer;
  try {
    buffer = new ArrayBuffer(bytes + boundary);
  } catch (cause) {
    const gigabytes = (bytes / 2 ** 30).toFixed(1);
    throw new Error(
      `The engine needs ${gigabytes} GiB of memory at once and got none; use a smaller batch.`,
      {
        cause,
      },
    );
  }
  const start = library.address(buffer);
  const skip = Number((BigInt(boundary) - (start % BigInt(boundary))) % BigInt(boundary));
  const address = start + BigInt(skip);
  if (boundary === hugePage) library.adviseHugePages(address, bytes);
  return {
    address,
    floats: (offset, count) => new Float32Array(buffer, skip + offset, count),
    integers: (offset, count) => new Int32Array(buffer, skip + offset, count),
    content: (count) => new Uint8Array(buffer, skip, count),
    free: () => release(buffer),
  };
}

/** Gives a buffer's memory back at once, where Node can (22). Nobody may look at it afterwards. */
export function release(buffer: ArrayBufferLike): void {
  (buffer as { transfer?: (bytes: number) => ArrayBuffer }).transfer?.(0);
}
