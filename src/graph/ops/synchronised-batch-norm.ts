// Batch normalisation over the batch of all ranks ("synchronised"; Peng et al. 2018, MegDet, section 3.2), so that N
// ranks give what one process gives on the whole batch. With M elements per channel on all ranks together:
//   mean = sum over ranks of n mean_r / M;  variance = sum over ranks of n (variance_r + mean_r^2) / M - mean^2
//   y = gamma (x - mean) / sqrt(variance + epsilon) + beta
// Backward, dbeta and dgamma being sums over all ranks:
//   dx = gamma / sqrt(variance + epsilon) (dy - dbeta / M - xhat dgamma / M)
// Here dbeta and dgamma of the rank's own part are what its gradient gives: the ranks' gradients are summed anyway.
import { emit, emitOne, update, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { NumericArray, TensorType } from '../tensor.ts';
import { add } from './add.ts';
import {
  type BatchNormAttributes,
  type BatchNormOptions,
  type BatchNormParameters,
  batchNormBackwardOp,
  batchNormInferenceOp,
  batchNormTrainingOp,
} from './batch-norm.ts';
import { channelShape, expectInputs, expectShape } from './checks.ts';
import type { Exchange } from './exchange.ts';
import { movingAverage } from './moving-average.ts';

interface StatisticsAttributes {
  readonly exchange: Exchange;
  /** Elements per channel on this rank; 0 where what it has does not count. */
  readonly count: number;
}

/** (mean, variance) of this rank -> mean, biased and unbiased variance, and the number of elements (C times), of all */
export const jointStatisticsOp: OpDefinition<StatisticsAttributes> = {
  name: 'jointStatistics',
  infer(inputs) {
    const [mean, variance] = expectInputs('jointStatistics', inputs, 2) as [TensorType, TensorType];
    expectShape('jointStatistics', 'a variance', variance.shape, mean.shape);
    const type = { shape: mean.shape, precision: 'full' } as const;
    return [type, type, type, type];
  },
  evaluate({ attributes: { exchange, count }, inputs, outputs }) {
    const [mean, variance] = inputs as [NumericArray, NumericArray];
    const [jointMean, biased, unbiased, counts] = outputs as [
      NumericArray,
      NumericArray,
      NumericArray,
      NumericArray,
    ];
    const channels = mean.length;
    const sums = new Float64Array(2 * channels + 1);
    for (let c = 0; c < channels; c++) {
      const m = mean[c] as number;
      sums[c] = count * m;
      sums[channels + c] = count * ((variance[c] as number) + m * m);
    }
    sums[2 * channels] = count;
    exchange.sum(sums);
    const total = sums[2 * channels] as number;
    for (let c = 0; c < channels; c++) {
      const m = (sums[c] as number) / total;
      const v = Math.max(0, (sums[channels + c] as number) / total - m * m);
      jointMean[c] = m;
      biased[c] = v;
      unbiased[c] = (v * total) / (total - 1);
      counts[c] = total;
    }
  },
};

interface SynchronisedAttributes extends BatchNormAttributes {
  readonly exchange: Exchange;
  /** What this rank has does not count, and nothing flows back into it. */
  readonly idle?: boolean;
}

/** (x, gamma, beta, mean, variance, count) -> y, the statistics being those of all ranks */
export const synchronisedBatchNormOp: OpDefinition<SynchronisedAttributes> = {
  name: 'synchronisedBatchNorm',
  infer: (inputs, attributes) => batchNormInferenceOp.infer(inputs.slice(0, 5), attributes),
  evaluate: (evaluation) => batchNormInferenceOp.evaluate(evaluation),
  gradient({ node, outputGradients: [dy] }) {
    if (dy === undefined) return [];
    const [x, gamma, , mean, variance, count] = node.inputs as [Value, Value, Value, Value, Value, Value];
    const { epsilon, exchange, idle } = node.attributes;
    const [own, dgamma, dbeta] = emit(batchNormBackwardOp, { epsilon, globalStatistics: true }, [
      ...[x, dy, gamma, mean, variance],
    ]) as [Value, Value, Value];
    const inputs = [gamma, mean, variance, count, dgamma, dbeta];
    const [scale, shift] = emit(jointCorrectionOp, { epsilon, exchange, idle }, inputs) as [Value, Value];
    const through = emitOne(batchNormInferenceOp, { epsilon }, [x, scale, shift, mean, variance]);
    return [add(own, through), dgamma, dbeta];
  },
};

/**
 * (gamma, mean, variance, count, dgamma, dbeta) -> a, b with dx = own + a xhat + b: what flows through the statistics.
 *   a = -gamma / sqrt(variance + epsilon) dgamma / M;  b = -gamma / sqrt(variance + epsilon) dbeta / M
 */
export const jointCorrectionOp: OpDefinition<SynchronisedAttributes> = {
  name: 'jointCorrection',
  infer(inputs) {
    const types = expectInputs('jointCorrection', inputs, 6);
    const [{ shape }] = types as [TensorType];
    for (const type of types) expectShape('jointCorrection', 'a vector', type.shape, shape);
    const type = { shape, precision: 'full' } as const;
    return [type, type];
  },
  evaluate({ attributes: { epsilon, exchange, idle }, inputs, outputs: [scale, shift] }) {
    const [gamma, , variance, count, dgamma, dbeta] = inputs;
    if (!gamma || !variance || !count || !dgamma || !dbeta || !scale || !shift) return;
    const channels = gamma.length;
    const sums = new Float64Array(2 * channels);
    sums.set(dgamma);
    sums.set(dbeta, channels);
    exchange.sum(sums);
    for (let c = 0; c < channels; c++) {
      const slope = (gamma[c] as number) / Math.sqrt((variance[c] as number) + epsilon);
      const perElement = idle ? 0 : -slope / (count[c] as number);
      scale[c] = perElement * (sums[c] as number);
      shift[c] = perElement * (sums[channels + c] as number);
    }
  },
};

/** Normalised over the batches of all ranks, with the mean and the unbiased variance that this was done by. */
export function normaliseTogether(
  x: Value,
  gamma: Value,
  beta: Value,
  { epsilon, exchange, idle = false }: SynchronisedAttributes,
): { readonly y: Value; readonly mean: Value; readonly unbiased: Value } {
  const { n, positions } = channelShape('synchronisedBatchNorm', x.shape);
  const [, ...own] = emit(batchNormTrainingOp, { epsilon }, [x, gamma, beta]);
  const joint = emit(jointStatisticsOp, { exchange, count: idle ? 0 : n * positions }, own);
  const [mean, variance, unbiased, count] = joint as [Value, Value, Value, Value];
  const inputs = [x, gamma, beta, mean, variance, count];
  return { y: emitOne(synchronisedBatchNormOp, { epsilon, exchange, idle }, inputs), mean, unbiased };
}

/** As `batchNorm` in training, over the batches of all ranks. `x`: NxCxHxW or NxC, the parameters: C. */
export function synchronisedBatchNorm(
  x: Value,
  { gamma, beta, runningMean, runningVariance }: BatchNormParameters,
  options: Pick<BatchNormOptions, 'momentum'> & SynchronisedAttributes,
): Value {
  const { momentum } = options;
  const { y, mean, unbiased } = normaliseTogether(x, gamma, beta, options);
  update(runningMean, movingAverage(runningMean, mean, { momentum, scale: 1 }));
  update(runningVariance, movingAverage(runningVariance, unbiased, { momentum, scale: 1 }));
  return y;
}
