// Batch norm folded into the layer before it, for inference. With its statistics fixed it is a line per channel,
//   gamma (w x + b - mean) / sqrt(variance + epsilon) + beta  =  (s w) x + s (b - mean) + beta,
//   s = gamma / sqrt(variance + epsilon)
// which a convolution or linear layer can take into its weights and bias. Where something else reads the layer's
// own output or its weights, the batch norm stays.
import {
  constant,
  createGraph,
  emit,
  type Graph,
  input,
  liveNodes,
  type Node,
  state,
  type Value,
} from '../graph.ts';

export interface Folded {
  readonly graph: Graph;
  /** Every state of `graph`; those that no batch norm touched are the caller's arrays. */
  readonly weights: Map<string, Float32Array>;
  /** Batch norms that are gone. */
  readonly folded: number;
}

/** The numbers of a state of the original graph, in plain layout. */
export type ReadState = (name: string) => Float32Array;

export interface FoldedGraph {
  readonly graph: Graph;
  /** Batch norms that are gone. */
  readonly folded: number;
  /** The numbers of a state of `graph`, made of the original's whenever they are asked for. */
  numbersOf(name: string, read: ReadState): Float32Array;
}

/**
 * The same outputs from fewer nodes: an equal graph without those batch norms that could be folded, and its
 * weights. A layer without bias gets one, named as its weight with `bias` at the end. `graph` is an inference
 * graph, `weights` its states in plain layout; neither is changed.
 */
export function foldBatchNorm(graph: Graph, weights: ReadonlyMap<string, Float32Array>): Folded {
  const { graph: result, folded, numbersOf } = foldGraph(graph);
  const read: ReadState = (name) => {
    const data = weights.get(name);
    if (data === undefined) throw new Error(`foldBatchNorm got no numbers for the state ${name}.`);
    return data;
  };
  const newWeights = new Map([...result.states.keys()].map((name) => [name, numbersOf(name, read)]));
  return { graph: result, weights: newWeights, folded };
}

/** `foldBatchNorm` before there are numbers: what it does to the graph depends on the graph alone. */
export function foldGraph(graph: Graph): FoldedGraph {
  if (graph.updates.size > 0) {
    throw new Error('foldBatchNorm got a graph with updates, expected an inference graph.');
  }
  const nodes = liveNodes(graph);
  const folds = findFolds(graph, nodes);
  const layers = new Set([...folds.values()]);
  const result = createGraph();
  const numbers = new Map<string, (read: ReadState) => Float32Array>();
  const copies = new Map<Value, Value>();

  const keepState: KeepState = (original, data, name = stateName(original)) => {
    const { source } = original;
    if (source.kind !== 'state') throw new Error(`foldBatchNorm expected ${name} to be a state.`);
    numbers.set(name, data);
    return state(result, name, original.shape, source.role, source.initial);
  };
  const copyOf = (value: Value): Value => {
    const known = copies.get(value);
    if (known !== undefined) return known;
    const { source, shape, precision } = value;
    let copy: Value;
    if (source.kind === 'state') copy = keepState(value, (read) => read(source.name));
    else if (source.kind === 'constant') copy = constant(result, shape, source.data, precision);
    else throw new Error(`foldBatchNorm met a ${source.kind} before it was made.`);
    copies.set(value, copy);
    return copy;
  };

  for (const [name, value] of graph.inputs)
    copies.set(value, input(result, name, value.shape, value.precision));
  for (const node of nodes) {
    if (layers.has(node)) continue;
    const layer = folds.get(node);
    const made = layer ?? node;
    result.path = made.path;
    const inputs =
      layer === undefined
        ? node.inputs.map(copyOf)
        : [copyOf(layer.inputs[0] as Value), ...foldedWeights(layer, node, keepState)];
    const outputs = emit(made.op, made.attributes, inputs);
    for (const [i, output] of node.outputs.entries()) copies.set(output, outputs[i] as Value);
  }
  result.path = '';
  for (const [name, value] of graph.outputs) result.outputs.set(name, copyOf(value));
  for (const [path, value] of graph.modules) {
    const copy = copies.get(value);
    if (copy !== undefined) result.modules.set(path, copy);
  }
  return {
    graph: result,
    folded: folds.size,
    numbersOf(name, read) {
      const make = numbers.get(name);
      if (make === undefined) throw new Error(`The folded graph has no state named ${name}.`);
      return make(read);
    },
  };
}

/** The batch norms that can go, each with the layer that takes it in. */
function findFolds(graph: Graph, nodes: readonly Node[]): Map<Node, Node> {
  const readers = new Map<Value, number>();
  const read = (value: Value): void => void readers.set(value, (readers.get(value) ?? 0) + 1);
  for (const node of nodes) node.inputs.forEach(read);
  for (const value of graph.outputs.values()) read(value);
  const folds = new Map<Node, Node>();
  for (const node of nodes) {
    if (node.op.name !== 'batchNormInference') continue;
    const [x, ...statistics] = node.inputs as readonly [Value, ...Value[]];
    if (x.source.kind !== 'node' || !['convolution', 'linear'].includes(x.source.node.op.name)) continue;
    const layer = x.source.node;
    const [, ...own] = layer.inputs;
    const alone = [x, ...own].every((value) => readers.get(value) === 1);
    if (alone && [...own, ...statistics].every(({ source }) => source.kind === 'state'))
      folds.set(node, layer);
  }
  return folds;
}

type KeepState = (original: Value, data: (read: ReadState) => Float32Array, name?: string) => Value;

/** The weight and the bias of `layer` with `norm` in them. */
function foldedWeights(layer: Node, norm: Node, keep: KeepState): [Value, Value] {
  const [gamma, beta, mean, variance] = norm.inputs.slice(1) as [Value, Value, Value, Value];
  const [, w, b] = layer.inputs as [Value, Value, Value?];
  const scalesOf = (read: ReadState): Float64Array => {
    const spreads = read(stateName(variance));
    const factors = read(stateName(gamma));
    return Float64Array.from(
      factors,
      (factor, channel) => factor / Math.sqrt((spreads[channel] as number) + norm.attributes.epsilon),
    );
  };
  const newWeight = (read: ReadState): Float32Array => {
    const scales = scalesOf(read);
    const weight = read(stateName(w));
    const perChannel = weight.length / scales.length;
    const result = new Float32Array(weight.length);
    for (const [channel, scale] of scales.entries()) {
      for (let i = channel * perChannel; i < (channel + 1) * perChannel; i++) {
        result[i] = (weight[i] as number) * scale;
      }
    }
    return result;
  };
  const newBias = (read: ReadState): Float32Array => {
    const bias = b && read(stateName(b));
    const means = read(stateName(mean));
    const shifts = read(stateName(beta));
    return Float32Array.from(scalesOf(read), (scale, channel) => {
      const offset = (bias === undefined ? 0 : (bias[channel] as number)) - (means[channel] as number);
      return offset * scale + (shifts[channel] as number);
    });
  };
  const name = stateName(w).replace(/weight$/, 'bias');
  return [keep(w, newWeight), b === undefined ? keep(beta, newBias, name) : keep(b, newBias)];
}

function stateName({ source }: Value): string {
  return source.kind === 'state' ? source.name : source.kind;
}
