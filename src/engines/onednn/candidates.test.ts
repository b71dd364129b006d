// What a report says of the implementations that the library offers: names always, times on request, and never of the
// library's plain loops.
import { describe, expect, it } from 'vitest';
import { createGraph, input, markOutput, state } from '../../graph/graph.ts';
import { convolution, relu } from '../../graph/ops/index.ts';
import type { ProgramReport } from '../engine.ts';
import { tryCreateOneDnnEngine } from './index.ts';

const { engine, reason } = tryCreateOneDnnEngine();

function reportOf(profile: boolean | 'full'): ProgramReport {
  const graph = createGraph();
  const x = input(graph, 'x', [2, 16, 12, 12]);
  const weights = (name: string, inputs: number) =>
    state(graph, name, [16, inputs, 3, 3], 'parameter', { kind: 'uniform', bound: 0.1 });
  const one = convolution(x, weights('one', 16), undefined, { padding: 1 });
  const two = convolution(one, weights('two', 16), undefined, { padding: 1 });
  markOutput('one', one);
  markOutput('y', relu(two));
  const program = engine?.compile(graph, { profile });
  if (program === undefined) throw new Error(reason);
  program.run({ x: new Float32Array(2 * 16 * 12 * 12).fill(0.5) });
  const report = program.report();
  program.dispose();
  return report;
}

const convolutionsOf = ({ steps }: ProgramReport) => steps.filter(({ op }) => op === 'convolution');

describe.skipIf(engine === undefined)(`on oneDNN${engine ? '' : `: skipped, ${reason}`}`, () => {
  it('names the chosen implementation first, and others', () => {
    const steps = convolutionsOf(reportOf(true));
    expect(steps).toHaveLength(2);
    for (const { implementation, candidates } of steps) {
      expect(candidates[0]?.implementation).toBe(implementation);
      expect(candidates.length).toBeGreaterThan(1);
      expect(candidates.every(({ ms }) => ms === undefined)).toBe(true);
    }
  });

  it('times each by itself on request, but not plain loops that were not chosen', () => {
    for (const { candidates } of convolutionsOf(reportOf('full'))) {
      const [chosen, ...others] = candidates;
      expect(chosen?.ms).toBeGreaterThan(0);
      for (const { implementation, ms } of others) {
        if (implementation.startsWith('ref')) expect(ms).toBeUndefined();
        else expect(ms, implementation).toBeGreaterThan(0);
      }
    }
  });

  it('names nothing without a profile', () => {
    for (const { candidates, times } of reportOf(false).steps) {
      expect(candidates).toEqual([]);
      expect(times).toEqual([]);
    }
  });

  it('says of reorders and steps of its own that there is no choice', () => {
    const { steps } = reportOf('full');
    const reorders = steps.filter(({ op }) => op === 'reorder');
    expect(reorders.length).toBeGreaterThan(0);
    for (const { candidates } of reorders) expect(candidates).toEqual([{ implementation: 'reorder' }]);
  });
});
