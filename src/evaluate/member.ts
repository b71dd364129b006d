// One network of a test (of several, in an ensemble): its weights, how it takes pictures, what it is shown, and the
// programs that this needs.
import type { Size } from '../data/resample.ts';
import type { ComputeType, Engine, Program } from '../engines/engine.ts';
import { markOutput } from '../graph/graph.ts';
import { denseGraph } from './dense.ts';
import { buildModel, type Model, weightsFor, writeWeights } from './model.ts';
import type { Preprocessing } from './preprocessing.ts';
import type { Protocol } from './protocol.ts';

export interface Member {
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  readonly protocol: Protocol;
  /** Number of classes. */
  readonly classes: number;
}

/** A program with the member's weights: `images` of `shown` px (and the padding) in, `logits` out. */
export function compileMember(
  member: Member,
  shown: Size,
  batch: number,
  engine: Engine,
  dtype: ComputeType,
): Program {
  const { model, preprocessing, protocol, classes } = member;
  const network = buildModel(model, classes, preprocessing, batch);
  const weights = weightsFor(model, network);
  const { pad } = preprocessing;
  const dense = protocol.crops === 'dense';
  if (!dense) markOutput('logits', network.logits);
  const graph = dense ? denseGraph(network, shown.height + 2 * pad, shown.width + 2 * pad) : network.graph;
  const program = engine.compile(graph, { dtype });
  try {
    writeWeights(program, new Map([...weights].filter(([name]) => graph.states.has(name))));
    return program;
  } catch (error) {
    program.dispose();
    throw error;
  }
}
