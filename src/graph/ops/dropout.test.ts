import { describe, expect, it } from 'vitest';
import { uniform } from '../random.ts';
import { dropoutOp } from './dropout.ts';
import { counting, numbers, tensor } from './testing.ts';

const ones = (count: number) => tensor([count], new Array(count).fill(1));
const seed = (value: number) => tensor([], [value], 'index');

describe('dropout', () => {
  it('keeps element i where uniform(seed, stream, i) >= rate, and makes up for the loss', () => {
    const y = numbers(dropoutOp, { rate: 0.6, stream: 2 }, [ones(50), seed(9)]);
    expect(y).toEqual(y.map((_, i) => (uniform(9, 2, i) >= 0.6 ? 2.5 : 0)));
  });

  it('drops about the share asked for', () => {
    const y = numbers(dropoutOp, { rate: 0.3, stream: 0 }, [ones(10000), seed(1)]);
    expect(Math.abs(y.filter((value) => value === 0).length / 10000 - 0.3)).toBeLessThan(0.02);
  });

  it('gives the same mask again, another one per seed and per stream', () => {
    const mask = (s: number, stream: number) =>
      numbers(dropoutOp, { rate: 0.5, stream }, [ones(64), seed(s)]).join();
    expect(mask(5, 1)).toBe(mask(5, 1));
    expect(new Set([mask(5, 1), mask(6, 1), mask(5, 2), mask(-5, 1)]).size).toBe(4);
  });

  it('leaves everything at rate 0', () => {
    expect(numbers(dropoutOp, { rate: 0, stream: 0 }, [counting(5), seed(3)])).toEqual([1, 2, 3, 4, 5]);
  });

  it('says what does not fit', () => {
    const infer =
      (rate: number, ...inputs: Parameters<typeof dropoutOp.infer>[0][number][]) =>
      () =>
        dropoutOp.infer(inputs, { rate, stream: 0 });
    expect(infer(1, counting(2), seed(1))).toThrow(
      'dropout got the rate 1, expected a number from 0 to below 1',
    );
    expect(infer(0.5, counting(2), tensor([1], [3], 'index'))).toThrow('a seed of shape 1, expected scalar');
    expect(infer(0.5, counting(2), tensor([], [3]))).toThrow(
      'a seed in full precision, expected whole numbers',
    );
  });
});
