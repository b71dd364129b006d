// Arrays that grow without being copied: numbers and names are collected in pieces, and laid together in shared memory
// once their number is known.
import type { NameList } from '../picture-index.ts';

export type NumberArray = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;
type NumberArrayType<A extends NumberArray> = {
  new (length: number): A;
  new (buffer: ArrayBufferLike): A;
  readonly BYTES_PER_ELEMENT: number;
};

export interface Growing<A extends NumberArray> {
  readonly length: number;
  push(value: number): void;
  /** All values, over shared memory. Nothing may be pushed after it. */
  finish(): A;
}

const pieceLength = 1 << 16;

/** A list of numbers of one type, e.g. `growing(Uint32Array)`. */
export function growing<A extends NumberArray>(type: NumberArrayType<A>): Growing<A> {
  const pieces: A[] = [];
  let last: A = new type(0);
  let used = 0;
  return {
    get length() {
      return pieces.length === 0 ? 0 : (pieces.length - 1) * pieceLength + used;
    },
    push(value) {
      if (used === last.length) {
        last = new type(pieceLength);
        pieces.push(last);
        used = 0;
      }
      last[used++] = value;
    },
    finish() {
      const whole = shared(type, this.length);
      for (let at = 0; at < whole.length; at += pieceLength) {
        // Each piece is let go once it is copied.
        const piece = pieces.shift() as A;
        whole.set(piece.subarray(0, whole.length - at), at);
      }
      return whole;
    },
  };
}

/** An array of zeros that threads can share. */
export function shared<A extends NumberArray>(type: NumberArrayType<A>, length: number): A {
  return new type(new SharedArrayBuffer(length * type.BYTES_PER_ELEMENT));
}

export interface GrowingNames {
  push(name: string): void;
  finish(): NameList;
}

/** A list of names, as UTF-8 end to end. */
export function growingNames(): GrowingNames {
  const ends = growing(Uint32Array);
  const pieces: Uint8Array[] = [];
  const size = 1 << 20;
  let last = Buffer.alloc(0) as Buffer;
  let used = 0;
  let total = 0;
  const close = (): void => {
    if (used > 0) pieces.push(last.subarray(0, used));
  };
  return {
    push(name) {
      const bytes = Buffer.byteLength(name);
      if (used + bytes > last.length) {
        close();
        last = Buffer.alloc(Math.max(size, bytes));
        used = 0;
      }
      used += last.write(name, used);
      total += bytes;
      ends.push(total);
    },
    finish() {
      close();
      const names = shared(Uint8Array, total);
      for (let at = 0; pieces.length > 0; ) {
        const piece = pieces.shift() as Uint8Array;
        names.set(piece, at);
        at += piece.length;
      }
      return { names, ends: ends.finish() };
    },
  };
}
