// bfloat16: the upper half of a float32. Rounding is to the nearest, ties to even, as CPUs do it; the numbers
// stay in float32 storage, so that the same definitions compute on them.

/** Rounds each number to the nearest bfloat16, in place. */
export function roundToBf16(values: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i] as number;
    const nan = (word & 0x7fffffff) > 0x7f800000;
    // Half of the last kept place, less one where that place is even; NaN must not round up to infinity.
    bits[i] = nan ? (word | 0x00400000) & 0xffff0000 : (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
  }
}
