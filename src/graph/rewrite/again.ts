// An equal graph in which some nodes run twice: once where they stand, and once more, late, for the backward pass.
import { emit, type Graph, type Node, type Value } from '../graph.ts';
import { batchNormInferenceOp } from '../ops/batch-norm.ts';
import { type Copy, copyOf } from './copy.ts';
import type { Timeline } from './timeline.ts';

/** The graph that recomputes `values`, with the same names throughout; `graph` is not changed. */
export function withRecomputed(graph: Graph, timeline: Timeline, values: ReadonlySet<Value>): Graph {
  const copy = copyOf(graph);
  const repeats = new Map<Value, Value>();
  for (const { node, again } of timeline.order(values)) {
    const inputs = node.inputs.map((value, i) => {
      const repeated = again || timeline.readsAgain(node, i) ? repeats.get(value) : undefined;
      return repeated ?? copy.of(value);
    });
    if (again) repeats.set(node.outputs[0] as Value, repeat(node, inputs, copy));
    else copy.keep(node, inputs);
  }
  return copy.finish();
}

/** A batch norm has its statistics already, and must not count the batch a second time. */
function repeat(node: Node, inputs: readonly Value[], copy: Copy): Value {
  copy.graph.path = node.path;
  if (node.op.name !== 'batchNormTraining') return emit(node.op, node.attributes, inputs)[0] as Value;
  const [, mean, variance] = node.outputs as readonly [Value, Value, Value];
  const statistics = [copy.of(mean), copy.of(variance)];
  return emit(batchNormInferenceOp, node.attributes, [...inputs, ...statistics])[0] as Value;
}
