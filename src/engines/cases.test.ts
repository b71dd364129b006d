// Every case of the shared table on every engine: the reference against itself in double precision, oneDNN (where
// it is installed) against the reference. A failure names the tensor that is off.
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { allOps } from '../graph/ops/index.ts';
import { compareResults, coveredOps, type OpCase, opCases, type Results, runCase } from './cases.ts';
import type { ComputeType } from './engine.ts';
import { tryCreateOneDnnEngine } from './onednn/index.ts';
import { createReferenceEngine } from './reference/index.ts';

const reference = createReferenceEngine();
const BF16_TOLERANCE = 3e-2;
const title = ({ op, name }: OpCase) => `${op}: ${name}`;
const titled = opCases.map((opCase) => [title(opCase), opCase] as const);

const oracles = new Map<string, Results>();
function oracle(opCase: OpCase, dtype: ComputeType): Results {
  const key = `${dtype} ${title(opCase)}`;
  const results = oracles.get(key) ?? runCase(reference, opCase, { dtype });
  oracles.set(key, results);
  return results;
}

describe('the case table', () => {
  it('has a case for every op', () => {
    const covered = coveredOps();
    expect(allOps.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
  });

  it('gives each case a title of its own', () => {
    expect(new Set(opCases.map(title)).size).toBe(opCases.length);
  });

  it('gives each op a name of its own', () => {
    expect(new Set(allOps.map(({ name }) => name)).size).toBe(allOps.length);
  });
});

describe('compareResults', () => {
  const tensor = (...numbers: number[]) => ({ y: Float32Array.from(numbers) });

  it('measures the largest difference against the largest number', () => {
    expect(compareResults(tensor(1, 2.5, -4), tensor(1, 2, -4), 1)).toBeCloseTo(0.125, 7);
  });

  it('names the tensor that is off, missing, or of another length', () => {
    expect(() => compareResults(tensor(1), tensor(2), 0.1)).toThrow('y is off by 5.00e-1');
    expect(() => compareResults({}, tensor(2), 0.1)).toThrow('y is missing');
    expect(() => compareResults(tensor(1, 2), tensor(1), 0.1)).toThrow('y has 2 numbers, expected 1');
  });

  it('takes NaN on one side as infinitely wrong', () => {
    expect(() => compareResults(tensor(Number.NaN), tensor(1), 1e9)).toThrow('Infinity');
    expect(compareResults(tensor(Number.NaN), tensor(Number.NaN), 0)).toBe(0);
  });
});

describe('reference, f32 against f64', () => {
  it.each(titled)('%s', (_, opCase) => {
    const error = compareResults(oracle(opCase, 'f32'), oracle(opCase, 'f64'), 1e-5);
    expect(error).toBeLessThanOrEqual(1e-5);
  });
});

describe('reference, bf16 against f64', () => {
  it.each(titled)('%s', (_, opCase) => {
    const tolerance = opCase.bf16 ?? BF16_TOLERANCE;
    const error = compareResults(oracle(opCase, 'bf16'), oracle(opCase, 'f64'), tolerance);
    expect(error).toBeLessThanOrEqual(tolerance);
  });
});

const { engine: onednn, reason } = tryCreateOneDnnEngine({ threads: availableParallelism() });

if (onednn === undefined) {
  it.skip(`oneDNN cases, because there is no oneDNN here: ${reason}`, () => {});
} else {
  describe('oneDNN, f32 against the reference', () => {
    it.each(titled)('%s', (_, opCase) => {
      const error = compareResults(runCase(onednn, opCase, { dtype: 'f32' }), oracle(opCase, 'f64'), 1e-4);
      expect(error).toBeLessThanOrEqual(1e-4);
    });
  });

  if (onednn.describe().dtypes.includes('bf16')) {
    describe('oneDNN, bf16 against the reference in bf16', () => {
      it.each(titled)('%s', (_, opCase) => {
        const tolerance = opCase.bf16 ?? BF16_TOLERANCE;
        const actual = runCase(onednn, opCase, { dtype: 'bf16' });
        expect(compareResults(actual, oracle(opCase, 'bf16'), tolerance)).toBeLessThanOrEqual(tolerance);
      });
    });
  } else {
    it.skip(`oneDNN in bf16, because this CPU (${onednn.describe().isa}) has no bf16`, () => {});
  }
}
