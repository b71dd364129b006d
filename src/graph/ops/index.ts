// All ops: the list that engines and tests go through, and the functions that put them into graphs.
import type { OpDefinition } from '../op.ts';
import { accumulateOp } from './accumulate.ts';
import { adaptiveAveragePoolBackwardOp, adaptiveAveragePoolOp } from './adaptive-average-pool.ts';
import { addOp } from './add.ts';
import { averagePoolBackwardOp, averagePoolOp } from './average-pool.ts';
import { averageWeightsOp } from './average-weights.ts';
import { batchNormBackwardOp, batchNormInferenceOp, batchNormTrainingOp } from './batch-norm.ts';
import { clipFiltersOp } from './clip-filters.ts';
import { clipNormOp } from './clip-norm.ts';
import { concatOp } from './concat.ts';
import { convolutionBackwardDataOp, convolutionBackwardWeightsOp, convolutionOp } from './convolution.ts';
import { crossEntropyBackwardOp, crossEntropyOp } from './cross-entropy.ts';
import { dropoutOp } from './dropout.ts';
import { exchangeFinishOp, exchangeStartOp } from './exchange.ts';
import { linearBackwardDataOp, linearBackwardWeightsOp, linearOp } from './linear.ts';
import { lrnBackwardOp, lrnOp } from './lrn.ts';
import { maxPoolBackwardOp, maxPoolOp } from './max-pool.ts';
import { movingAverageOp } from './moving-average.ts';
import { multiplyOp } from './multiply.ts';
import { quantizeOp } from './quantize.ts';
import { reluBackwardOp, reluOp } from './relu.ts';
import { reshapeOp } from './reshape.ts';
import { sgdOp } from './sgd.ts';
import { sigmoidBackwardOp, sigmoidOp } from './sigmoid.ts';
import { padOp, sliceOp } from './slice-pad.ts';
import { softmaxBackwardOp, softmaxOp } from './softmax.ts';
import { sumToOp } from './sum-to.ts';
import { swapOp } from './swap.ts';
import { jointCorrectionOp, jointStatisticsOp, synchronisedBatchNormOp } from './synchronised-batch-norm.ts';
import { tanhBackwardOp, tanhOp } from './tanh.ts';

/** Every op definition there is, each with a name of its own. */
export const allOps: readonly OpDefinition[] = [
  convolutionOp,
  convolutionBackwardDataOp,
  convolutionBackwardWeightsOp,
  linearOp,
  linearBackwardDataOp,
  linearBackwardWeightsOp,
  reluOp,
  reluBackwardOp,
  tanhOp,
  tanhBackwardOp,
  sigmoidOp,
  sigmoidBackwardOp,
  batchNormTrainingOp,
  batchNormInferenceOp,
  batchNormBackwardOp,
  jointStatisticsOp,
  synchronisedBatchNormOp,
  jointCorrectionOp,
  movingAverageOp,
  lrnOp,
  lrnBackwardOp,
  maxPoolOp,
  maxPoolBackwardOp,
  averagePoolOp,
  averagePoolBackwardOp,
  adaptiveAveragePoolOp,
  adaptiveAveragePoolBackwardOp,
  dropoutOp,
  addOp,
  multiplyOp,
  sumToOp,
  concatOp,
  sliceOp,
  padOp,
  reshapeOp,
  softmaxOp,
  softmaxBackwardOp,
  quantizeOp,
  crossEntropyOp,
  crossEntropyBackwardOp,
  accumulateOp,
  clipNormOp,
  sgdOp,
  clipFiltersOp,
  averageWeightsOp,
  exchangeStartOp,
  exchangeFinishOp,
  swapOp,
];

export { accumulate } from './accumulate.ts';
export { adaptiveAveragePool } from './adaptive-average-pool.ts';
export { add } from './add.ts';
export { type AveragePoolOptions, averagePool, globalAveragePool } from './average-pool.ts';
export { averageWeights } from './average-weights.ts';
export { type BatchNormOptions, type BatchNormParameters, batchNorm } from './batch-norm.ts';
export { clipFilters } from './clip-filters.ts';
export { clipNorm } from './clip-norm.ts';
export { concat } from './concat.ts';
export { type ConvolutionOptions, convolution, type Pair, pair } from './convolution.ts';
export { type CrossEntropy, crossEntropy } from './cross-entropy.ts';
export { type DropoutAttributes, dropout } from './dropout.ts';
export { type Exchange, exchangeSums, type OncePerUpdate } from './exchange.ts';
export { linear } from './linear.ts';
export { type LrnAttributes, lrn } from './lrn.ts';
export { maxPool, maxPoolWithSwitches } from './max-pool.ts';
export { movingAverage } from './moving-average.ts';
export { multiply } from './multiply.ts';
export type { PoolingOptions } from './pooling.ts';
export { type QuantizeAttributes, quantize } from './quantize.ts';
export { relu } from './relu.ts';
export { flatten, reshape } from './reshape.ts';
export { type SgdAttributes, type SgdExtras, sgd } from './sgd.ts';
export { sigmoid } from './sigmoid.ts';
export { pad, shortcutA, slice } from './slice-pad.ts';
export { softmax } from './softmax.ts';
export { sumTo } from './sum-to.ts';
export { synchronisedBatchNorm } from './synchronised-batch-norm.ts';
export { tanh } from './tanh.ts';
