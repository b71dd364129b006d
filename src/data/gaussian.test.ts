import { describe, expect, it } from 'vitest';
import { gamma, gaussian, symmetricBeta } from './gaussian.ts';
import { randomStream } from './random.ts';

describe('draws', () => {
  const moments = (draw: () => number): [mean: number, variance: number] => {
    const values = Array.from({ length: 40_000 }, draw);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    return [mean, values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length];
  };

  it('are normal', () => {
    const random = randomStream(1);
    const [mean, variance] = moments(() => gaussian(random));
    expect(mean).toBeCloseTo(0, 1);
    expect(variance).toBeCloseTo(1, 1);
  });

  it.each([0.2, 1, 4.5])('have the moments of Gamma(%d)', (alpha) => {
    const random = randomStream(2);
    const [mean, variance] = moments(() => gamma(alpha, random));
    expect(mean / alpha).toBeCloseTo(1, 1);
    expect(variance / alpha).toBeCloseTo(1, 1);
  });

  it.each([0.2, 1, 8])('have the moments of Beta(%d, %d)', (alpha) => {
    const random = randomStream(3);
    const [mean, variance] = moments(() => symmetricBeta(alpha, random));
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / (4 * (2 * alpha + 1)), 2);
  });

  it('stays in 0..1 for an alpha that underflows', () => {
    const random = randomStream(4);
    for (let i = 0; i < 200; i++)
      expect([0, 1]).toContain(Math.round(symmetricBeta(1e-4, random) * 1e6) / 1e6);
  });
});
