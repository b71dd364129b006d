// bf16 where the CPU does not multiply it. That results are right, the shared table of cases shows.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../../graph/autodiff.ts';
import { createGraph, input, markOutput, state, update, type Value } from '../../../graph/graph.ts';
import { add, convolution, relu } from '../../../graph/ops/index.ts';
import type { Engine } from '../../engine.ts';
import { tryCreateOneDnnEngine } from '../index.ts';

const { engine: found, reason = 'this CPU multiplies bf16, or the engine refuses it' } =
  tryCreateOneDnnEngine();
const engine = found as Engine;
const applies = found?.describe().dtypes.at(-1) === 'bf16';

/** A step that trains the first of three convolutions. */
function report(dtype: 'f32' | 'bf16') {
  const graph = createGraph();
  const x = input(graph, 'x', [4, 32, 32, 32]);
  const weights = ['a', 'b', 'c'].map((name) =>
    state(graph, name, [32, 32, 3, 3], 'parameter', { kind: 'uniform', bound: 0.1 }),
  ) as [Value, Value, Value];
  const y = weights.reduce((from, w) => relu(convolution(from, w, undefined, { padding: 1 })), x as Value);
  markOutput('y', y);
  const [slope] = gradients(y, [weights[0]]);
  update(weights[0], add(weights[0], slope as Value));
  return engine.compile(graph, { dtype, seed: 1 }).report();
}

describe.skipIf(!applies)(`bf16 computed in f32${applies ? '' : ` (skipped: ${reason})`}`, () => {
  it('multiplies in f32, by the same kernels as f32', () => {
    const used = (dtype: 'f32' | 'bf16') =>
      report(dtype)
        .steps.filter(({ op }) => op.startsWith('convolution'))
        .map(({ op, implementation }) => `${op} ${implementation}`);
    expect(used('bf16')).toEqual(used('f32'));
    expect(used('bf16').join()).not.toContain('bf16');
    expect(used('bf16')).toHaveLength(6);
  });

  it('keeps bf16 between forward and backward pass: less is alive than in f32', () => {
    expect(report('bf16').lowerBoundBytes).toBeLessThan(report('f32').lowerBoundBytes);
  });
});
