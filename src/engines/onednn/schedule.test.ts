import { describe, expect, it } from 'vitest';
import { gradients } from '../../graph/autodiff.ts';
import { createGraph, input, liveNodes, markOutput, state, update, type Value } from '../../graph/graph.ts';
import { convolution, relu, sgd } from '../../graph/ops/index.ts';
import { schedule } from './schedule.ts';

/** The names of the ops of a step on two convolutions, in the order in which they run; pictures of a size. */
function order(size: number): string[] {
  const graph = createGraph();
  const x = input(graph, 'x', [2, 4, size, size]);
  const rate = input(graph, 'rate', [], 'full');
  const weights = ['a', 'b'].map((name) =>
    state(graph, name, [4, 4, 3, 3], 'parameter', { kind: 'uniform', bound: 1 }),
  ) as [Value, Value];
  const y = convolution(relu(convolution(x, weights[0], undefined)), weights[1], undefined);
  markOutput('y', y);
  const found = gradients(y, weights);
  weights.forEach((w, i) => {
    const v = state(graph, `v${i}`, w.shape, 'optimizer', { kind: 'constant', value: 0 });
    const next = sgd(w, found[i] as Value, v, rate, { momentum: 0.9, weightDecay: 0, nesterov: false });
    update(w, next.weights);
    update(v, next.velocity);
  });
  const nodes = schedule(liveNodes(graph));
  expect(schedule(nodes)).toEqual(nodes);
  return nodes.map(({ op }) => op.name);
}

describe('schedule', () => {
  it('lets a large input go before its gradient comes, and updates weights as soon as nobody reads them', () => {
    expect(order(12)).toEqual([
      'convolution',
      'relu',
      'convolution',
      'convolutionBackwardWeights',
      'convolutionBackwardData',
      'sgd',
      'reluBackward',
      'convolutionBackwardWeights',
      'sgd',
    ]);
  });

  it('computes the gradient of large weights last', () => {
    const data = order(5).indexOf('convolutionBackwardData');
    expect(order(5).indexOf('convolutionBackwardWeights')).toBe(data + 1);
  });
});
