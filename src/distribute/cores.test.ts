import { describe, expect, it } from 'vitest';
import { parseCoreList, shareOfCores } from './cores.ts';

const on = (host: string, ...cores: number[]) => ({ host, cores });

describe('cores of a rank', () => {
  it('are read from the list of the system', () => {
    expect(parseCoreList('0-3,8,10-11')).toEqual([0, 1, 2, 3, 8, 10, 11]);
  });

  it('are shared with the ranks of the same machine that may use them too', () => {
    const four = [0, 1, 2, 3];
    const ranks = [on('a', ...four), on('a', ...four), on('b', ...four)];
    expect(ranks.map((_, rank) => shareOfCores(ranks, rank, 4))).toEqual([
      { cores: 2 },
      { cores: 2 },
      { cores: 4 },
    ]);
    const thirds = [on('a', ...four, 4, 5), on('a', ...four, 4, 5), on('a', ...four, 4, 5)];
    expect(shareOfCores(thirds, 2, 6)).toEqual({ cores: 2 });
    expect(shareOfCores([on('a', 0), on('a', 0), on('a', 0)], 1, 1)).toEqual({ cores: 1 });
  });

  it('tells of a launcher that binds a rank to too few', () => {
    expect(shareOfCores([on('a', 0)], 0, 32).note).toMatch(/use 1 of 32 cores, although 1 rank runs/);
    expect(shareOfCores([on('a', 0, 1), on('a', 2, 3)], 1, 4)).toEqual({ cores: 2 });
  });
});
