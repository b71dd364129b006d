import { expect, it } from 'vitest';
import { plural } from './plural.ts';

it('counts one and many in words', () => {
  expect([0, 1, 2, 1200].map((count) => plural(count, 'epoch'))).toEqual([
    '0 epochs',
    '1 epoch',
    '2 epochs',
    '1,200 epochs',
  ]);
});
