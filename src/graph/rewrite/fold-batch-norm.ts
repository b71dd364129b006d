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
import type { NumericArray } from '../tensor.ts';

export interface Folded {
  readonly graph: Graph;
  /** Every state of `graph`; those that no batch norm touched are the caller's arrays. */
  readonly weights: Map<string, Float32Array>;
  /** Batch norms that are gone. */
  readonly folded: number;
}

/**
 * The same outputs from fewer nodes: an equal graph without those batch norms that could be folded, and its
 * weights. A layer without bias gets one, named as its weight with `bias` at the end. `graph` is an inference
 * graph, `weights` its states in plain layout; neither is changed.
 */
export function foldBatchNorm(graph: Graph, weights: ReadonlyMap<string, Float32Array>): Folded {
  if (graph.updates.size > 0) {
    throw new Error('foldBatchNorm got a graph with updates, expected an inference graph.');
  }
  const nodes = liveNodes(graph);
  const folds = findFolds(graph, nodes);
  const layers = new Set([...folds.values()]);
  const result = createGraph();
  const newWeights = new Map<string, Float32Array>();
  const copies = new Map<Value, Value>();

  const keepState = (original: Value, data: Float32Array, name = stateName(original)): Value => {
    const { source } = original;
    if (source.kind !== 'state') throw new Error(`foldBatchNorm expected ${name} to be a state.`);
    newWeights.set(name, data);
    return state(result, name, original.shape, source.role, source.initial);
  };
  const copyOf = (value: Value): Value => {
    const known = copies.get(value);
    if (known !== undefined) return known;
    const { source, shape, precision } = value;
    let copy: Value;
    if (source.kind === 'state') copy = keepState(value, weightOf(value, weights));
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
        : [copyOf(layer.inputs[0] as Value), ...foldedWeights(layer, node, weights, keepState)];
    const outputs = emit(made.op, made.attributes, inputs);
    for (const [i, output] of node.outputs.entries()) copies.set(output, outputs[i] as Value);
  }
  result.path = '';
  for (const [name, value] of graph.outputs) result.outputs.set(name, copyOf(value));
  for (const [path, value] of graph.modules) {
    const copy = copies.get(value);
    if (copy !== undefined) result.modules.set(path, copy);
  }
  return { graph: result, weights: newWeights, folded: folds.size };
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

type KeepState = (original: Value, data: Float32Array, name?: string) => Value;

/** The weight and the bias of `layer` with `norm` in them. */
function foldedWeights(
  layer: Node,
  norm: Node,
  weights: ReadonlyMap<string, Float32Array>,
  keep: KeepState,
): [Value, Value] {
  const [gammaValue, betaValue, ...rest] = norm.inputs.slice(1) as [Value, Value, ...Value[]];
  const [gamma, beta, mean, variance] = [gammaValue, betaValue, ...rest].map((value) =>
    weightOf(value, weights),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const [, w, b] = layer.inputs as [Value, Value, Value?];
  const weight = weightOf(w, weights);
  const bias: NumericArray | undefined = b && weightOf(b, weights);
  const newWeight = new Float32Array(weight.length);
  const newBias = new Float32Array(beta.length);
  const perChannel = weight.length / beta.length;
  for (let channel = 0; channel < beta.length; channel++) {
    const spread = Math.sqrt((variance[channel] as number) + norm.attributes.epsilon);
    const scale = (gamma[channel] as number) / spread;
    for (let i = channel * perChannel; i < (channel + 1) * perChannel; i++) {
      newWeight[i] = (weight[i] as number) * scale;
    }
    const offset = (bias === undefined ? 0 : (bias[channel] as number)) - (mean[channel] as number);
    newBias[channel] = offset * scale + (beta[channel] as number);
  }
  const name = stateName(w).replace(/weight$/, 'bias');
  return [keep(w, newWeight), b === undefined ? keep(betaValue, newBias, name) : keep(b, newBias)];
}

function stateName({ source }: Value): string {
  return source.kind === 'state' ? source.name : source.kind;
}

function weightOf(value: Value, weights: ReadonlyMap<string, Float32Array>): Float32Array {
  const name = stateName(value);
  const data = weights.get(name);
  if (data === undefined) throw new Error(`foldBatchNorm got no numbers for the state ${name}.`);
  return data;
}
