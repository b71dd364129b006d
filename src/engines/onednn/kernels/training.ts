// What surrounds the optimiser's step: gradients gathered over several steps, their norm, filters clipped, weights
// averaged. All of it is memory traffic, one pass over the numbers as they lie, by the ops' own definitions on the
// host: 1 to 2 ms per million weights each, and nothing on steps that leave everything as it is. Only filters that
// are clipped have to lie row-major, so that their gradients are reordered.
import type { Value } from '../../../graph/graph.ts';
import type { AccumulateAttributes } from '../../../graph/ops/accumulate.ts';
import type { Kernel } from '../lowering.ts';
import { flat, mayOverwrite } from './in-place.ts';

export const accumulate: Kernel = (lowering, node) => {
  const [gathered, g, microStep] = node.inputs as [Value, Value, Value];
  const result = node.outputs[0] as Value;
  if (!mayOverwrite(lowering, node, gathered, result)) return false;
  const attributes = node.attributes as AccumulateAttributes;
  const sum = lowering.current(gathered);
  const vector = flat(lowering, sum);
  const reads = [vector, flat(lowering, lowering.as(g, sum.layout)), lowering.plain(microStep)];
  lowering.host(node, reads, [vector], (inputs, outputs) => {
    node.op.evaluate({ attributes, inputs, inputShapes: [], outputs, outputShapes: [] });
  });
  lowering.alias(result, sum);
  return true;
};

export const clipNorm: Kernel = (lowering, node) => {
  const reads = node.inputs.map((value) =>
    value.precision === 'index' ? lowering.plain(value) : flat(lowering, lowering.current(value)),
  );
  const writes = node.outputs.map((value) => lowering.define(value, lowering.plainLayout(value)));
  const { attributes } = node;
  lowering.host(node, reads, writes, (inputs, outputs) => {
    node.op.evaluate({ attributes, inputs, inputShapes: [], outputs, outputShapes: [] });
  });
  return true;
};

/** In place where the optimiser left the filters in their state. */
export const clipFilters: Kernel = (lowering, node) => {
  const w = node.inputs[0] as Value;
  const step = w.source.kind === 'node' && w.source.node.op.name === 'sgd' ? w.source.node : undefined;
  const state = step?.inputs[0];
  if (step === undefined || state === undefined || !mayOverwrite(lowering, step, state, w)) return false;
  const filters = lowering.plain(w);
  if (filters.storage !== lowering.current(state).storage) return false;
  const { attributes } = node;
  const inputShapes = [w.shape];
  lowering.host(node, [filters], [filters], (inputs, outputs) => {
    node.op.evaluate({ attributes, inputs, inputShapes, outputs, outputShapes: inputShapes });
  });
  lowering.alias(node.outputs[0] as Value, filters);
  return true;
};

export const averageWeights: Kernel = (lowering, node) => {
  const [average, w, share] = node.inputs as [Value, Value, Value];
  const result = node.outputs[0] as Value;
  if (!mayOverwrite(lowering, node, average, result)) return false;
  const kept = lowering.current(average);
  const vector = flat(lowering, kept);
  const reads = [vector, flat(lowering, lowering.as(w, kept.layout)), lowering.plain(share)];
  lowering.host(node, reads, [vector], (inputs, outputs) => {
    // In place, a share of nothing needs no copy.
    if (inputs[2]?.[0] === 0) return;
    node.op.evaluate({ attributes: {}, inputs, inputShapes: [], outputs, outputShapes: [] });
  });
  lowering.alias(result, kept);
  return true;
};
