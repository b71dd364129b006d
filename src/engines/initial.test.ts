import { describe, expect, it } from 'vitest';
import { normal as normalAt, streamOf } from '../graph/random.ts';
import { initialValues } from './initial.ts';

const normal = { kind: 'normal', deviation: 0.5 } as const;
const uniform = { kind: 'uniform', bound: 0.1 } as const;
const mean = (xs: Float32Array) => xs.reduce((a, b) => a + b, 0) / xs.length;

describe('initialValues', () => {
  it('fills with a constant', () => {
    expect(Array.from(initialValues('bn.weight', [3], { kind: 'constant', value: 2 }, 7))).toEqual([2, 2, 2]);
  });

  it('draws the asked-for deviation and bound', () => {
    const z = initialValues('a', [100, 100], normal, 1);
    expect(Math.abs(mean(z))).toBeLessThan(0.02);
    expect(Math.sqrt(mean(z.map((x) => x * x)))).toBeCloseTo(0.5, 1);
    const u = initialValues('a', [100, 100], uniform, 1);
    expect(Math.max(...u)).toBeLessThanOrEqual(Math.fround(0.1));
    expect(Math.min(...u)).toBeLessThan(-0.099);
    expect(Math.abs(mean(u))).toBeLessThan(0.005);
  });

  it('depends on seed and name, and on nothing else', () => {
    const first = initialValues('layer1.weight', [2, 3], normal, 5);
    expect(initialValues('layer1.weight', [3, 2], normal, 5)).toEqual(first);
    expect(initialValues('layer1.weight', [2, 3], normal, 6)).not.toEqual(first);
    expect(initialValues('layer2.weight', [2, 3], normal, 5)).not.toEqual(first);
  });

  it('is number for number a function of the place, however large the state', () => {
    const values = initialValues('a', [3, 50_000], { kind: 'normal', deviation: 0.5 }, 9);
    for (const place of [0, 65_535, 65_536, 140_001, 149_999]) {
      expect(values[place]).toBe(Math.fround(0.5 * normalAt(9, streamOf('a'), place)));
    }
  });
});
