// What two towers of AlexNet send in a step, beside the gradients of two ranks that divide the batch; both follow from the
// graph of the training step. Krizhevsky 2014 ("One weird trick", section 3): to divide the network costs in proportion to
// the batch, to divide the batch in proportion to the parameters.
import { divideIntoTowers } from '../../src/distribute/towers/divide.ts';
import { swapsOf } from '../../src/distribute/towers/traffic.ts';
import { oneRank } from '../../src/graph/ops/exchange.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import { findNetwork } from '../../src/nets/index.ts';
import { type BuildOptions, buildNetwork } from '../../src/nets/network.ts';
import { buildTrainingStep } from '../../src/train/step.ts';

export interface TrafficOfStep {
  /** Numbers that the first tower hands to the second one, forward and backward. */
  readonly towers: number;
  /** Numbers in the gradients of a rank that divides the batch. */
  readonly gradients: number;
}

/** Of a training step of AlexNet. */
export function trafficOfAlexNet(options: BuildOptions): TrafficOfStep {
  const optimizer = { momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true };
  const whole = buildNetwork(findNetwork('alexnet'), { ...options, training: true });
  const tower = divideIntoTowers(whole, { tower: 0, exchange: oneRank });
  const swaps = swapsOf(buildTrainingStep(tower, { optimizer }).graph);
  return {
    towers: swaps.reduce((sum, { numbers }) => sum + numbers, 0),
    gradients: [...whole.graph.states.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0),
  };
}
