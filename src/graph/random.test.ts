import { describe, expect, it } from 'vitest';
import { hash, normal, normals, streamOf, uniform, uniforms } from './random.ts';

const mean = (xs: Float64Array) => xs.reduce((a, b) => a + b, 0) / xs.length;

describe('hash', () => {
  it('stays the same: masks and initial weights of earlier runs depend on it', () => {
    expect([
      hash(0, 0, 0),
      hash(1, 0, 0),
      hash(0, 1, 0),
      hash(0, 0, 1),
      hash(-1, 7, 1e6),
    ]).toMatchInlineSnapshot(`
      [
        2248401034,
        37243020,
        2837015362,
        1269752288,
        3322939054,
      ]
    `);
  });

  it('flips about half of the bits when one bit of seed, stream or index flips', () => {
    const bits = (word: number) => (word >>> 0).toString(2).replaceAll('0', '').length;
    for (const flip of ['seed', 'stream', 'index']) {
      let changed = 0;
      for (let bit = 0; bit < 32; bit++) {
        for (let i = 0; i < 64; i++) {
          const d = (name: string) => (name === flip ? (1 << bit) >>> 0 : 0);
          changed += bits(hash(5, 6, i) ^ hash(5 ^ d('seed'), 6 ^ d('stream'), i ^ d('index')));
        }
      }
      expect(changed / (32 * 64)).toBeGreaterThan(15);
      expect(changed / (32 * 64)).toBeLessThan(17);
    }
  });

  it('counts the bits of a seed above 32', () => {
    expect(hash(2 ** 40 + 3, 0, 0)).not.toBe(hash(3, 0, 0));
  });

  it('gives two seeds sequences that are no permutation of each other', () => {
    const values = (seed: number) => new Set(Array.from({ length: 4096 }, (_, i) => hash(seed, 0, i)));
    const first = values(1);
    expect([...values(2)].filter((value) => first.has(value)).length).toBeLessThan(5);
  });
});

describe('uniforms', () => {
  it('fill [0, 1) evenly', () => {
    const u = uniforms(3, 4, 20000);
    const counts = new Float64Array(20);
    for (const x of u) counts[Math.floor(x * 20)] = (counts[Math.floor(x * 20)] as number) + 1;
    // Chi-square with 19 degrees of freedom exceeds 43.8 with probability 0.001.
    expect(counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)).toBeLessThan(43.8);
    expect(u[17]).toBe(uniform(3, 4, 17));
  });

  it('are uncorrelated between streams', () => {
    const a = uniforms(3, 1, 20000);
    const b = uniforms(3, 2, 20000);
    const products = a.map((x, i) => (x - 0.5) * ((b[i] as number) - 0.5) * 12);
    expect(Math.abs(mean(products))).toBeLessThan(4 / Math.sqrt(20000));
  });
});

describe('normals', () => {
  it('have mean 0, variance 1 and kurtosis 3', () => {
    const z = normals(8, 2, 40000);
    expect(Math.abs(mean(z))).toBeLessThan(0.02);
    expect(Math.abs(mean(z.map((x) => x * x)) - 1)).toBeLessThan(0.03);
    expect(Math.abs(mean(z.map((x) => x ** 4)) - 3)).toBeLessThan(0.25);
    expect(z[9]).toBe(normal(8, 2, 9));
    expect(z.every(Number.isFinite)).toBe(true);
  });
});

it('streamOf tells names apart', () => {
  const names = Array.from({ length: 2000 }, (_, i) => `layer${i % 4}.${Math.floor(i / 4)}.conv1.weight`);
  expect(new Set(names.map(streamOf)).size).toBe(2000);
});
