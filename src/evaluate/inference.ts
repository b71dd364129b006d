// A model's graph as it answers: batch norms folded into the layers before them, layers quantised where the weights
// file is, and the weights fixed, so that an engine may keep what it makes of them.
import type { FixedWeights } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { foldGraph } from '../graph/rewrite/fold-batch-norm.ts';
import { planQuantisation, quantiseGraph } from '../graph/rewrite/quantise.ts';
import type { Network } from '../nets/network.ts';
import { version } from '../version.ts';
import { matchTensors } from '../weights/match.ts';
import type { Tensor } from '../weights/tensor-file.ts';
import type { Model } from './model.ts';

export interface InferenceGraph {
  readonly graph: Graph;
  /** Of the states of `graph`. */
  readonly weights: FixedWeights;
  /** Batch norms that are gone. */
  readonly folded: number;
}

/**
 * `graph` (the network's own, or one over larger pictures with the same states) for inference. Throws a UserError where
 * the file's tensors are not the network's.
 */
export function inferenceGraph(model: Model, network: Network, graph: Graph = network.graph): InferenceGraph {
  const { path, quantisation } = model;
  const own = quantisation === undefined ? network.graph : foldGraph(network.graph).graph;
  const wanted = [...own.states].map(([name, { shape }]) => ({ name, shape }));
  const tensors = matchTensors(model.file, wanted, path);
  const read = (name: string): Float32Array => (tensors.get(name) as Tensor).data;
  const { graph: plain, folded, numbersOf } = foldGraph(graph);
  const identity =
    model.identity &&
    JSON.stringify([
      model.identity,
      network.name,
      network.form,
      model.options,
      network.images.shape,
      version,
    ]);
  if (quantisation === undefined) {
    return { graph: plain, folded, weights: { read: (name) => numbersOf(name, read), identity } };
  }
  const plan = planQuantisation(plain);
  const known = new Set([...quantisation.sites.keys(), ...quantisation.weights.keys()]);
  const missing = [...plan.layers.keys(), ...plan.sites.map(({ name }) => name)].find(
    (name) => !known.has(name),
  );
  if (missing !== undefined) {
    throw new UserError(`${path} has no scale for ${missing}. Quantise the network again.`);
  }
  return { graph: quantiseGraph(plain, plan, quantisation), folded, weights: { read, identity } };
}
