// Cases of softmax, cross-entropy and the optimiser's step.
import { gradients } from '../../graph/autodiff.ts';
import { constant, markOutput, state, update, type Value } from '../../graph/graph.ts';
import { crossEntropy } from '../../graph/ops/cross-entropy.ts';
import { multiply } from '../../graph/ops/multiply.ts';
import { type SgdAttributes, sgd } from '../../graph/ops/sgd.ts';
import { softmax } from '../../graph/ops/softmax.ts';
import {
  distinct,
  exactly,
  type Feed,
  gradientCases,
  graphCase,
  grid,
  labels,
  type OpCase,
  weights,
} from './case.ts';

/** Logits without ties in the places that count: one row of distinct numbers per plane. */
const logits = (n: number, classes: number): Feed => ({ ...distinct(n, 1, 1, classes), shape: [n, classes] });

export const softmaxCases: readonly OpCase[] = [
  ...gradientCases('softmax', '10 classes', { x: grid(4, 10) }, (v) => softmax(v.x)),
  ...gradientCases('softmax', 'batch 1, 17 classes', { x: grid(1, 17) }, (v) => softmax(v.x)),
  ...gradientCases('softmax', '1000 classes', { x: grid(2, 1000) }, (v) => softmax(v.x)),
  ...gradientCases('softmax', 'one class', { x: grid(3, 1) }, (v) => softmax(v.x)),
  ...gradientCases(
    'softmax',
    'large logits',
    { x: exactly([2, 3], 'compute', [300, 298, 296, -300, -302, -304]) },
    (v) => softmax(v.x),
  ),
];

function loss(name: string, x: Feed, target: Feed, labelSmoothing = 0): OpCase {
  return graphCase('crossEntropy', name, { x, target }, (v) => {
    const { loss, probabilities, top1, top5 } = crossEntropy(v.x, v.target, { labelSmoothing });
    markOutput('loss', loss);
    markOutput('probabilities', probabilities);
    markOutput('top1', top1);
    markOutput('top5', top5);
    markOutput('dx', gradients(loss, [v.x])[0] as Value);
  });
}

export const crossEntropyCases: readonly OpCase[] = [
  loss('7 classes', logits(6, 7), labels(6, 7)),
  loss('batch 1, 3 classes', logits(1, 3), labels(1, 3)),
  loss('100 classes', grid(8, 100), exactly([8], 'index', [0, 99, 5, 17, 64, 50, 33, 1])),
  loss('label smoothing', logits(6, 7), labels(6, 7), 0.1),
  loss('ignored rows', logits(5, 6), exactly([5], 'index', [2, -1, 0, -100, 5])),
  loss('ignored rows, label smoothing', logits(5, 6), exactly([5], 'index', [-1, 3, 0, -1, 5]), 0.2),
  loss('all rows ignored', logits(2, 4), exactly([2], 'index', [-1, -1])),
  loss('large logits', exactly([2, 3], 'compute', [300, 298, 296, -300, -302, -304]), labels(2, 3)),
  graphCase('crossEntropy', 'weighted loss', { x: logits(4, 7), target: labels(4, 7) }, (v, graph) => {
    const weight = constant(graph, [], Float32Array.of(0.3), 'full');
    const weighted = multiply(crossEntropy(v.x, v.target).loss, weight);
    markOutput('loss', weighted);
    markOutput('dx', gradients(weighted, [v.x])[0] as Value);
  }),
];

function step(name: string, size: readonly number[], attributes: SgdAttributes): OpCase {
  const feeds = { g: weights(...size), lr: exactly([], 'full', [0.1]) };
  return graphCase('sgd', name, feeds, (v, graph) => {
    const w = state(graph, 'w', size, 'parameter', { kind: 'normal', deviation: 0.2 });
    const velocity = state(graph, 'w.momentum', size, 'optimizer', { kind: 'uniform', bound: 0.1 });
    const next = sgd(w, v.g, velocity, v.lr, attributes);
    update(w, next.weights);
    update(velocity, next.velocity);
    markOutput('w', next.weights);
  });
}

export const sgdCases: readonly OpCase[] = [
  step('plain', [5, 3], { momentum: 0, weightDecay: 0, nesterov: false }),
  step('momentum and decay', [16, 3, 3, 3], { momentum: 0.9, weightDecay: 5e-4, nesterov: false }),
  step('Nesterov', [7], { momentum: 0.9, weightDecay: 0.01, nesterov: true }),
  step('64 channels', [64, 64, 3, 3], { momentum: 0.9, weightDecay: 1e-4, nesterov: false }),
  graphCase(
    'sgd',
    'all from feeds',
    { w: weights(17), g: weights(17), v: weights(17), lr: exactly([], 'full', [0.5]) },
    (v) => {
      const next = sgd(v.w, v.g, v.v, v.lr, { momentum: 0.8, weightDecay: 0.1, nesterov: false });
      markOutput('w', next.weights);
      markOutput('v', next.velocity);
    },
  ),
];
