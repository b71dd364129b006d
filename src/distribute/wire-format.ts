// bfloat16 as it goes over the wire: the upper half of a float32, rounded to nearest, ties to even.

/** Rounds `numbers` into the first places of `packed`. */
export function packBf16(numbers: Float32Array, packed: Uint16Array): void {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i] as number;
    // Not a number stays so, whatever its lower half holds.
    packed[i] = (b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  }
}

/** The numbers of the first places of `packed`. */
export function unpackBf16(packed: Uint16Array, numbers: Float32Array): void {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  for (let i = 0; i < bits.length; i++) bits[i] = (packed[i] as number) << 16;
}
