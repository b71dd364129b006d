// A network's test step as a graph: logits to loss, probabilities and counts.
import { input, markOutput } from '../graph/graph.ts';
import { crossEntropy } from '../graph/ops/index.ts';
import type { Network } from '../nets/network.ts';

/** The feed of classes besides `images`. */
export const labelsInput = 'labels';

/**
 * Makes of `network` (built for inference) a test step: feeds `images` and `labels` (-1: not counted); outputs
 * `loss` (mean over the counted), `probabilities` (Nxclasses) and the counts `top1` and `top5`.
 */
export function buildTestStep(network: Network): Network {
  const { graph, logits, images } = network;
  const labels = input(graph, labelsInput, [images.shape[0] as number], 'index');
  const { loss, probabilities, top1, top5 } = crossEntropy(logits, labels, { labelSmoothing: 0 });
  markOutput('loss', loss);
  markOutput('probabilities', probabilities);
  markOutput('top1', top1);
  markOutput('top5', top5);
  return network;
}
