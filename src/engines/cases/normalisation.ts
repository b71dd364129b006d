// Cases of batch normalisation (both forms, with running statistics) and local response normalisation.
import { emit, emitOne, markOutput, state, type Value } from '../../graph/graph.ts';
import { batchNorm, batchNormInferenceOp, batchNormTrainingOp } from '../../graph/ops/batch-norm.ts';
import { type LrnAttributes, lrn } from '../../graph/ops/lrn.ts';
import { movingAverage } from '../../graph/ops/moving-average.ts';
import {
  type Feed,
  forwardCase,
  gradientCases,
  graphCase,
  grid,
  type OpCase,
  positive,
  shifted,
  weights,
} from './case.ts';

function trainingForm(name: string, x: Feed, epsilon = 1e-5): OpCase[] {
  const channels = x.shape[1] as number;
  const feeds = { x, gamma: positive(channels), beta: weights(channels) };
  return [
    ...gradientCases('batchNormTraining', name, feeds, (v) =>
      emitOne(batchNormTrainingOp, { epsilon }, [v.x, v.gamma, v.beta]),
    ),
    graphCase('batchNormTraining', `${name}, statistics`, feeds, (v) => {
      const outputs = emit(batchNormTrainingOp, { epsilon }, [v.x, v.gamma, v.beta]);
      const [y, mean, variance] = outputs as [Value, Value, Value];
      markOutput('y', y);
      markOutput('mean', mean);
      markOutput('variance', variance);
    }),
  ];
}

function inferenceForm(name: string, x: Feed, epsilon = 1e-5): OpCase[] {
  const c = x.shape[1] as number;
  const feeds = { x, gamma: positive(c), beta: weights(c), mean: weights(c), variance: positive(c) };
  return gradientCases(
    'batchNormInference',
    name,
    feeds,
    (v) => emitOne(batchNormInferenceOp, { epsilon }, [v.x, v.gamma, v.beta, v.mean, v.variance]),
    { wanted: ['x', 'gamma', 'beta'] },
  );
}

function withStates(name: string, x: Feed, training: boolean): OpCase {
  const c = x.shape[1] as number;
  return graphCase(training ? 'movingAverage' : 'batchNormInference', name, { x }, (v, graph) => {
    const parameters = {
      gamma: state(graph, 'bn.weight', [c], 'parameter', { kind: 'uniform', bound: 1 }),
      beta: state(graph, 'bn.bias', [c], 'parameter', { kind: 'uniform', bound: 0.5 }),
      runningMean: state(graph, 'bn.running_mean', [c], 'buffer', { kind: 'uniform', bound: 0.5 }),
      runningVariance: state(graph, 'bn.running_var', [c], 'buffer', { kind: 'constant', value: 1 }),
    };
    markOutput('y', batchNorm(v.x, parameters, { epsilon: 1e-5, momentum: 0.1, training }));
  });
}

export const batchNormCases: readonly OpCase[] = [
  ...trainingForm('4D, odd sizes', grid(3, 5, 4, 7)),
  ...trainingForm('2D', grid(9, 6)),
  ...trainingForm('64 channels', grid(2, 64, 5, 5)),
  ...trainingForm('batch 1', grid(1, 17, 6, 6)),
  ...trainingForm('mean far from zero, large epsilon', shifted(4, 3, 5, 5), 1e-2),
  ...inferenceForm('4D, odd sizes', grid(3, 5, 4, 7)),
  ...inferenceForm('2D', grid(4, 6)),
  ...inferenceForm('64 channels', grid(2, 64, 5, 5)),
  ...inferenceForm('one picture of one pixel', grid(1, 17, 1, 1), 1e-3),
  withStates('running statistics follow the batches', grid(4, 6, 3, 5), true),
  withStates('running statistics, 2D', grid(6, 5), true),
  withStates('running statistics used', grid(4, 6, 3, 5), false),
  forwardCase('movingAverage', 'unbiased variance', { running: positive(17), sample: positive(17) }, (v) =>
    movingAverage(v.running, v.sample, { momentum: 0.1, scale: 64 / 63 }),
  ),
];

function responses(name: string, x: Feed, options: Partial<LrnAttributes>): OpCase[] {
  return gradientCases('lrn', name, { x }, (v) => lrn(v.x, options));
}

export const lrnCases: readonly OpCase[] = [
  ...responses('as in the AlexNet paper', grid(2, 16, 3, 4), {}),
  ...responses('strong, sum', grid(2, 9, 3, 4), { alpha: 0.5, k: 1 }),
  ...responses('strong, mean (Caffe)', grid(1, 9, 5, 3), { alpha: 0.5, k: 1, sum: false }),
  ...responses('three channels wide, beta 0.5', grid(2, 17, 3, 3), { size: 3, alpha: 0.3, beta: 0.5, k: 2 }),
  ...responses('even width', grid(1, 8, 3, 3), { size: 4, alpha: 0.5, k: 1, sum: false }),
  ...responses('wider than the channels', grid(2, 3, 2, 5), { size: 7, alpha: 0.5, k: 1 }),
  ...responses('64 channels', grid(2, 64, 4, 4), { alpha: 0.1, k: 1, sum: false }),
];
