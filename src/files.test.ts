import { describe, expect, it } from 'vitest';
import { sizeInWords } from './files.ts';

describe('sizeInWords', () => {
  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [36_500, '37 kB'],
    [855_808, '856 kB'],
    [4_400_000_000, '4.4 GB'],
    [335e9, '335 GB'],
    [2e15, '2000 TB'],
  ])('%d is %s', (bytes, words) => {
    expect(sizeInWords(bytes)).toBe(words);
  });
});
