import { describe, expect, it } from 'vitest';
import { roundToBf16 } from '../engines/reference/bf16.ts';
import { packBf16, unpackBf16 } from './wire-format.ts';

describe('bf16 on the wire', () => {
  it('is what the reference engine rounds to', () => {
    const numbers = Float32Array.from({ length: 2000 }, (_, i) => Math.sin(i) * 2 ** ((i % 60) - 30));
    numbers.set([
      0,
      -0,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
      3.4e38,
    ]);
    const packed = new Uint16Array(numbers.length);
    packBf16(numbers, packed);
    const back = new Float32Array(numbers.length);
    unpackBf16(packed, back);
    const expected = numbers.slice();
    roundToBf16(expected);
    expect(back).toEqual(expected);
  });

  it('keeps what is not a number', () => {
    const packed = new Uint16Array(1);
    const tiny = new Float32Array(Uint32Array.of(0x7f800001).buffer);
    packBf16(tiny, packed);
    const back = new Float32Array(1);
    unpackBf16(packed, back);
    expect(back[0]).toBeNaN();
  });
});
