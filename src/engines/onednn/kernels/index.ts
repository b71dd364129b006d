// Which op has a native kernel. All others run their own definition on the host.
import type { Kernel } from '../lowering.ts';
import { batchNormBackward, batchNormInference, batchNormTraining } from './batch-norm.ts';
import { convolution, convolutionBackwardData, convolutionBackwardWeights } from './convolution.ts';
import { activation, activationBackward, add, multiply, reluBackward, tanh } from './elementwise.ts';
import { linear, linearBackwardData, linearBackwardWeights } from './linear.ts';
import { lrn, lrnBackward } from './lrn.ts';
import { averagePool, averagePoolBackward, maxPool, maxPoolBackward } from './pooling.ts';
import { sgd } from './sgd.ts';
import { concat, pad, reshape, slice } from './shape.ts';
import { sumTo } from './sum-to.ts';
import { accumulate, averageWeights, clipFilters, clipNorm } from './training.ts';
import { widened } from './widened.ts';

export const kernels: ReadonlyMap<string, Kernel> = new Map<string, Kernel>([
  ['convolution', widened(convolution)],
  ['convolutionBackwardData', widened(convolutionBackwardData)],
  ['convolutionBackwardWeights', widened(convolutionBackwardWeights)],
  ['linear', widened(linear)],
  ['linearBackwardData', widened(linearBackwardData)],
  ['linearBackwardWeights', widened(linearBackwardWeights)],
  ['batchNormTraining', batchNormTraining],
  ['batchNormInference', batchNormInference],
  ['synchronisedBatchNorm', batchNormInference],
  ['batchNormBackward', batchNormBackward],
  ['relu', activation('relu')],
  ['reluBackward', reluBackward],
  ['tanh', tanh],
  ['tanhBackward', activationBackward('tanh')],
  ['sigmoid', activation('logistic')],
  ['sigmoidBackward', activationBackward('logistic')],
  ['add', add],
  ['multiply', multiply],
  ['maxPool', maxPool],
  ['maxPoolBackward', maxPoolBackward],
  ['averagePool', averagePool],
  ['averagePoolBackward', averagePoolBackward],
  ['lrn', lrn],
  ['lrnBackward', lrnBackward],
  ['sumTo', sumTo],
  ['concat', concat],
  ['slice', slice],
  ['pad', pad],
  ['reshape', reshape],
  ['sgd', sgd],
  ['accumulate', accumulate],
  ['clipNorm', clipNorm],
  ['clipFilters', clipFilters],
  ['averageWeights', averageWeights],
]);
