import { describe, expect, it } from 'vitest';
import { createHistogram } from './histogram.ts';

describe('the best range', () => {
  it('is the largest number where all are alike', () => {
    const histogram = createHistogram();
    histogram.add(Float32Array.from({ length: 4096 }, (_, i) => i / 1024));
    expect(histogram.bestRange(255)).toBeCloseTo(4, 1);
  });

  it('leaves a single large number out where the others gain by it', () => {
    const histogram = createHistogram();
    for (let round = 0; round < 50; round++)
      histogram.add(Float32Array.from({ length: 4096 }, (_, i) => i / 4096));
    histogram.add([3]);
    expect(histogram.largest()).toBe(3);
    expect(histogram.bestRange(15)).toBeLessThan(1.5);
    expect(histogram.bestRange(15)).toBeGreaterThan(0.8);
  });

  it('does not hang on the order in which numbers come', () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => (i * 37) % 1000);
    const [up, down] = [createHistogram(), createHistogram()];
    for (const value of values.toSorted()) up.add([value]);
    down.add(values);
    expect(up.bestRange(255) / down.bestRange(255)).toBeCloseTo(1, 1);
  });

  it('is 0 where there is nothing', () => {
    const histogram = createHistogram();
    histogram.add([0, 0]);
    expect(histogram.bestRange(255)).toBe(0);
    expect(() => histogram.add([Number.NaN])).toThrow('not finite');
  });
});
