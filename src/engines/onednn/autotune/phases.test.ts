import { describe, expect, it } from 'vitest';
import { phasesOf } from './phases.ts';

describe('phases of an axis', () => {
  it('of a window that moves by one are the axis itself', () => {
    expect(phasesOf(7, 3, 1, 1, 1)).toEqual([
      {
        first: 0,
        count: 7,
        taps: [
          { index: 0, shift: -1 },
          { index: 1, shift: 0 },
          { index: 2, shift: 1 },
        ],
      },
    ]);
  });

  it.each([
    [8, 3, 2, 1, 1],
    [9, 3, 2, 1, 1],
    [224, 7, 2, 3, 1],
    [35, 11, 4, 2, 1],
    [9, 3, 2, 2, 2],
    [7, 1, 2, 0, 1],
    [8, 2, 3, 0, 1],
  ])(
    'hold each row once and meet it as the window does: %i rows, filter %i, stride %i, padding %i, dilation %i',
    (size, kernel, stride, padding, dilation) => {
      const phases = phasesOf(size, kernel, stride, padding, dilation);
      const rows = phases.flatMap(({ first, count }) =>
        Array.from({ length: count }, (_, i) => first + i * stride),
      );
      expect(rows.sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
      // Output o meets, with filter element t, row o stride + t dilation - padding.
      for (const { first, taps } of phases) {
        for (const { index, shift } of taps) {
          for (const o of [0, 1, 2]) {
            expect(first + (o + shift) * stride).toBe(o * stride + index * dilation - padding);
          }
        }
      }
      expect(phases.flatMap(({ taps }) => taps.map(({ index }) => index)).sort((a, b) => a - b)).toEqual(
        Array.from({ length: kernel }, (_, t) => t),
      );
    },
  );
});
