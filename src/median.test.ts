import { describe, expect, it } from 'vitest';
import { median } from './median.ts';

describe('median', () => {
  it('is the middle, or between the two in the middle', () => {
    const values = [9, 1, 5];
    expect(median(values)).toBe(5);
    expect(values).toEqual([9, 1, 5]);
    expect(median([1, 100, 3, 4])).toBe(3.5);
    expect(median([])).toBeNaN();
  });
});
