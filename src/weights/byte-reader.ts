// Bytes in order, from memory or through a small window on a file: a legacy checkpoint's pickles stand at the front of
// a file of any size, and nothing tells where they end, so they are read as they are understood.
import { readExactly } from './storage.ts';
import { BadFile } from './weights-file.ts';

export interface ByteReader {
  /** Where the next byte stands, from the beginning of the file or buffer. */
  position(): number;
  remaining(): number;
  byte(): number;
  /** The next `count` bytes, as a copy. Throws a BadFile when there are fewer. */
  bytes(count: number): Uint8Array;
  /** The bytes up to the next line feed, which is passed over; at most `most`. */
  line(most: number): Uint8Array;
}

const windowBytes = 1 << 16;

export function readerOfBytes(bytes: Uint8Array): ByteReader {
  return reader(bytes.length, (target, at) => target.set(bytes.subarray(at, at + target.length)));
}

/** Reads the first `size` bytes of the open file, which has at least as many. */
export function readerOfFile(file: number, size: number): ByteReader {
  return reader(size, (target, at) => readExactly(file, target, at));
}

function reader(size: number, fill: (target: Uint8Array, at: number) => void): ByteReader {
  let position = 0;
  let window = new Uint8Array(0);
  let windowStart = 0;
  const refill = (): void => {
    window = new Uint8Array(Math.min(windowBytes, size - position));
    windowStart = position;
    fill(window, position);
  };
  const need = (count: number): void => {
    if (!(count <= size - position)) {
      throw new BadFile(
        `it is truncated: ${count} bytes are announced at byte ${position}, ${size - position} are there. ` +
          'Fetch or save it again.',
      );
    }
  };
  const byte = (): number => {
    if (position >= windowStart + window.length) {
      need(1);
      refill();
    }
    return window[position++ - windowStart] as number;
  };
  return {
    position: () => position,
    remaining: () => size - position,
    byte,
    bytes: (count) => {
      need(count);
      const from = position - windowStart;
      position += count;
      if (from >= 0 && from + count <= window.length) return window.slice(from, from + count);
      const result = new Uint8Array(count);
      fill(result, position - count);
      return result;
    },
    line: (most) => {
      const collected: number[] = [];
      for (let value = byte(); value !== 0x0a; value = byte()) {
        if (collected.length === most) throw new BadFile(`a line of its pickle is over ${most} bytes long.`);
        collected.push(value);
      }
      return Uint8Array.from(collected);
    },
  };
}
