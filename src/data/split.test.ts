import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { holdOut } from './split.ts';

const labels = Int32Array.from({ length: 1000 }, (_, index) => (index < 100 ? 9 : index % 9));

describe('holdOut', () => {
  it('divides completely and without overlap', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(6), { minLength: 1, maxLength: 60 }),
        fc.nat(),
        fc.nat(99),
        (list, seed, percent) => {
          const { train, validation } = holdOut(list, percent / 100, seed);
          expect([...train, ...validation].sort((a, b) => a - b)).toEqual(list.map((_, index) => index));
          expect(validation).toHaveLength(
            Math.min(list.length - 1, Math.round((percent / 100) * list.length)),
          );
          expect([...validation]).toEqual([...validation].sort((a, b) => a - b));
        },
      ),
    );
  });

  it('takes the same share of every class', () => {
    const { validation } = holdOut(labels, 0.1, 1);
    const counts = new Map<number, number>();
    for (const index of validation)
      counts.set(labels[index] as number, (counts.get(labels[index] as number) ?? 0) + 1);
    expect(counts.size).toBe(10);
    for (const count of counts.values()) expect(count).toBe(10);
  });

  it('takes a number of pictures as well as a fraction, reproducibly, otherwise for another seed', () => {
    expect(holdOut(labels, 100, 1)).toEqual(holdOut(labels, 0.1, 1));
    expect(holdOut(labels, 0.1, 2)).not.toEqual(holdOut(labels, 0.1, 1));
    expect(holdOut(labels, 37, 2).validation).toHaveLength(37);
  });

  it.each([1000, -1, 2.5, Number.NaN])('refuses to hold out %s of 1000', (amount) => {
    expect(() => holdOut(labels, amount, 1)).toThrow(UserError);
  });
});
