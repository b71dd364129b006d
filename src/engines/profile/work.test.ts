// Multiply-adds counted by hand: every product of a convolution is one of the forward sum's, in each of its gradients.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../graph/autodiff.ts';
import { createGraph, input, state, type Value } from '../../graph/graph.ts';
import { convolution, crossEntropy, flatten, linear, relu } from '../../graph/ops/index.ts';
import { multiplyAddsOf } from './work.ts';

/** Multiply-adds by op name, of a graph with the gradients of its loss for all weights and the picture. */
function workOf(build: (x: Value) => Value, shape: readonly number[]): Record<string, number[]> {
  const graph = createGraph();
  const x = input(graph, 'x', shape);
  const logits = build(x);
  const labels = input(graph, 'labels', [shape[0] as number], 'index');
  const { loss } = crossEntropy(logits, labels);
  gradients(loss, [x, ...graph.states.values()]);
  const work: Record<string, number[]> = {};
  for (const node of graph.nodes) {
    const macs = multiplyAddsOf(node);
    if (macs > 0) work[node.op.name] = [...(work[node.op.name] ?? []), macs];
  }
  return work;
}

const zero = { kind: 'constant', value: 0 } as const;
const weights = (x: Value, name: string, shape: readonly number[]): Value =>
  state(x.graph, name, shape, 'parameter', zero);

describe('multiplyAddsOf', () => {
  it.each([
    // batch 2, 8 filters of 4x3x3, 5x5 places
    { name: 'plain', groups: 1, stride: 1, padding: 0, side: 7, macs: 2 * 8 * 25 * 4 * 9 },
    { name: 'padded with stride 2', groups: 1, stride: 2, padding: 1, side: 7, macs: 2 * 8 * 16 * 4 * 9 },
    { name: 'in 2 groups', groups: 2, stride: 1, padding: 0, side: 7, macs: 2 * 8 * 25 * 2 * 9 },
  ])('counts a convolution and its gradients alike: $name', ({ groups, stride, padding, side, macs }) => {
    const { convolution: forward, ...backward } = workOf(
      (x) => {
        const w = weights(x, 'w', [8, 4 / groups, 3, 3]);
        const h = flatten(relu(convolution(x, w, weights(x, 'b', [8]), { groups, stride, padding })));
        return linear(h, weights(x, 'fc', [10, h.shape[1] as number]));
      },
      [2, 4, side, side],
    );
    expect(forward).toEqual([macs]);
    expect(backward.convolutionBackwardData).toEqual([macs]);
    expect(backward.convolutionBackwardWeights).toEqual([macs]);
  });

  it('counts a linear layer and its gradients alike, and nothing else', () => {
    const work = workOf((x) => relu(linear(x, weights(x, 'w', [5, 7]), weights(x, 'b', [5]))), [3, 7]);
    expect(work).toEqual({
      linear: [105],
      linearBackwardData: [105],
      linearBackwardWeights: [105],
    });
  });
});
