import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  compareRatios,
  type Ratios,
  ratiosOf,
  readRatios,
  type StoredRatios,
  saveRatios,
} from './compare.ts';
import { table } from './part.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-compare-'));
afterAll(() => rmSync(folder, { recursive: true }));

const training = [
  'Words with 3.00x in them.',
  '',
  table(
    ['who', 'dtype', 'ms/step', 'against the best rival', 'peak memory MiB'],
    [
      ['Laurel (oneDNN 2.6.3, AVX2, 2 threads)', 'f32', '2815', '1.41x', '953'],
      ['Laurel (oneDNN 2.6.3, AVX2, 2 threads)', 'bf16', '815', '2.50x', '700'],
      ['PyTorch (PyTorch 1.13, 2 threads)', 'f32', '4334', '', '1214'],
    ],
  ),
].join('\n');

describe('ratiosOf', () => {
  it('finds the ratios of a table, named without versions and figures', () => {
    expect(ratiosOf(training)).toEqual({
      'Laurel, f32: against the best rival': { value: 1.41, better: 'higher' },
      'Laurel, bf16: against the best rival': { value: 2.5, better: 'higher' },
    });
  });

  it('knows that less time and less memory are better', () => {
    const text = table(['what', 'ms', 'time against inference'], [['`fc`', '95', '2.31x']]);
    expect(ratiosOf(text)).toEqual({ 'fc: time against inference': { value: 2.31, better: 'lower' } });
    const memory = table(['pictures', 'MiB', 'against the fewest'], [['4000', '499', '1.03x']]);
    expect(ratiosOf(memory)).toEqual({ '4000: against the fewest': { value: 1.03, better: 'lower' } });
  });
});

describe('compareRatios', () => {
  const stored: StoredRatios = {
    a: {
      machine: 'here',
      ratios: { fast: { value: 2, better: 'higher' }, short: { value: 0.5, better: 'lower' } },
    },
    b: { machine: 'here', ratios: { other: { value: 1, better: 'higher' } } },
  };
  const measure = (fast: number, short: number): Ratios => ({
    a: { fast: { value: fast, better: 'higher' }, short: { value: short, better: 'lower' } },
  });

  it('passes what is better or within the tolerance, and parts that were not measured', () => {
    for (const [fast, short] of [
      [2, 0.5],
      [4, 0.1],
      [1.72, 0.58],
    ] as const) {
      expect(compareRatios(measure(fast, short), stored, 'here').failures).toEqual([]);
    }
  });

  it('fails what is worse by more, each in its own direction', () => {
    const { failures, text } = compareRatios(measure(1.6, 0.6), stored, 'here');
    expect(failures).toEqual([
      "a: 'fast' is 1.6x, which is 20.0 % worse than the stored 2x.",
      "a: 'short' is 0.6x, which is 16.7 % worse than the stored 0.5x.",
    ]);
    expect(text).toContain('| a | fast | 2x | 1.6x | -20.0 % | WORSE |');
  });

  it('says which parts were stored on another machine', () => {
    expect(compareRatios(measure(2, 0.5), stored, 'here').text).not.toContain('another machine');
    expect(compareRatios(measure(2, 0.5), stored, 'there').text).toMatch(
      /\n\na: stored on another machine, here; this one is there\.$/,
    );
  });

  it('fails what has gone, and shows what is new', () => {
    const { failures, text } = compareRatios(
      { a: { fresh: { value: 1, better: 'higher' } } },
      stored,
      'here',
    );
    expect(failures).toEqual([
      "a: 'fast' is missing; it is stored as 2x.",
      "a: 'short' is missing; it is stored as 0.5x.",
    ]);
    expect(text).toContain('| a | fresh |  | 1x |  | not stored |');
  });
});

describe('stored ratios', () => {
  it('keeps other parts, and where they were measured, when some are saved', () => {
    const path = join(folder, 'bench.json');
    const one: Ratios[string] = { x: { value: 1, better: 'higher' } };
    const two: Ratios[string] = { y: { value: 2, better: 'lower' } };
    saveRatios(path, { a: one }, {}, 'here');
    saveRatios(path, { b: two }, readRatios(path), 'there');
    expect(readRatios(path)).toEqual({
      a: { machine: 'here', ratios: one },
      b: { machine: 'there', ratios: two },
    });
  });

  it('says what is wrong with a file', () => {
    expect(() => readRatios(join(folder, 'none.json'))).toThrow(
      /Cannot read stored ratios from .*none\.json/,
    );
    const path = join(folder, 'empty.json');
    writeFileSync(path, '{}');
    expect(() => readRatios(path)).toThrow(/holds no ratios; .*--save/);
  });
});
