// Cases of what surrounds the optimiser's step: gradients gathered over several steps, clipping by the norm of all,
// clipping of filters, averages of weights; each alone, and together behind layers whose weights lie in native layouts.
import { gradients } from '../../graph/autodiff.ts';
import { type Graph, type Initial, markOutput, state, update, type Value } from '../../graph/graph.ts';
import { accumulate } from '../../graph/ops/accumulate.ts';
import { globalAveragePool } from '../../graph/ops/average-pool.ts';
import { averageWeights } from '../../graph/ops/average-weights.ts';
import { clipFilters } from '../../graph/ops/clip-filters.ts';
import { clipNorm } from '../../graph/ops/clip-norm.ts';
import { convolution } from '../../graph/ops/convolution.ts';
import { crossEntropy } from '../../graph/ops/cross-entropy.ts';
import { linear } from '../../graph/ops/linear.ts';
import { relu } from '../../graph/ops/relu.ts';
import { flatten } from '../../graph/ops/reshape.ts';
import { type SgdAttributes, sgd } from '../../graph/ops/sgd.ts';
import { exactly, type Feed, graphCase, labels, type OpCase, rectified, weights } from './case.ts';

const scalar = (value: number): Feed => exactly([], 'full', [value]);
const whole = (value: number): Feed => exactly([], 'index', [value]);
const small: Initial = { kind: 'uniform', bound: 0.1 };

function gathering(name: string, size: readonly number[], microStep: number, steps: number): OpCase {
  return graphCase('accumulate', name, { g: weights(...size), microStep: whole(microStep) }, (v, graph) => {
    const gathered = state(graph, 'gathered', size, 'optimizer', small);
    update(gathered, accumulate(gathered, v.g, v.microStep, steps));
  });
}

function clipping(name: string, limit: number, sizes: readonly (readonly number[])[]): OpCase {
  const feeds = Object.fromEntries(sizes.map((size, i) => [`g${i}`, weights(...size)]));
  return graphCase('clipNorm', name, feeds, (v) => {
    const { norm, scale } = clipNorm(Object.values(v), limit);
    markOutput('norm', norm);
    markOutput('scale', scale);
  });
}

function averaging(name: string, size: readonly number[], share: number): OpCase {
  return graphCase('averageWeights', name, { w: weights(...size), share: scalar(share) }, (v, graph) => {
    const average = state(graph, 'average', size, 'optimizer', small);
    update(average, averageWeights(average, v.w, v.share));
  });
}

interface StepPlan {
  readonly limit?: number;
  readonly steps?: number;
  readonly microStep?: number;
  readonly filterRms?: number;
  readonly nesterov?: boolean;
}

/** One step of everything, for every state of the graph: what `src/train/step.ts` builds, from its ops. */
function train(graph: Graph, loss: Value, v: { lr: Value; share: Value; microStep: Value }, plan: StepPlan) {
  const { limit, steps = 1, filterRms, nesterov = false } = plan;
  const parameters = [...graph.states];
  const slopes = gradients(
    loss,
    parameters.map(([, w]) => w),
  ).map((gradient, i) => {
    if (steps === 1) return gradient;
    const gathered = state(graph, `${parameters[i]?.[0]}.gradient`, gradient.shape, 'optimizer', small);
    const mean = accumulate(gathered, gradient, v.microStep, steps);
    update(gathered, mean);
    return mean;
  });
  const microStep = steps > 1 ? v.microStep : undefined;
  const clip = limit === undefined ? undefined : clipNorm(slopes, limit, { steps, microStep });
  if (clip !== undefined) markOutput('norm', clip.norm);
  parameters.forEach(([name, w], i) => {
    const velocity = state(graph, `${name}.momentum`, w.shape, 'optimizer', small);
    const attributes: SgdAttributes = { momentum: 0.9, weightDecay: 5e-4, nesterov, steps };
    const next = sgd(w, slopes[i] as Value, velocity, v.lr, attributes, { scale: clip?.scale, microStep });
    const clips = filterRms !== undefined && w.shape.length === 4;
    const after = clips ? clipFilters(next.weights, filterRms) : next.weights;
    update(w, after);
    update(velocity, next.velocity);
    const average = state(graph, `${name}.average`, w.shape, 'optimizer', small);
    update(average, averageWeights(average, after, v.share));
  });
}

/** 20 channels do not fill native blocks; a grouped convolution has an axis more; 64x64x3x3 is a native step. */
function step(name: string, plan: StepPlan): OpCase {
  const feeds = {
    x: rectified(2, 16, 6, 6),
    target: labels(2, 7),
    lr: scalar(0.05),
    share: scalar(0.3),
    microStep: whole(plan.microStep ?? 0),
  };
  return graphCase('graph', `training step with ${name}`, feeds, (v, graph) => {
    const parameter = (of: string, shape: readonly number[]): Value => {
      const inputs = shape.slice(1).reduce((product, size) => product * size, 1);
      const initial: Initial =
        shape.length === 1
          ? { kind: 'constant', value: 2 }
          : { kind: 'uniform', bound: Math.sqrt(0.75 / inputs) };
      return state(graph, of, shape, 'parameter', initial);
    };
    const conv = (x: Value, of: string, maps: number, groups = 1): Value => {
      const w = parameter(`${of}.weight`, [maps, (x.shape[1] as number) / groups, 3, 3]);
      return relu(convolution(x, w, parameter(`${of}.bias`, [maps]), { padding: 1, groups }));
    };
    const wide = conv(conv(conv(v.x, 'first', 20), 'grouped', 64, 4), 'wide', 64);
    const logits = linear(
      flatten(globalAveragePool(wide)),
      parameter('fc.weight', [7, 64]),
      parameter('fc.bias', [7]),
    );
    const { loss } = crossEntropy(logits, v.target);
    markOutput('loss', loss);
    train(graph, loss, v, plan);
  });
}

export const trainingCases: readonly OpCase[] = [
  gathering('the first of 4 steps', [5, 3], 0, 4),
  gathering('the second of 4 steps', [5, 3], 1, 4),
  gathering('the last of 2 steps, 64 channels', [64, 64, 3, 3], 1, 2),
  clipping('three gradients above the limit', 1, [[5], [16, 3, 3, 3], [7, 9]]),
  clipping('below the limit', 1e3, [[5], [2, 3]]),
  clipping('one number', 0.01, [[]]),
  ...(['before', 'after'] as const).map((when, microStep) =>
    graphCase(
      'clipNorm',
      `${when} the last of 2 steps`,
      { a: weights(9), b: weights(3, 5), microStep: whole(microStep) },
      ({ a, b, microStep: fed }) => {
        const { norm, scale } = clipNorm([a, b], 0.5, { steps: 2, microStep: fed });
        markOutput('norm', norm);
        markOutput('scale', scale);
      },
    ),
  ),
  ...[0.05, 0.3, 10].map((limit) =>
    graphCase('clipFilters', `limit ${limit}`, { w: weights(9, 4, 3, 3) }, (v) => {
      markOutput('y', clipFilters(v.w, limit));
    }),
  ),
  averaging('a share of a tenth', [5, 3], 0.1),
  averaging('a share of nothing', [5, 3], 0),
  averaging('a share of all, 64 channels', [64, 16, 3, 3], 1),
  graphCase(
    'sgd',
    'a scaled gradient, Nesterov, from feeds',
    { w: weights(17), g: weights(17), v: weights(17), lr: scalar(0.5), scale: scalar(0.25) },
    ({ w, g, v, lr, scale }) => {
      const next = sgd(w, g, v, lr, { momentum: 0.8, weightDecay: 0.1, nesterov: true }, { scale });
      markOutput('w', next.weights);
      markOutput('v', next.velocity);
    },
  ),
  step('an average', {}),
  step('clipping by the norm', { limit: 0.1 }),
  step('clipping by the norm, Nesterov', { limit: 0.1, nesterov: true }),
  step('clipped filters', { filterRms: 0.03 }),
  step('gathered gradients, before an update', { steps: 3, microStep: 1, limit: 0.1 }),
  step('gathered gradients, an update', { steps: 3, microStep: 2, limit: 0.1 }),
  step('everything', { steps: 2, microStep: 1, limit: 0.1, filterRms: 0.03, nesterov: true }),
];
