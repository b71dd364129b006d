import { describe, expect, it } from 'vitest';
import { hash32, permutation, randomStream } from './random.ts';

describe('hash32', () => {
  it('depends on every key, on their order and on their number', () => {
    const values = [hash32(), hash32(0), hash32(0, 0), hash32(1, 2), hash32(2, 1), hash32(1, 2, 0)];
    expect(new Set(values).size).toBe(values.length);
    expect(hash32(5)).not.toBe(hash32(5 + 2 ** 32));
    expect(hash32(-1)).not.toBe(hash32(2 ** 32 - 1));
    for (const value of values) expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
  });

  it('is the same on every machine', () => {
    expect([hash32(1), hash32(1, 2, 3), hash32(7, 0, 50_000)]).toEqual([671209973, 655448492, 938714601]);
  });

  it('flips each output bit with probability 1/2 when an input bit flips', () => {
    for (const position of [0, 1, 2]) {
      for (let bit = 0; bit < 31; bit += 3) {
        const flips = new Float64Array(32);
        const trials = 2000;
        for (let trial = 0; trial < trials; trial++) {
          const keys = [trial, 3 * trial + 1, 40 + trial];
          const changed = keys.with(position, (keys[position] as number) ^ (1 << bit));
          const difference = hash32(...keys) ^ hash32(...changed);
          for (let out = 0; out < 32; out++) flips[out] = (flips[out] as number) + ((difference >>> out) & 1);
        }
        // 5 standard deviations of a fair coin.
        for (const flip of flips)
          expect(Math.abs(flip / trials - 0.5)).toBeLessThan(5 * Math.sqrt(0.25 / trials));
      }
    }
  });
});

describe('randomStream', () => {
  it('gives floats in [0, 1) with the mean and variance of the uniform distribution', () => {
    const random = randomStream(1, 2, 3);
    const values = Array.from({ length: 50_000 }, random);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
  });

  it('fills the unit square evenly with successive pairs and with neighbouring streams', () => {
    for (const pair of [
      (index: number) => [randomStream(9, index)(), randomStream(9, index + 1)()],
      ((random) => () => [random(), random()])(randomStream(4)),
    ]) {
      const cells = new Float64Array(100);
      const trials = 20_000;
      for (let trial = 0; trial < trials; trial++) {
        const [a, b] = pair(trial) as [number, number];
        const cell = 10 * Math.floor(10 * a) + Math.floor(10 * b);
        cells[cell] = (cells[cell] as number) + 1;
      }
      const expected = trials / 100;
      const chiSquare = cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // 99 degrees of freedom: mean 99, standard deviation 14.
      expect(chiSquare).toBeGreaterThan(45);
      expect(chiSquare).toBeLessThan(170);
    }
  });

  it('repeats itself for the same keys and differs for others', () => {
    const take = (...keys: [number, ...number[]]) => Array.from({ length: 5 }, randomStream(...keys));
    expect(take(1, 2)).toEqual(take(1, 2));
    expect(take(1, 2)).not.toEqual(take(1, 3));
    expect(take(1, 2)).not.toEqual(take(2, 2));
  });
});

describe('permutation', () => {
  it('visits everything once, in an order fixed by seed and epoch', () => {
    const order = permutation(1000, 3, 5);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect(permutation(1000, 3, 5)).toEqual(order);
    expect(permutation(1000, 3, 6)).not.toEqual(order);
    expect(permutation(1000, 4, 5)).not.toEqual(order);
    expect(permutation(0, 1, 1)).toHaveLength(0);
  });

  it('takes each of the 24 orders of four equally often', () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 24_000; epoch++) {
      const order = permutation(4, 11, epoch).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(160);
  });
});
