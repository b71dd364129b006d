// A network's training step as a graph: what PyTorch spreads over forward, loss, backward and optimizer.step() is
// one graph with updates, so that an engine plans it as a whole.
import { labelsInput } from '../evaluate/test-step.ts';
import { gradients } from '../graph/autodiff.ts';
import { constant, input, markOutput, state, update, type Value } from '../graph/graph.ts';
import { add, crossEntropy, multiply, sgd } from '../graph/ops/index.ts';
import type { Network } from '../nets/network.ts';
import type { OptimizerOptions } from './recipes/recipe.ts';

export { buildTestStep, labelsInput } from '../evaluate/test-step.ts';

/** The feed of a training step besides those of a test step (and `dropoutSeed` where the network has dropout). */
export const learningRateInput = 'learningRate';

export interface TrainingStepOptions {
  readonly optimizer: OptimizerOptions;
  /** Probability mass spread evenly over all classes; default 0. */
  readonly labelSmoothing?: number;
}

/** The name of the velocity that momentum keeps for a weight. */
export function momentumName(parameter: string): string {
  return `${parameter}.momentum`;
}

/**
 * Makes of `network` (built with `training: true`) one step of training: feeds `images` (NxCxHxW), `labels` (N
 * classes, -1: not counted) and `learningRate` (scalar); outputs `loss` (mean) and the counts `top1` and `top5`;
 * each run updates weights, running statistics and momentum. Changes and returns the network's own graph.
 */
export function buildTrainingStep(network: Network, options: TrainingStepOptions): Network {
  const { graph, logits, images } = network;
  const { momentum, nesterov, weightDecay, decayBiasAndNorm } = options.optimizer;
  const labels = input(graph, labelsInput, [images.shape[0] as number], 'index');
  const learningRate = input(graph, learningRateInput, [], 'full');
  const { loss, top1, top5 } = crossEntropy(logits, labels, { labelSmoothing: options.labelSmoothing ?? 0 });
  markOutput('loss', loss);
  markOutput('top1', top1);
  markOutput('top5', top5);
  const parameters = [...graph.states].filter(([, { source }]) => isParameter(source));
  const found = gradients(
    withSideHeads(network, loss, labels, options.labelSmoothing ?? 0),
    parameters.map(([, weight]) => weight),
  );
  for (const [i, [name, weight]] of parameters.entries()) {
    const velocity = state(graph, momentumName(name), weight.shape, 'optimizer', {
      kind: 'constant',
      value: 0,
    });
    const decay = decayBiasAndNorm || weight.shape.length > 1 ? weightDecay : 0;
    const attributes = { momentum, weightDecay: decay, nesterov };
    const step = sgd(weight, found[i] as Value, velocity, learningRate, attributes);
    update(weight, step.weights);
    update(velocity, step.velocity);
  }
  return network;
}

/** The loss that is trained: side heads (GoogLeNet's, section 5 of its paper) add their share. */
function withSideHeads(network: Network, loss: Value, labels: Value, labelSmoothing: number): Value {
  return network.auxiliary.reduce((sum, { logits, weight }) => {
    const side = crossEntropy(logits, labels, { labelSmoothing }).loss;
    return add(sum, multiply(side, constant(network.graph, [], Float32Array.of(weight), 'full')));
  }, loss);
}

function isParameter(source: Value['source']): boolean {
  return source.kind === 'state' && source.role === 'parameter';
}
