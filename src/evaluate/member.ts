// One network of a test (of several, in an ensemble): its weights, how it takes pictures, what it is shown, and the
// programs that this needs.
import type { Size } from '../data/resample.ts';
import type { ComputeType, Engine, Program } from '../engines/engine.ts';
import { markOutput } from '../graph/graph.ts';
import { denseGraph } from './dense.ts';
import { inferenceGraph } from './inference.ts';
import { buildModel, type Model } from './model.ts';
import type { Preprocessing } from './preprocessing.ts';
import type { Protocol } from './protocol.ts';

export interface Member {
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  readonly protocol: Protocol;
  /** Number of classes. */
  readonly classes: number;
}

/**
 * A program with the member's weights: `images` of `shown` px (and the padding) in, `logits` out. `cached`: what the
 * engine makes of the weights is kept on disk for the next process (not of dense tests, whose sizes are many).
 */
export function compileMember(
  member: Member,
  shown: Size,
  batch: number,
  engine: Engine,
  dtype: ComputeType,
  cached = false,
): Program {
  const { model, preprocessing, protocol, classes } = member;
  const network = buildModel(model, classes, preprocessing, batch);
  const { pad } = preprocessing;
  const dense = protocol.crops === 'dense';
  if (!dense) markOutput('logits', network.logits);
  const whole = dense ? denseGraph(network, shown.height + 2 * pad, shown.width + 2 * pad) : network.graph;
  const { graph, weights } = inferenceGraph(model, network, whole);
  return engine.compile(graph, { dtype, weights: cached && !dense ? weights : { read: weights.read } });
}
