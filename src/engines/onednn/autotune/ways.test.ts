// Every way to compute a convolution, a linear layer or one of their gradients, forced upon every case of the shared
// table to which it applies, against the reference.
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createGraph } from '../../../graph/graph.ts';
import { convolution } from '../../../graph/ops/convolution.ts';
import { gradientCases, grid, weights } from '../../cases/case.ts';
import { compareResults, type OpCase, opCases, type Results, runCase } from '../../cases.ts';
import type { ComputeType, Engine, ProgramReport } from '../../engine.ts';
import { createReferenceEngine } from '../../reference/index.ts';
import { tryCreateOneDnnEngine } from '../index.ts';
import { inFullName } from './full-precision.ts';
import { generatedName } from './generated.ts';
import { pointsName } from './generated-points.ts';
import { ownWinogradNames } from './generated-winograd.ts';
import { primitiveName } from './ways.ts';
import { winogradNames } from './winograd.ts';

const threads = availableParallelism();
const { engine: found, reason } = tryCreateOneDnnEngine({ threads });
const engine = found as Engine;
const reference = createReferenceEngine();

const names = [
  'shifted matrix products',
  'phases',
  'matrix product',
  'matrix product, transposed weights',
  'merged groups of 8 channels',
  'merged groups of 16 channels',
  'merged groups of 32 channels',
  ...winogradNames,
  ...winogradNames.map(inFullName),
  generatedName,
  pointsName,
  ...Object.values(ownWinogradNames),
];
const heavy = /^(convolution|linear)/;
const cases = opCases.filter(({ op }) => heavy.test(op) || op === 'graph');
const title = ({ op, name }: OpCase): string => `${op}: ${name}`;

const oracles = new Map<string, Results>();
function oracle(opCase: OpCase, dtype: ComputeType): Results {
  const key = `${dtype} ${title(opCase)}`;
  const results = oracles.get(key) ?? runCase(reference, opCase, { dtype });
  oracles.set(key, results);
  return results;
}

/** An engine that notes the report of each program. */
function watched(report: (said: ProgramReport) => void): Engine {
  return {
    ...engine,
    compile(graph, options) {
      const program = engine.compile(graph, options);
      report(program.report());
      return program;
    },
  };
}

const fillsNoBlock = (channels: string): boolean => Number(channels) % 16 > 0;

/** oneDNN 2.x has Winograd's algorithm for AVX-512, and 3.x no more. */
const { isa = '', library = '' } = found?.describe() ?? {};
const hasAvx512 = /AVX-?512|AMX/.test(isa);
const hasWinograd = hasAvx512 && library.startsWith('oneDNN 2.');
/** Vectors that multiply bf16 by pairs. */
const pairs = isa === 'AVX-512 with BF16' && process.platform === 'linux' && process.arch === 'x64';
const generates = hasAvx512 && process.platform === 'linux' && process.arch === 'x64';

describe.skipIf(found === undefined)(`ways to compute an op${found ? '' : ` (skipped: ${reason})`}`, () => {
  const dtypes = (found?.describe().dtypes ?? []).filter((dtype): dtype is ComputeType => dtype !== 'f64');
  const tolerances: Partial<Record<ComputeType, number>> = { f32: 1e-4, bf16: 3e-2 };
  const taken = new Map<string, Set<string>>();
  const sums = new Map<string, number>();
  const strided = new Set<string>();
  const grouped = new Set<string>();
  const unfilled = new Set<string>();
  const check = (opCase: OpCase, dtype: ComputeType, implementation: string): void => {
    const applied: string[] = [];
    const forced = watched(({ autotune }) => {
      const choices = Object.entries(autotune?.choices ?? {}).filter(
        ([, choice]) => choice === implementation,
      );
      applied.push(...choices.map(([question]) => question.split(' ')[0] as string));
      const withSum = choices.filter(([question]) => question.includes(', sum, relu')).length;
      for (const [question] of choices) {
        const what = `${implementation}: ${question.split(' ')[0]}`;
        if (question.includes(', stride ')) strided.add(what);
        if (question.includes(', groups ')) grouped.add(what);
        else if (/ [\dx]+ (\d+)x(\d+)x/.exec(question)?.slice(1).every(fillsNoBlock)) unfilled.add(what);
      }
      sums.set(implementation, (sums.get(implementation) ?? 0) + withSum);
    });
    const actual = runCase(forced, opCase, { dtype, implementation });
    if (applied.length === 0) return;
    const expected = oracle(opCase, dtype === 'bf16' ? 'bf16' : 'f64');
    // Winograd's algorithm rounds what it multiplies once more.
    const share = implementation === ownWinogradNames.bf16 ? 1.5 : 1;
    const tolerance = share * ((dtype === 'bf16' ? opCase.bf16 : undefined) ?? (tolerances[dtype] as number));
    expect(compareResults(actual, expected, tolerance)).toBeLessThanOrEqual(tolerance);
    taken.set(implementation, new Set([...(taken.get(implementation) ?? []), ...applied]));
  };

  for (const dtype of dtypes) {
    for (const implementation of names) {
      it.each(cases.map((opCase) => [title(opCase), opCase] as const))(
        `${dtype}, ${implementation}: %s`,
        (_, opCase) => check(opCase, dtype, implementation),
      );
    }
    it.each(cases.map((opCase) => [title(opCase), opCase] as const))(
      `${dtype}, the library's others: %s`,
      (_, opCase) => {
        const graph = createGraph();
        opCase.build(graph);
        const program = engine.compile(graph, { dtype, profile: true });
        const steps = program.report().steps.filter(({ op }) => heavy.test(op));
        program.dispose();
        const others = new Set(steps.flatMap(({ candidates }) => candidates.slice(1)));
        for (const other of new Set([...others].map((candidate) => candidate.implementation)))
          check(opCase, dtype, `library ${other}`);
      },
    );
  }

  it.skipIf(dtypes[0] !== 'bf16' || !generates)(
    'take pairs of pictures a few at a time (skipped where nothing multiplies bf16)',
    () => {
      const feeds = { x: grid(6, 32, 128, 128), w: weights(32, 32, 3, 3), b: weights(32) };
      const [, gradients] = gradientCases('convolution', 'large pictures', feeds, (v) =>
        convolution(v.x, v.w, v.b, { padding: 1 }),
      );
      const opCase = gradients as OpCase;
      const [first, pairs] = [primitiveName, generatedName].map((implementation) => {
        const made: string[] = [];
        const watching = watched(({ steps }) => made.push(...steps.map(({ op }) => op)));
        return { results: runCase(watching, opCase, { dtype: 'bf16', implementation }), made };
      });
      const count = (op: string): number => pairs?.made.filter((each) => each === op).length ?? 0;
      expect([count('pairs'), count('convolutionBackwardWeights'), count('biasGradient')]).toEqual([6, 3, 3]);
      const { dw, db } = pairs?.results ?? {};
      const wanted = first?.results ?? {};
      compareResults({ dw, db } as Results, { dw: wanted.dw, db: wanted.db } as Results, 1e-4);
    },
  );

  // On coarse grids all that is rounded is exact already: what is left are sums in f32.
  it.each([
    ['many tiles', [4 * threads, 32, 40, 40], 32, [1, 1], 'own'],
    ['tiles cut off on both sides', [2 * threads, 16, 7, 9], 48, [2, 0], 'own'],
    ['bands of lines', [2 * threads, 16, 122, 96], 48, [1, 2], 'own'],
    ['a tile for each picture', [6 * threads, 48, 3, 3], 16, [0, 0], 'own'],
    ['more sums than a thread has room for', [6, 272, 6, 6], 256, [1, 1], 'shared'],
    ['many sums', [8 * threads, 64, 4, 4], 64, [1, 1], 'own'],
    ['an odd pair', [4 * threads + 2, 16, 5, 6], 16, [1, 1], threads > 1 ? 'shared' : 'own'],
  ] as const)(
    'give exact filters by Winograd of pairs: %s (skipped where vectors do not multiply bf16)',
    { skip: !pairs },
    (name, shape, results, padding, sums) => {
      const feeds = { x: grid(...shape), w: weights(results, shape[1], 3, 3), b: weights(results) };
      const [, gradients] = gradientCases('convolution', name, feeds, (v) =>
        convolution(v.x, v.w, v.b, { padding: [...padding] }),
      );
      const made: string[] = [];
      const ops: string[] = [];
      const watching = watched(({ autotune, steps }) => {
        made.push(...Object.values(autotune?.choices ?? {}));
        ops.push(...steps.map(({ op }) => op));
      });
      const options = { dtype: 'bf16', implementation: ownWinogradNames.bf16 } as const;
      const { dw, db } = runCase(watching, gradients as OpCase, options);
      expect(made).toContain(ownWinogradNames.bf16);
      expect(ops.includes('pairs')).toBe(sums === 'shared');
      const wanted = runCase(reference, gradients as OpCase, { dtype: 'bf16' });
      compareResults({ dw, db } as Results, { dw: wanted.dw, db: wanted.db } as Results, 1e-6);
    },
  );

  it('apply to the ops that they are for', () => {
    const on = (name: string): string[] => [...(taken.get(name) ?? [])].sort();
    expect(on('shifted matrix products')).toEqual(['convolutionBackwardWeights']);
    expect(on('phases')).toEqual(['convolutionBackwardData', 'convolutionBackwardWeights']);
    expect(on('matrix product')).toEqual([
      'convolution',
      'convolutionBackwardData',
      'linear',
      'linearBackwardData',
      'linearBackwardWeights',
    ]);
    expect(on('matrix product, transposed weights')).toEqual(['linear', 'linearBackwardData']);
    for (const width of [8, 16, 32])
      expect(on(`merged groups of ${width} channels`)).toEqual([
        'convolution',
        'convolutionBackwardData',
        'convolutionBackwardWeights',
      ]);
    expect(winogradNames.map(on)).toEqual(
      hasWinograd
        ? [['convolution'], ['convolution', 'convolutionBackwardData', 'convolutionBackwardWeights']]
        : [[], []],
    );
    const inFull = winogradNames.map(inFullName);
    expect(inFull.map(on)).toEqual(hasWinograd && dtypes[0] === 'bf16' ? winogradNames.map(on) : [[], []]);
    expect(on(ownWinogradNames.f32)).toEqual(generates ? ['convolution', 'convolutionBackwardData'] : []);
    if (generates) expect(sums.get(ownWinogradNames.f32)).toBeGreaterThan(0);
    for (const name of Object.values(ownWinogradNames))
      for (const op of on(name).filter((each) => !each.endsWith('Weights')))
        expect(grouped).toContain(`${name}: ${op}`);
    expect(on(ownWinogradNames.bf16)).toEqual(
      pairs ? ['convolution', 'convolutionBackwardData', 'convolutionBackwardWeights'] : [],
    );
    expect(on(pointsName)).toEqual(pairs ? ['convolutionBackwardWeights'] : []);
    if (pairs) expect(sums.get(ownWinogradNames.bf16)).toBeGreaterThan(0);
    // A sum and a ReLU inside, as at the end of a residual block.
    if (hasWinograd) for (const name of winogradNames) expect(sums.get(name), name).toBeGreaterThan(0);
    expect(on(generatedName)).toEqual(
      generates ? ['convolution', 'convolutionBackwardData', 'convolutionBackwardWeights'] : [],
    );
    if (generates) expect(sums.get(generatedName)).toBeGreaterThan(0);
    for (const op of generates ? ['convolution', 'convolutionBackwardData'] : [])
      expect(unfilled).toContain(`${generatedName}: ${op}`);
    for (const name of [generatedName, pointsName])
      for (const op of generates ? on(name) : []) expect(strided).toContain(`${name}: ${op}`);
  });
});
