import { describe, expect, it } from 'vitest';
import { rankOf, topCandidates } from './ranking.ts';

const values = Float64Array.of(9, 0.1, 0.4, 0.1, 0.4, 0);

describe('rankOf', () => {
  it('counts what is more probable, and equals with a lower index', () => {
    expect([0, 1, 2, 3, 4].map((label) => rankOf(values, 1, 5, label))).toEqual([2, 0, 3, 1, 4]);
  });

  it('puts the label last where numbers are lost', () => {
    expect(rankOf([0.5, Number.NaN, 0.5], 0, 3, 0)).toBe(1);
    expect(rankOf([0.5, Number.NaN, 0.5], 0, 3, 1)).toBe(3);
  });
});

describe('topCandidates', () => {
  it('lists the largest first, equals by index, in keeping with the ranks', () => {
    const top = topCandidates(values, 1, 5, 5);
    expect(top.map((candidate) => candidate.class)).toEqual([1, 3, 0, 2, 4]);
    for (const [rank, candidate] of top.entries()) expect(rankOf(values, 1, 5, candidate.class)).toBe(rank);
    expect(topCandidates(values, 1, 5, 2)).toEqual([
      { class: 1, probability: 0.4 },
      { class: 3, probability: 0.4 },
    ]);
    expect(topCandidates(values, 0, 2, 5)).toHaveLength(2);
  });
});
