// What rewrites share: a second graph with the inputs and states of a first, filled node by node, at whose end outputs,
// updates and modules are those values that stand for the first graph's.
import { constant, createGraph, emit, type Graph, input, type Node, state, type Value } from '../graph.ts';

export interface Copy {
  readonly graph: Graph;
  /** What stands for a value of the first graph. */
  of(value: Value): Value;
  /** Says what stands for it from here on. */
  set(value: Value, copy: Value): void;
  /** Adds a node as it was, on what stands for its inputs or on `inputs`. */
  keep(node: Node, inputs?: readonly Value[]): void;
  finish(): Graph;
}

export function copyOf(original: Graph): Copy {
  const graph = createGraph();
  const copies = new Map<Value, Value>();
  for (const [name, value] of original.inputs) {
    copies.set(value, input(graph, name, value.shape, value.precision));
  }
  for (const [name, value] of original.states) {
    if (value.source.kind !== 'state') continue;
    const { role, initial } = value.source;
    copies.set(value, state(graph, name, value.shape, role, initial));
  }
  const of = (value: Value): Value => {
    const known = copies.get(value);
    if (known !== undefined) return known;
    if (value.source.kind !== 'constant') throw new Error('A value was read before it was made.');
    const copy = constant(graph, value.shape, value.source.data, value.precision);
    copies.set(value, copy);
    return copy;
  };
  return {
    graph,
    of,
    set: (value, copy) => {
      copies.set(value, copy);
    },
    keep(node, inputs = node.inputs.map(of)) {
      graph.path = node.path;
      const outputs = emit(node.op, node.attributes, inputs);
      for (const [i, value] of node.outputs.entries()) copies.set(value, outputs[i] as Value);
    },
    finish() {
      graph.path = '';
      for (const [name, value] of original.outputs) graph.outputs.set(name, of(value));
      for (const [name, value] of original.updates) graph.updates.set(name, of(value));
      for (const [path, value] of original.modules) {
        const copy = copies.get(value);
        if (copy !== undefined) graph.modules.set(path, copy);
      }
      return graph;
    },
  };
}
