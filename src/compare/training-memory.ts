// What training a network takes in memory, reckoned from the graph of its training step. Counted: weights and
// running statistics, one gradient and one momentum per weight (all in f32), and what is alive at the worst moment
// of activations, their gradients and the pictures (in the compute type; switches of max pools in 32 bits).
// Not counted: copies of weights in the compute type, scratch memory of kernels, the data loader, the process.
import { liveNodes, type Value } from '../graph/graph.ts';
import { peakBytes } from '../graph/liveness.ts';
import { elementCount } from '../graph/tensor.ts';
import { type BuildOptions, buildNetwork, type NetworkDescription } from '../nets/network.ts';
import { fast } from '../train/recipes/fast.ts';
import { buildTrainingStep } from '../train/step.ts';

/** In bytes. */
export interface TrainingMemory {
  readonly weights: number;
  readonly gradients: number;
  readonly momentum: number;
  /** Activations, their gradients and the pictures, at the worst moment of the step. */
  readonly activations: number;
  readonly total: number;
}

export type TrainingType = 'f32' | 'bf16';

/** Memory of a step of SGD with momentum on `build.batch` pictures, by compute type. */
export function trainingMemory(
  description: NetworkDescription,
  build: BuildOptions & { readonly batch: number },
): Readonly<Record<TrainingType, TrainingMemory>> {
  const network = buildNetwork(description, { ...build, training: true });
  const { graph } = buildTrainingStep(network, { optimizer: fast.optimizer });
  const nodes = liveNodes(graph);
  /** Weight gradients and what the optimiser makes of them are counted with the weights. */
  const elsewhere = new Set<Value>();
  for (const { op, inputs, outputs } of nodes) {
    if (op.name === 'sgd') for (const value of [inputs[1] as Value, ...outputs]) elsewhere.add(value);
  }
  const sums = { parameter: 0, buffer: 0, optimizer: 0 };
  for (const { source, shape } of graph.states.values()) {
    if (source.kind === 'state') sums[source.role] += 4 * elementCount(shape);
  }
  const { parameter, buffer, optimizer } = sums;
  const measure = (type: TrainingType): TrainingMemory => {
    const bytesOf = (value: Value): number => {
      if (value.source.kind === 'state' || value.source.kind === 'constant' || elsewhere.has(value)) return 0;
      return elementCount(value.shape) * (value.precision === 'compute' && type === 'bf16' ? 2 : 4);
    };
    const activations = peakBytes(nodes, bytesOf, graph.outputs.values());
    const total = parameter + buffer + parameter + optimizer + activations;
    return {
      weights: parameter + buffer,
      gradients: parameter,
      momentum: optimizer,
      activations,
      total,
    };
  };
  return { f32: measure('f32'), bf16: measure('bf16') };
}
