// Which nodes of a quantised graph run on whole numbers. `quantize` in a graph says that a value is a multiple of its
// scale; where a layer reads such a value and such weights it can multiply the codes, and what comes behind it (the
// addition of another quantised value, a ReLU, the quantisation of the result) runs inside the same primitive, on the
// sums that it has in registers. Max pools, concatenations and reshapes move codes as they are.
import type { Graph, Node, Value } from '../../../graph/graph.ts';
import type { QuantizeAttributes } from '../../../graph/ops/quantize.ts';

/** What the codes of a value stand for: codes of `type`, times `scale`. */
export interface CodeType {
  readonly scale: number;
  readonly type: 'u8' | 's8';
}

/** A convolution or linear layer on codes, with what runs inside it. */
export interface QuantisedLayer {
  readonly layer: Node;
  readonly input: CodeType;
  /** The `quantize` of its weights; their values as they were before. */
  readonly weights: Node<QuantizeAttributes>;
  /** Added to the result, as codes. */
  readonly residual?: { readonly value: Value; readonly code: CodeType } | undefined;
  readonly relu: boolean;
  /** What the result is turned into; floats where there is nothing. */
  readonly result?: CodeType | undefined;
  /** The layer and what runs inside it, in order; it runs in the place of the last. */
  readonly chain: readonly Node[];
}

export interface QuantisedPlan {
  /** By the last node of the chain. */
  readonly layers: ReadonlyMap<Node, QuantisedLayer>;
  /** Nodes that another node's kernel runs. */
  readonly absorbed: ReadonlySet<Node>;
  /** Nodes that move codes. */
  readonly movers: ReadonlySet<Node>;
  codeOf(value: Value): CodeType | undefined;
  /** Whether `node` reads `value` as codes. */
  readsCodes(node: Node, value: Value): boolean;
  /** Whether a node behind `node` reads the value, or what a reshape makes of it in the same memory. */
  isReadAfter(value: Value, node: Node): boolean;
}

const moving = new Set(['maxPool', 'concat', 'reshape']);

export function planQuantised(graph: Graph, nodes: readonly Node[]): QuantisedPlan {
  const readers = new Map<Value, Node[]>();
  const place = new Map(nodes.map((node, i) => [node, i]));
  for (const node of nodes) {
    for (const value of new Set(node.inputs)) readers.set(value, [...(readers.get(value) ?? []), node]);
  }
  const kept = new Set<Value>([...graph.outputs.values(), ...graph.updates.values()]);
  const onlyReader = (value: Value): Node | undefined => {
    const list = readers.get(value) ?? [];
    return list.length === 1 && !kept.has(value) ? list[0] : undefined;
  };
  const codeOf = codeFinder();
  const layers = new Map<Node, QuantisedLayer>();
  const absorbed = new Set<Node>();
  for (const node of nodes) {
    const found = layerAt(node, { codeOf, onlyReader });
    if (found === undefined) continue;
    layers.set(found.chain.at(-1) as Node, found);
    for (const part of found.chain.slice(0, -1)) absorbed.add(part);
    if (onlyReader(found.weights.outputs[0] as Value) === node) absorbed.add(found.weights);
  }
  const movers = new Set(
    nodes.filter(({ op, outputs }) => moving.has(op.name) && codeOf(outputs[0] as Value) !== undefined),
  );
  const readAsCodes = new Map<Node, Set<Value>>();
  for (const { layer, residual, chain } of layers.values()) {
    readAsCodes.set(layer, new Set([layer.inputs[0] as Value]));
    const sum = chain.find(({ op }) => op.name === 'add');
    if (sum !== undefined && residual !== undefined) readAsCodes.set(sum, new Set([residual.value]));
  }
  return {
    layers,
    absorbed,
    movers,
    codeOf,
    readsCodes: (node, value) => movers.has(node) || readAsCodes.get(node)?.has(value) === true,
    isReadAfter(value, node) {
      const end = place.get(node) as number;
      return (readers.get(value) ?? []).some(
        (reader) => reader.op.name === 'reshape' || (place.get(reader) as number) > end,
      );
    },
  };
}

type CodeFinder = (value: Value) => CodeType | undefined;

function codeFinder(): CodeFinder {
  const known = new Map<Value, CodeType | undefined>();
  const find: CodeFinder = ({ source }) => {
    if (source.kind !== 'node') return undefined;
    const { op, attributes, inputs } = source.node;
    if (op.name === 'quantize') return codeTypeOf(attributes);
    if (!moving.has(op.name) || source.output !== 0) return undefined;
    const [first, ...others] = inputs.map(codeOf);
    const agree = others.every((each) => each?.scale === first?.scale && each?.type === first?.type);
    return agree ? first : undefined;
  };
  const codeOf: CodeFinder = (value) => {
    if (!known.has(value)) known.set(value, find(value));
    return known.get(value);
  };
  return codeOf;
}

/** Bytes saturate where they end; a quantisation that ends elsewhere stays a computation with floats. */
function codeTypeOf({ scales, low, high }: QuantizeAttributes): CodeType | undefined {
  if (scales.length !== 1) return undefined;
  const scale = scales[0] as number;
  if (low === 0 && high === 255) return { scale, type: 'u8' };
  return low === -128 && high === 127 ? { scale, type: 's8' } : undefined;
}

interface Finders {
  readonly codeOf: CodeFinder;
  onlyReader(value: Value): Node | undefined;
}

function layerAt(node: Node, { codeOf, onlyReader }: Finders): QuantisedLayer | undefined {
  if (node.op.name !== 'convolution' && node.op.name !== 'linear') return undefined;
  const [x, w, b] = node.inputs as [Value, Value, Value?];
  const input = codeOf(x);
  const weights = w.source.kind === 'node' ? w.source.node : undefined;
  // Signed inputs: without VNNI the library halves the weights for them, which costs a bit.
  if (input?.type !== 'u8' || weights === undefined || !areQuantisedWeights(weights)) return undefined;
  if (b !== undefined && b.source.kind !== 'state') return undefined;

  const chain: Node[] = [node];
  const next = (): Node | undefined => onlyReader(chain.at(-1)?.outputs[0] as Value);
  let residual: QuantisedLayer['residual'];
  const sum = next();
  if (sum?.op.name === 'add') {
    const other = sum.inputs.find((value) => value !== node.outputs[0]);
    const code = other && codeOf(other);
    if (other !== undefined && code !== undefined) {
      residual = { value: other, code };
      chain.push(sum);
    }
  }
  const relu = next()?.op.name === 'relu';
  if (relu) chain.push(next() as Node);
  const last = next();
  const result = last?.op.name === 'quantize' ? codeTypeOf(last.attributes) : undefined;
  if (result !== undefined) chain.push(last as Node);
  if (residual === undefined || result !== undefined) {
    return { layer: node, input, weights, residual, relu, result, chain };
  }
  // Codes can be added to codes alone: the sum is left to floats.
  return { layer: node, input, weights, relu: false, chain: [node] };
}

function areQuantisedWeights({ op, inputs, attributes }: Node): boolean {
  if (op.name !== 'quantize' || inputs[0]?.source.kind !== 'state') return false;
  const { low, high } = attributes as QuantizeAttributes;
  return low >= -64 && high <= 64;
}
