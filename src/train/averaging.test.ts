import { describe, expect, it } from 'vitest';
import { averageShare } from './averaging.ts';

describe('averageShare', () => {
  it('of a decay: sooner at the beginning, then 1 - decay', () => {
    const plan = { kind: 'ema', decay: 0.9 } as const;
    expect(averageShare(plan, 1, 0)).toBeCloseTo(9 / 11, 12);
    expect(averageShare(plan, 80, 0)).toBeCloseTo(0.1, 12);
    expect(averageShare(plan, 1000, 0)).toBeCloseTo(0.1, 12);
  });

  it('of plain averaging: the mean of all weights since the beginning', () => {
    const weights = [5, 3, 8, 1, 9, 4];
    let average = 0;
    for (const [i, weight] of weights.entries()) {
      average += averageShare({ kind: 'polyak', fromEpoch: 1 }, i + 1, 2) * (weight - average);
      if (i < 3) expect(average).toBe(weight);
    }
    expect(average).toBeCloseTo((8 + 1 + 9 + 4) / 4, 12);
  });
});
