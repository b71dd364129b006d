// A computation as data: values, and the nodes that make them. Networks, their training steps and their
// deconvnets are all graphs; engines run them. Nodes stand in the order in which they were added, which is
// an order in which they can run.
//
// State (weights, running statistics, momentum) belongs to the engine between runs: a graph names it, says
// how it starts, and lists the updates that a run makes to it, all at once after the last node.
import type { OpDefinition } from './op.ts';
import {
  elementCount,
  formatShape,
  type NumericArray,
  type Precision,
  type Shape,
  sameShape,
  type TensorType,
} from './tensor.ts';

/** `parameter`: trained; `buffer`: kept with the weights (running statistics); `optimizer`: only for training on. */
export type StateRole = 'parameter' | 'buffer' | 'optimizer';

/** How a state starts. `normal` and `uniform` are drawn from the seed and the state's name. */
export type Initial =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'uniform'; readonly bound: number };

export type Source =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'state'; readonly name: string; readonly role: StateRole; readonly initial: Initial }
  | { readonly kind: 'constant'; readonly data: NumericArray }
  | { readonly kind: 'node'; readonly node: Node; readonly output: number };

export interface Value extends TensorType {
  readonly graph: Graph;
  readonly id: number;
  readonly source: Source;
}

// biome-ignore lint/suspicious/noExplicitAny: a list of nodes holds attributes of every type
export interface Node<A = any> {
  readonly id: number;
  readonly op: OpDefinition<A>;
  readonly attributes: A;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** The module path that the weights' names use (`layer3.0.conv1`); empty outside any module. */
  readonly path: string;
}

export interface Graph {
  readonly nodes: Node[];
  readonly inputs: Map<string, Value>;
  readonly states: Map<string, Value>;
  readonly outputs: Map<string, Value>;
  readonly updates: Map<string, Value>;
  /** The value that a module path stands for: the last one made in its scope. */
  readonly modules: Map<string, Value>;
  valueCount: number;
  path: string;
}

/** An empty graph, to which inputs, states and ops are added. */
export function createGraph(): Graph {
  return {
    nodes: [],
    inputs: new Map(),
    states: new Map(),
    outputs: new Map(),
    updates: new Map(),
    modules: new Map(),
    valueCount: 0,
    path: '',
  };
}

function createValue(graph: Graph, type: TensorType, source: Source): Value {
  for (const size of type.shape) {
    if (!Number.isInteger(size) || size < 1) {
      throw new Error(`A tensor of shape ${formatShape(type.shape)} is empty or not of whole sizes.`);
    }
  }
  return { graph, id: graph.valueCount++, shape: type.shape, precision: type.precision, source };
}

/** A value that is fed on every run. */
export function input(graph: Graph, name: string, shape: Shape, precision: Precision = 'compute'): Value {
  if (graph.inputs.has(name)) throw new Error(`The graph has an input named ${name} already.`);
  const value = createValue(graph, { shape, precision }, { kind: 'input', name });
  graph.inputs.set(name, value);
  return value;
}

/** A named value that the engine keeps between runs; always in full precision. */
export function state(graph: Graph, name: string, shape: Shape, role: StateRole, initial: Initial): Value {
  if (graph.states.has(name)) throw new Error(`The graph has a state named ${name} already.`);
  const value = createValue(graph, { shape, precision: 'full' }, { kind: 'state', name, role, initial });
  graph.states.set(name, value);
  return value;
}

/** Gives a state another start; for graphs that are not compiled yet. */
export function setInitial(target: Value, initial: Initial): void {
  if (target.source.kind !== 'state') throw new Error('Only a state has a start.');
  (target as { source: Source }).source = { ...target.source, initial };
}

/** Numbers that never change, row-major. Throws an Error where they are not as many as the shape has. */
export function constant(
  graph: Graph,
  shape: Shape,
  data: NumericArray,
  precision: Precision = 'compute',
): Value {
  if (data.length !== elementCount(shape)) {
    throw new Error(`A constant of shape ${formatShape(shape)} got ${data.length} numbers.`);
  }
  return createValue(graph, { shape, precision }, { kind: 'constant', data });
}

/** Adds a node and gives its outputs. */
export function emit<A>(op: OpDefinition<A>, attributes: A, inputs: readonly Value[]): readonly Value[] {
  const graph = inputs[0]?.graph;
  if (graph === undefined) throw new Error(`${op.name} got no inputs.`);
  const stranger = inputs.find((value) => value.graph !== graph);
  if (stranger !== undefined) throw new Error(`${op.name} got a value of another graph.`);
  const outputs: Value[] = [];
  const node: Node<A> = { id: graph.nodes.length, op, attributes, inputs, outputs, path: graph.path };
  for (const type of op.infer(inputs, attributes)) {
    outputs.push(createValue(graph, type, { kind: 'node', node, output: outputs.length }));
  }
  graph.nodes.push(node);
  return outputs;
}

/** `emit` for ops with one output. */
export function emitOne<A>(op: OpDefinition<A>, attributes: A, inputs: readonly Value[]): Value {
  return emit(op, attributes, inputs)[0] as Value;
}

/** Runs `build` with `name` appended to the module path, and remembers what the module gave. */
export function scope(graph: Graph, name: string, build: () => Value): Value {
  const outer = graph.path;
  graph.path = outer === '' ? name : `${outer}.${name}`;
  try {
    const value = build();
    graph.modules.set(graph.path, value);
    return value;
  } finally {
    graph.path = outer;
  }
}

/** Has every run of the graph give `value` under that name. */
export function markOutput(name: string, value: Value): void {
  value.graph.outputs.set(name, value);
}

/** After a run, `target` (a state) holds `value`. */
export function update(target: Value, value: Value): void {
  if (target.source.kind !== 'state') throw new Error('Only a state can be updated.');
  if (!sameShape(target.shape, value.shape)) {
    throw new Error(
      `The update of ${target.source.name} has shape ${formatShape(value.shape)}, ` +
        `expected ${formatShape(target.shape)}.`,
    );
  }
  target.graph.updates.set(target.source.name, value);
}

/** The nodes that outputs and updates need, in order; all others may be left out of a run. */
export function liveNodes(graph: Graph): Node[] {
  const needed = new Set<Node>();
  const visit = (value: Value): void => {
    if (value.source.kind === 'node') needed.add(value.source.node);
  };
  for (const value of graph.outputs.values()) visit(value);
  for (const value of graph.updates.values()) visit(value);
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i] as Node;
    if (needed.has(node)) node.inputs.forEach(visit);
  }
  return graph.nodes.filter((node) => needed.has(node));
}
