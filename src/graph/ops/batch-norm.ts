// Batch normalisation (Ioffe & Szegedy 2015) of NxCxHxW or NxC, per channel over batch and positions:
//   xhat = (x - mean) / sqrt(variance + epsilon);  y = gamma xhat + beta
// Training takes mean and (biased) variance from the batch and gives them out; inference gets them. Backward,
// with m elements per channel:
//   dbeta = sum dy;  dgamma = sum dy xhat
//   training:  dx = gamma / sqrt(variance + epsilon) (dy - dbeta / m - xhat dgamma / m)
//   inference: dx = gamma / sqrt(variance + epsilon) dy, the statistics being constants
import { emit, emitOne, update, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { formatShape, type NumericArray, type Shape, type TensorType } from '../tensor.ts';
import { channelShape, expectInputs, expectShape } from './checks.ts';
import { movingAverage } from './moving-average.ts';

export interface BatchNormAttributes {
  readonly epsilon: number;
}

export interface BatchNormBackwardAttributes extends BatchNormAttributes {
  /** Mean and variance were constants (inference), so nothing flows through them. */
  readonly globalStatistics: boolean;
}

function checkChannels(op: string, x: Shape, vectors: readonly (readonly [string, TensorType])[]): number {
  const { channels } = channelShape(op, x);
  for (const [what, type] of vectors) expectShape(op, `a ${what}`, type.shape, [channels]);
  return channels;
}

/** Calls `visit` with each channel's number and the start of each of its planes of `positions` elements. */
function forEachPlane(x: Shape, visit: (channel: number, start: number, positions: number) => void): void {
  const { n, channels, positions } = channelShape('batchNorm', x);
  for (let channel = 0; channel < channels; channel++) {
    for (let b = 0; b < n; b++) visit(channel, (b * channels + channel) * positions, positions);
  }
}

/** y = gamma (x - mean) / sqrt(variance + epsilon) + beta */
function normalise(
  shape: Shape,
  epsilon: number,
  [x, gamma, beta]: readonly NumericArray[],
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  y: NumericArray,
): void {
  if (!x || !gamma || !beta) return;
  forEachPlane(shape, (channel, start, positions) => {
    const scale = (gamma[channel] as number) / Math.sqrt((variance[channel] as number) + epsilon);
    const centre = mean[channel] as number;
    const shift = beta[channel] as number;
    for (let i = start; i < start + positions; i++) y[i] = ((x[i] as number) - centre) * scale + shift;
  });
}

function batchStatistics(x: NumericArray, shape: Shape): { mean: Float64Array; variance: Float64Array } {
  const { n, channels, positions } = channelShape('batchNormTraining', shape);
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  forEachPlane(shape, (channel, start) => {
    let sum = 0;
    for (let i = start; i < start + positions; i++) sum += x[i] as number;
    mean[channel] = (mean[channel] as number) + sum / (n * positions);
  });
  forEachPlane(shape, (channel, start) => {
    const centre = mean[channel] as number;
    let sum = 0;
    for (let i = start; i < start + positions; i++) sum += ((x[i] as number) - centre) ** 2;
    variance[channel] = (variance[channel] as number) + sum / (n * positions);
  });
  return { mean, variance };
}

/** (x, gamma, beta) -> y, mean, variance (biased) */
export const batchNormTrainingOp: OpDefinition<BatchNormAttributes> = {
  name: 'batchNormTraining',
  infer(inputs) {
    const types = expectInputs('batchNormTraining', inputs, 3);
    const [x, gamma, beta] = types as [TensorType, TensorType, TensorType];
    const channels = checkChannels('batchNormTraining', x.shape, [
      ['gamma', gamma],
      ['beta', beta],
    ]);
    return [
      { shape: x.shape, precision: 'compute' },
      { shape: [channels], precision: 'full' },
      { shape: [channels], precision: 'full' },
    ];
  },
  evaluate({ attributes, inputs, inputShapes, outputs }) {
    const [y, meanOut, varianceOut] = outputs as [NumericArray, NumericArray, NumericArray];
    const shape = inputShapes[0] as Shape;
    const { mean, variance } = batchStatistics(inputs[0] as NumericArray, shape);
    meanOut.set(mean);
    varianceOut.set(variance);
    // By the statistics as they are given out, so that y can be made again from them.
    normalise(shape, attributes.epsilon, inputs, meanOut, varianceOut, y);
  },
  gradient({ node, outputGradients: [dy, dmean, dvariance] }) {
    if (dmean !== undefined || dvariance !== undefined) {
      throw new Error(
        'batchNormTraining has no gradient through the statistics it gives out, only through y.',
      );
    }
    if (dy === undefined) return [];
    const [x, gamma] = node.inputs as [Value, Value];
    const [, mean, variance] = node.outputs as [Value, Value, Value];
    const attributes = { ...node.attributes, globalStatistics: false };
    return emit(batchNormBackwardOp, attributes, [x, dy, gamma, mean, variance]);
  },
};

/** (x, gamma, beta, mean, variance) -> y */
export const batchNormInferenceOp: OpDefinition<BatchNormAttributes> = {
  name: 'batchNormInference',
  infer(inputs) {
    const types = expectInputs('batchNormInference', inputs, 5);
    const [x, gamma, beta, mean, variance] = types as [
      TensorType,
      TensorType,
      TensorType,
      TensorType,
      TensorType,
    ];
    checkChannels('batchNormInference', x.shape, [
      ['gamma', gamma],
      ['beta', beta],
      ['mean', mean],
      ['variance', variance],
    ]);
    return [{ shape: x.shape, precision: 'compute' }];
  },
  evaluate({ attributes, inputs, inputShapes, outputs }) {
    const [mean, variance] = inputs.slice(3) as [NumericArray, NumericArray];
    const y = outputs[0] as NumericArray;
    normalise(inputShapes[0] as Shape, attributes.epsilon, inputs, mean, variance, y);
  },
  gradient({ node, outputGradients: [dy], wanted }) {
    if (dy === undefined) return [];
    if (wanted[3] || wanted[4]) {
      throw new Error('batchNormInference has no gradient for its mean and variance: they are constants.');
    }
    const [x, gamma, , mean, variance] = node.inputs as [Value, Value, Value, Value, Value];
    const attributes = { ...node.attributes, globalStatistics: true };
    return emit(batchNormBackwardOp, attributes, [x, dy, gamma, mean, variance]);
  },
};

/** (x, dy, gamma, mean, variance) -> dx, dgamma, dbeta */
export const batchNormBackwardOp: OpDefinition<BatchNormBackwardAttributes> = {
  name: 'batchNormBackward',
  infer(inputs) {
    const types = expectInputs('batchNormBackward', inputs, 5);
    const [x, dy, gamma, mean, variance] = types as [
      TensorType,
      TensorType,
      TensorType,
      TensorType,
      TensorType,
    ];
    expectShape('batchNormBackward', 'a gradient', dy.shape, x.shape);
    const channels = checkChannels('batchNormBackward', x.shape, [
      ['gamma', gamma],
      ['mean', mean],
      ['variance', variance],
    ]);
    return [
      { shape: x.shape, precision: 'compute' },
      { shape: [channels], precision: 'full' },
      { shape: [channels], precision: 'full' },
    ];
  },
  evaluate({ attributes, inputs, inputShapes, outputs }) {
    const [x, dy, gamma, mean, variance] = inputs as [
      NumericArray,
      NumericArray,
      NumericArray,
      NumericArray,
      NumericArray,
    ];
    const [dx, dgammaOut, dbetaOut] = outputs as [NumericArray, NumericArray, NumericArray];
    const shape = inputShapes[0] as Shape;
    const { n, channels, positions } = channelShape('batchNormBackward', shape);
    const count = n * positions;
    const dgamma = new Float64Array(channels);
    const dbeta = new Float64Array(channels);
    const inverse = Float64Array.from(variance, (value) => 1 / Math.sqrt(value + attributes.epsilon));
    forEachPlane(shape, (channel, start) => {
      const centre = mean[channel] as number;
      let sum = 0;
      let product = 0;
      for (let i = start; i < start + positions; i++) {
        sum += dy[i] as number;
        product += (dy[i] as number) * ((x[i] as number) - centre);
      }
      dbeta[channel] = (dbeta[channel] as number) + sum;
      dgamma[channel] = (dgamma[channel] as number) + product * (inverse[channel] as number);
    });
    forEachPlane(shape, (channel, start) => {
      const centre = mean[channel] as number;
      const toUnit = inverse[channel] as number;
      const scale = (gamma[channel] as number) * toUnit;
      const meanGradient = attributes.globalStatistics ? 0 : (dbeta[channel] as number) / count;
      const meanProduct = attributes.globalStatistics ? 0 : (dgamma[channel] as number) / count;
      for (let i = start; i < start + positions; i++) {
        const unit = ((x[i] as number) - centre) * toUnit;
        dx[i] = scale * ((dy[i] as number) - meanGradient - unit * meanProduct);
      }
    });
    dgammaOut.set(dgamma);
    dbetaOut.set(dbeta);
  },
};

export interface BatchNormParameters {
  readonly gamma: Value;
  readonly beta: Value;
  /** States; training moves them towards the batch's mean and unbiased variance. */
  readonly runningMean: Value;
  readonly runningVariance: Value;
}

export interface BatchNormOptions {
  readonly epsilon: number;
  /** Weight of the batch in the running statistics, as PyTorch counts it (0.1). */
  readonly momentum: number;
  readonly training: boolean;
}

/**
 * `x`: NxCxHxW or NxC, the parameters: C. In training it normalises by the batch and updates the running
 * statistics; otherwise it normalises by them.
 */
export function batchNorm(x: Value, parameters: BatchNormParameters, options: BatchNormOptions): Value {
  const { gamma, beta, runningMean, runningVariance } = parameters;
  const { epsilon, momentum, training } = options;
  if (!training) {
    return emitOne(batchNormInferenceOp, { epsilon }, [x, gamma, beta, runningMean, runningVariance]);
  }
  const { n, positions } = channelShape('batchNorm', x.shape);
  const count = n * positions;
  if (count === 1) {
    throw new Error(
      `batchNorm got a tensor of shape ${formatShape(x.shape)} in training, ` +
        'expected more than one value per channel: use a larger batch.',
    );
  }
  const [y, mean, variance] = emit(batchNormTrainingOp, { epsilon }, [x, gamma, beta]) as [
    Value,
    Value,
    Value,
  ];
  update(runningMean, movingAverage(runningMean, mean, { momentum, scale: 1 }));
  const unbiased = count / (count - 1);
  update(runningVariance, movingAverage(runningVariance, variance, { momentum, scale: unbiased }));
  return y;
}
