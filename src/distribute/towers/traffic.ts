// What towers hand to each other follows from the graph of a tower's training step.
import { type Graph, liveNodes } from '../../graph/graph.ts';
import { elementCount } from '../../graph/tensor.ts';

export interface Swap {
  /** The module that it is for, or whose gradient comes home. */
  readonly path: string;
  /** How many this tower hands over. */
  readonly numbers: number;
}

/** The swaps of a tower's graph, in its order. */
export function swapsOf(graph: Graph): Swap[] {
  return liveNodes(graph)
    .filter(({ op }) => op.name === 'swap')
    .map(({ path, inputs }) => ({ path, numbers: elementCount(inputs[0]?.shape ?? []) }));
}
