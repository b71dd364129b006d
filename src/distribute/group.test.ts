// The functions of a group, by ranks of every MPI that is installed here.
import { describe, expect, it } from 'vitest';
import { launchers, runRanks } from './testing.ts';

describe.skipIf(launchers.length === 0)('ranks (skipped where there is no MPI)', () => {
  for (const launcher of launchers) {
    it.each([2, 4])(`%i of them, ${launcher.name}`, { timeout: 60_000 }, async (size) => {
      const { code, stdout, stderr } = await runRanks(launcher, size, 'test/ranks/collectives.ts');
      expect([code, stderr]).toEqual([0, '']);
      const results = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const ranks = Array.from({ length: size }, (_, rank) => rank);
      expect(results.map(({ rank }) => rank).sort()).toEqual(ranks);
      const offset = (size * (size - 1)) / 2;
      for (const result of results) {
        const { rank } = result;
        expect(result).toMatchObject({
          ...{ size, localRank: rank, localSize: size },
          version: expect.stringMatching(new RegExp(`^${launcher.name} \\d+\\.\\d+`)),
          texts: ranks.map((each) => `rank ${each}${'!'.repeat(each)}`),
          sum: [offset, 999 * size + offset],
          shared: Array(5).fill(size),
          gathered: ranks.map((each) => 10 * each),
          exchanged: ranks.flatMap((each) => [100 * each + 2 * rank, 100 * each + 2 * rank + 1]),
          next: Array(3).fill((rank + size - 1) % size),
        });
      }
    });

    it(`a rank that dies ends all, ${launcher.name}`, { timeout: 60_000 }, async () => {
      const { code } = await runRanks(launcher, 2, 'test/ranks/absent.ts', { arguments: ['die'] });
      expect(code).not.toBe(0);
    });

    it(`a rank that hangs is named, ${launcher.name}`, { timeout: 60_000 }, async () => {
      const { code, stderr } = await runRanks(launcher, 3, 'test/ranks/absent.ts', { arguments: ['hang'] });
      expect(code).toBe(3);
      expect(stderr).toMatch(/Rank 1 does not answer: a sum waited 1 s/);
      expect(stderr).not.toMatch(/Ranks? [02]/);
    });
  }
});
