// The order in which nodes run. Networks and gradients stand in a good order already; the optimiser does not:
// graphs list it at the end, so that every weight gradient would be kept until then. Each update runs as
// soon as its gradient is there and nobody else will read the weight. Messages to other ranks set out as soon as what
// they carry is there, and are waited for where the graph has it, behind the backward pass. A convolution's weight
// gradient runs before its data gradient: its input, often made again for it alone, is gone before that result comes.
import type { Node, Value } from '../../graph/graph.ts';
import { elementCount } from '../../graph/tensor.ts';

/** Ops that work on a weight and what is kept for it. */
export const optimizerOps: ReadonlySet<string> = new Set([
  'accumulate',
  'sgd',
  'clipFilters',
  'averageWeights',
]);

const eagerOps: ReadonlySet<string> = new Set([...optimizerOps, 'exchangeStart']);

export function schedule(given: readonly Node[]): Node[] {
  const nodes = weightGradientsFirst(given);
  const lastRead = new Map<Value, number>();
  nodes.forEach((node, i) => {
    if (eagerOps.has(node.op.name)) return;
    for (const value of node.inputs) lastRead.set(value, i);
  });
  const keys = new Map<Node, number>();
  nodes.forEach((node, i) => {
    if (!eagerOps.has(node.op.name)) {
      keys.set(node, i);
      return;
    }
    const ready = node.inputs.map(({ source }, k) => {
      if (source.kind === 'node') return keys.get(source.node) ?? i;
      return source.kind === 'state' ? (lastRead.get(node.inputs[k] as Value) ?? -1) : -1;
    });
    // The last of several at one place keeps the order of the graph, which lists what is read before its reader.
    keys.set(node, Math.floor(Math.max(...ready)) + 0.5);
  });
  return nodes
    .map((node, i) => ({ node, key: keys.get(node) as number, i }))
    .sort((a, b) => a.key - b.key || a.i - b.i)
    .map(({ node }) => node);
}

/** Where the data gradient is the larger of the two; else the weight gradient would only wait longer. */
function weightGradientsFirst(nodes: readonly Node[]): Node[] {
  const ordered = [...nodes];
  for (let i = 0; i + 1 < ordered.length; i++) {
    const [data, weights] = ordered.slice(i, i + 2) as [Node, Node];
    if (data.op.name !== 'convolutionBackwardData' || weights.op.name !== 'convolutionBackwardWeights')
      continue;
    if (data.inputs[0] !== weights.inputs[1] || sizeOf(data) < sizeOf(weights)) continue;
    ordered.splice(i, 2, weights, data);
  }
  return ordered;
}

function sizeOf({ outputs }: Node): number {
  return elementCount((outputs[0] as Value).shape);
}
