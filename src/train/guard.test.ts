import { describe, expect, it } from 'vitest';
import { createLossGuard } from './guard.ts';

describe('createLossGuard', () => {
  it('reports what is not finite at once', () => {
    expect(createLossGuard(10).check(Number.NaN)).toMatch(/not a number/);
    expect(createLossGuard(10).check(Number.POSITIVE_INFINITY)).toMatch(/infinite/);
  });

  it('bears a high loss for a while, and starts counting again after a good one', () => {
    const guard = createLossGuard(10);
    for (let round = 0; round < 3; round++) {
      for (let step = 0; step < 19; step++) expect(guard.check(24)).toBeUndefined();
      expect(guard.suspicious).toBe(true);
      expect(guard.check(22)).toBeUndefined();
      expect(guard.suspicious).toBe(false);
    }
  });

  it('reports a loss that stays ten times above guessing', () => {
    const guard = createLossGuard(10);
    const results = Array.from({ length: 20 }, () => guard.check(24));
    expect(results.slice(0, 19).every((result) => result === undefined)).toBe(true);
    expect(results[19]).toMatch(/above 23\.0 for 20 steps \(guessing gives 2\.3\)/);
  });
});
