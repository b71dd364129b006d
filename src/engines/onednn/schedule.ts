// The order in which nodes run. Networks and gradients stand in a good order already; the optimiser does not:
// graphs list it at the end, so that every weight gradient would be kept until then. Each update runs as
// soon as its gradient is there and nobody else will read the weight.
import type { Node, Value } from '../../graph/graph.ts';

export function schedule(nodes: readonly Node[]): Node[] {
  const lastRead = new Map<Value, number>();
  nodes.forEach((node, i) => {
    if (node.op.name === 'sgd') return;
    for (const value of node.inputs) lastRead.set(value, i);
  });
  const position = new Map(nodes.map((node, i) => [node, i]));
  const key = (node: Node, i: number): number => {
    if (node.op.name !== 'sgd') return i;
    const ready = node.inputs.map((value) => {
      const made = value.source.kind === 'node' ? (position.get(value.source.node) ?? i) : -1;
      return Math.max(made, value.source.kind === 'state' ? (lastRead.get(value) ?? -1) : -1);
    });
    return Math.max(...ready) + 0.5;
  };
  return nodes
    .map((node, i) => ({ node, key: key(node, i), i }))
    .sort((a, b) => a.key - b.key || a.i - b.i)
    .map(({ node }) => node);
}
