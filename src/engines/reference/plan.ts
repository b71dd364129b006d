// What a run does, worked out once per program: the nodes that outputs and updates need, and after which node
// each value is wanted no more, so that its memory can go.
import { type Graph, liveNodes, type Node, type Value } from '../../graph/graph.ts';
import { elementCount } from '../../graph/tensor.ts';

export interface Step {
  readonly node: Node;
  /** Values whose last use this is. */
  readonly expired: readonly Value[];
}

export interface Plan {
  readonly steps: readonly Step[];
  /** Constants that the nodes, outputs and updates read. */
  readonly constants: readonly Value[];
  /** The most elements of node outputs that are alive at one time. */
  readonly peakElements: number;
}

export function planRun(graph: Graph): Plan {
  const nodes = liveNodes(graph);
  const kept = new Set<Value>([...graph.outputs.values(), ...graph.updates.values()]);
  const lastUse = new Map<Value, number>();
  nodes.forEach((node, i) => {
    for (const value of [...node.outputs, ...node.inputs]) lastUse.set(value, i);
  });
  const expiredAt: Value[][] = nodes.map(() => []);
  for (const [value, i] of lastUse) {
    if (value.source.kind === 'node' && !kept.has(value)) expiredAt[i]?.push(value);
  }
  const constants = new Set([...kept, ...lastUse.keys()].filter((value) => value.source.kind === 'constant'));
  const steps = nodes.map((node, i) => ({ node, expired: expiredAt[i] ?? [] }));
  return { steps, constants: [...constants], peakElements: peakElements(steps) };
}

function peakElements(steps: readonly Step[]): number {
  let alive = 0;
  let peak = 0;
  for (const { node, expired } of steps) {
    for (const { shape } of node.outputs) alive += elementCount(shape);
    peak = Math.max(peak, alive);
    for (const { shape } of expired) alive -= elementCount(shape);
  }
  return peak;
}
