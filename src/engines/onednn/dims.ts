// The sizes under which oneDNN knows the values of a graph, where they are not those of the graph.
import type { Node, Value } from '../../graph/graph.ts';
import { sameShape } from '../../graph/tensor.ts';
import { optimizerOps } from './schedule.ts';

/**
 * The sizes under which oneDNN knows a value: a scalar is a vector of one, and the filters of a grouped
 * convolution (with what the optimiser keeps for them) have the groups as an axis of their own.
 */
export function planDims(nodes: readonly Node[]): (value: Value) => readonly number[] {
  const grouped = new Map<Value, readonly number[]>();
  for (const node of nodes) {
    const groups = (node.attributes as { groups?: number }).groups ?? 1;
    const filters = filtersOf(node);
    if (groups > 1 && filters !== undefined) {
      const [o, ...rest] = filters.shape as [number, ...number[]];
      grouped.set(filters, [groups, o / groups, ...rest]);
    }
  }
  // Backwards once more: of what is gathered of a gradient that came from other ranks, the weight alone tells.
  const optimizer = nodes.filter(({ op }) => optimizerOps.has(op.name));
  for (const node of [...optimizer, ...optimizer.toReversed()]) {
    const shape = node.outputs[0]?.shape as readonly number[];
    const family = [...node.inputs, ...node.outputs].filter((value) => sameShape(value.shape, shape));
    const dims = family.map((value) => grouped.get(value)).find((found) => found !== undefined);
    if (dims !== undefined) for (const value of family) grouped.set(value, dims);
  }
  return (value) => grouped.get(value) ?? (value.shape.length === 0 ? [1] : value.shape);
}

function filtersOf(node: Node): Value | undefined {
  if (node.op.name === 'convolutionBackwardWeights') return node.outputs[0];
  return node.op.name.startsWith('convolution') ? node.inputs[1] : undefined;
}
