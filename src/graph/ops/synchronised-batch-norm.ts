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
import { multiply } from './multiply.ts';

interface StatisticsAttributes {
  readonly exchange: Exchange;
  /** Elements per channel on this rank. */
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
}

/** (x, gamma, beta, mean, variance, count) -> y, the statistics being those of all ranks */
export const synchronisedBatchNormOp: OpDefinition<SynchronisedAttributes> = {
  name: 'synchronisedBatchNorm',
  infer: (inputs, attributes) => batchNormInferenceOp.infer(inputs.slice(0, 5), attributes),
  evaluate: (evaluation) => batchNormInferenceOp.evaluate(evaluation),
  gradient({ node, outputGradients: [dy] }) {
    if (dy === undefined) return [];
    const [x, gamma, , mean, variance, count] = node.inputs as [Value, Value, Value, Value, Value, Value];
    const { epsilon, exchange } = node.attributes;
    const [own, dgamma, dbeta] = emit(batchNormBackwardOp, { epsilon, globalStatistics: true }, [
      ...[x, dy, gamma, mean, variance],
    ]) as [Value, Value, Value];
    const inputs = [gamma, mean, variance, count, dgamma, dbeta];
    const [scale, shift] = emit(jointCorrectionOp, { epsilon, exchange, rank: x.shape.length }, inputs) as [
      Value,
      Value,
    ];
    return [add(add(own, multiply(x, scale)), shift), dgamma, dbeta];
  },
};

interface CorrectionAttributes extends SynchronisedAttributes {
  /** Axes of x. */
  readonly rank: number;
}

/**
 * (gamma, mean, variance, count, dgamma, dbeta) -> a, b with dx = own + a x + b: what flows through the statistics.
 *   a = -gamma / (variance + epsilon) dgamma / M;  b = -gamma / sqrt(variance + epsilon) dbeta / M - a mean
 */
export const jointCorrectionOp: OpDefinition<CorrectionAttributes> = {
  name: 'jointCorrection',
  infer(inputs, { rank }) {
    const types = expectInputs('jointCorrection', inputs, 6);
    const [{ shape }] = types as [TensorType];
    for (const type of types) expectShape('jointCorrection', 'a vector', type.shape, shape);
    const type = { shape: [1, shape[0] as number, ...Array(rank - 2).fill(1)], precision: 'full' } as const;
    return [type, type];
  },
  evaluate({ attributes: { epsilon, exchange }, inputs, outputs: [scale, shift] }) {
    const [gamma, mean, variance, count, dgamma, dbeta] = inputs as NumericArray[];
    if (!gamma || !mean || !variance || !count || !dgamma || !dbeta || !scale || !shift) return;
    const channels = gamma.length;
    const sums = new Float64Array(2 * channels);
    sums.set(dgamma);
    sums.set(dbeta, channels);
    exchange.sum(sums);
    for (let c = 0; c < channels; c++) {
      const total = count[c] as number;
      const inverse = 1 / Math.sqrt((variance[c] as number) + epsilon);
      const slope = -(gamma[c] as number) * inverse * inverse * ((sums[c] as number) / total);
      scale[c] = slope;
      shift[c] =
        -(gamma[c] as number) * inverse * ((sums[channels + c] as number) / total) -
        slope * (mean[c] as number);
    }
  },
};

/** As `batchNorm` in training, over the batches of all ranks. `x`: NxCxHxW or NxC, the parameters: C. */
export function synchronisedBatchNorm(
  x: Value,
  { gamma, beta, runningMean, runningVariance }: BatchNormParameters,
  { epsilon, momentum }: Omit<BatchNormOptions, 'training'>,
  exchange: Exchange,
): Value {
  const { n, positions } = channelShape('synchronisedBatchNorm', x.shape);
  const [, ownMean, ownVariance] = emit(batchNormTrainingOp, { epsilon }, [x, gamma, beta]) as [
    ...[Value, Value, Value],
  ];
  const attributes = { exchange, count: n * positions };
  const [mean, variance, unbiased, count] = emit(jointStatisticsOp, attributes, [ownMean, ownVariance]) as [
    ...[Value, Value, Value, Value],
  ];
  update(runningMean, movingAverage(runningMean, mean, { momentum, scale: 1 }));
  update(runningVariance, movingAverage(runningVariance, unbiased, { momentum, scale: 1 }));
  const inputs = [x, gamma, beta, mean, variance, count];
  return emitOne(synchronisedBatchNormOp, { epsilon, exchange }, inputs);
}
