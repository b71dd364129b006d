import { describe, expect, it } from 'vitest';
import { fitLine } from './fit.ts';

describe('fitLine', () => {
  it('finds the line that points lie on', () => {
    const { offset, slope, worst } = fitLine([32, 64, 128].map((x) => [x, 20 + 3 * x]));
    expect(offset).toBeCloseTo(20, 6);
    expect(slope).toBeCloseTo(3, 8);
    expect(worst).toBeLessThan(1e-9);
  });

  it('says how far the worst point is from it, as a share', () => {
    const { worst } = fitLine([
      [1, 10],
      [2, 20],
      [3, 30],
      [4, 48],
    ]);
    expect(worst).toBeGreaterThan(0.08);
    expect(worst).toBeLessThan(0.2);
  });

  it('wants two different places', () => {
    expect(() => fitLine([[1, 2]])).toThrow(/two points of different x, got 1/);
  });
});
