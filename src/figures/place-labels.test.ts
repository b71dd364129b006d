import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Box, type Labelled, overlap, placeLabels } from './place-labels.ts';

const frame = { left: 0, top: 0, right: 1000, bottom: 600 };
const point = fc.record({
  x: fc.integer({ min: 40, max: 960 }),
  y: fc.integer({ min: 40, max: 560 }),
  radius: fc.integer({ min: 2, max: 25 }),
  width: fc.integer({ min: 20, max: 110 }),
  height: fc.constant(12),
});

function pairsOf<T>(list: readonly T[]): [T, T][] {
  return list.flatMap((a, i) => list.slice(i + 1).map((b): [T, T] => [a, b]));
}

describe('placeLabels', () => {
  it('keeps labels apart and inside the frame, wherever 20 points lie', () => {
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 20 }), (points) => {
        const boxes = placeLabels(points, frame);
        for (const [a, b] of pairsOf(boxes)) expect(overlap(a, b)).toBe(0);
        for (const box of boxes) {
          expect(box.left).toBeGreaterThanOrEqual(0);
          expect(box.top).toBeGreaterThanOrEqual(0);
          expect(box.right).toBeLessThanOrEqual(1000);
          expect(box.bottom).toBeLessThanOrEqual(600);
        }
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it('puts a lonely label right of its point', () => {
    const lonely: Labelled = { x: 500, y: 300, radius: 10, width: 60, height: 12 };
    expect(placeLabels([lonely], frame)).toEqual([{ left: 515, top: 294, right: 575, bottom: 306 }]);
  });

  it('keeps off other words and marks', () => {
    const lonely: Labelled = { x: 500, y: 300, radius: 10, width: 60, height: 12 };
    const words = { left: 510, top: 280, right: 700, bottom: 310 };
    const mark = { x: 450, y: 300, radius: 20 };
    const [box] = placeLabels([lonely], frame, { boxes: [words], marks: [mark] });
    const square = { left: 430, top: 280, right: 470, bottom: 320 };
    expect([words, square].map((other) => overlap(box as Box, other))).toEqual([0, 0]);
  });

  it('keeps each label near its own point where there is room', () => {
    const row: Labelled[] = Array.from({ length: 6 }, (_, i) => ({
      ...{ x: 100 + 150 * i, y: 300, radius: 8, width: 70, height: 12 },
    }));
    placeLabels(row, frame).forEach((box, i) => {
      expect(Math.abs(box.left - (row[i] as Labelled).x)).toBeLessThan(100);
    });
  });
});
