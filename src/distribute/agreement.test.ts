import { describe, expect, it } from 'vitest';
import { type Agreement, type Assembly, agree } from './agreement.ts';

/** Ranks that have all spoken. */
const saying = (...all: Agreement[]): Assembly => ({ gather: <T>() => all as T[] });

describe('agree', () => {
  it('says nothing where all say the same', () => {
    agree(saying({ code: '1' }, { code: '1' }), { code: '1' });
  });

  it('names the rank and what differs', () => {
    const group = saying(
      { code: '1', data: 'a' },
      { code: '1', data: 'a' },
      { code: '2', seed: '7', data: 'a' },
    );
    expect(() => agree(group, { code: '1', data: 'a' }, 'train')).toThrow(
      /do not train the same: rank 2 has code 2, rank 0 1; rank 2 has seed 7, rank 0 unset\. Start all/,
    );
  });
});
