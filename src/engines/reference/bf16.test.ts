import { expect, it } from 'vitest';
import { roundToBf16 } from './bf16.ts';

function rounded(...numbers: number[]): number[] {
  const values = Float32Array.from(numbers);
  roundToBf16(values);
  return Array.from(values);
}

it('keeps what bfloat16 holds', () => {
  const exact = [0, -0, 1, -1.5, 255, 2 ** 100, 2 ** -130, Infinity, -Infinity];
  expect(rounded(...exact)).toEqual(exact);
});

it('rounds to the nearest, ties to even', () => {
  expect(rounded(256 + 0.9, 256 + 1, 256 + 1.1)).toEqual([256, 256, 258]);
  expect(rounded(258 + 1, -258 - 1)).toEqual([260, -260]);
});

it('overflows to infinity and keeps NaN', () => {
  expect(rounded(3.4e38, Number.NaN)).toEqual([Infinity, Number.NaN]);
  const lowNaN = new Float32Array(new Uint32Array([0x7f800001, 0xffffffff]).buffer);
  roundToBf16(lowNaN);
  expect(Array.from(lowNaN)).toEqual([Number.NaN, Number.NaN]);
});
