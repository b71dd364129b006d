// Where eight bits are enough: which layers of an inference graph multiply whole numbers, and which values are kept as
// whole numbers between them. A layer (convolution or linear) is quantised where its input cannot be negative, so that
// it is unsigned and its weights are signed, the one product that CPUs have an instruction for; the first layer, which
// sees the picture itself, keeps full precision. Values are quantised where they are made, before pools and
// concatenations, which whole numbers pass through unchanged; what meets in a concatenation shares one scale. Of a sum
// the other summand is quantised too, so that a layer can add it to its own result.
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
import { quantize } from '../ops/quantize.ts';

/** A group of values that share one scale. */
export interface Site {
  /** Names the scale in files: the layer that reads them, and as what. */
  readonly name: string;
  readonly values: readonly Value[];
  readonly signed: boolean;
}

export interface QuantisationPlan {
  /** Layers that are quantised, by the name of their weights without `.weight`. */
  readonly layers: ReadonlyMap<string, Node>;
  readonly sites: readonly Site[];
}

/**
 * On CPUs without VNNI two products of an unsigned and a signed byte are added in 16 bits, with saturation
 * (`vpmaddubsw`; oneDNN, "Nuances of int8 computations"). 2 x 255 x 64 = 32640 fits, 2 x 255 x 127 does not: weights
 * have seven bits and inputs all eight, so that every CPU gives the same sums.
 */
export const weightRange = { low: -64, high: 64 } as const;
/** All that eight bits hold: what is beyond is cut as any conversion to bytes cuts it. */
export const valueRange = { unsigned: { low: 0, high: 255 }, signed: { low: -128, high: 127 } } as const;

/** What whole numbers pass through unchanged. */
const transparent = new Set(['maxPool', 'concat', 'reshape']);
/** What gives nothing negative where no input is negative. */
const keepsSign = new Set([
  ...transparent,
  'averagePool',
  'adaptiveAveragePool',
  'lrn',
  'add',
  'multiply',
  'slice',
  'pad',
]);
const neverNegative = new Set(['relu', 'sigmoid', 'softmax']);

/** `graph` is an inference graph with its batch norms folded. */
export function planQuantisation(graph: Graph): QuantisationPlan {
  const nodes = liveNodes(graph);
  const readers = new Map<Value, Node[]>();
  for (const node of nodes) {
    for (const value of new Set(node.inputs)) readers.set(value, [...(readers.get(value) ?? []), node]);
  }
  const isOutput = new Set(graph.outputs.values());
  const isNonNegative = nonNegativity();
  const layers = new Map<string, Node>();
  const names = new Map<Node, string>();
  for (const node of nodes) {
    const name = layerName(node, readers);
    if (name === undefined || !isNonNegative(node.inputs[0] as Value)) continue;
    layers.set(name, node);
    names.set(node, name);
  }

  const groups = createGroups();
  for (const [name, { inputs }] of layers) groups.join(`${name}.input`, rootsOf(inputs[0] as Value));
  for (const node of nodes) {
    if (node.op.name !== 'add') continue;
    const [main, other] = summands(node, (value) => {
      const layer = value.source.kind === 'node' ? value.source.node : undefined;
      return layer && names.has(layer) && readers.get(value)?.length === 1 && !isOutput.has(value)
        ? layer
        : undefined;
    });
    if (main === undefined || other === undefined || groups.has(other)) continue;
    // The shortcut's own layer; its result is signed, since nothing rectifies it.
    const source = other.source.kind === 'node' ? other.source.node : undefined;
    if (source && names.has(source)) groups.join(`${names.get(main)}.residual`, [other]);
  }
  const sites = groups.list().map(({ name, values }) => ({
    name,
    values,
    signed: !values.every(isNonNegative),
  }));
  return { layers, sites };
}

/** The name of a layer whose weights are a state that it alone reads. */
function layerName(node: Node, readers: ReadonlyMap<Value, readonly Node[]>): string | undefined {
  if (node.op.name !== 'convolution' && node.op.name !== 'linear') return undefined;
  const [, w] = node.inputs as [Value, Value];
  if (w.source.kind !== 'state' || readers.get(w)?.length !== 1) return undefined;
  return w.source.name.replace(/\.?weight$/, '');
}

/** The layer among the summands that nobody else reads, and the other summand. */
function summands(
  node: Node,
  layerOf: (value: Value) => Node | undefined,
): [main: Node | undefined, other: Value | undefined] {
  const [a, b] = node.inputs as [Value, Value];
  if (a === b) return [undefined, undefined];
  const first = layerOf(a);
  return first === undefined ? [layerOf(b), a] : [first, b];
}

/** The values of which `value` is a rearrangement. */
function rootsOf(value: Value): Value[] {
  const { source } = value;
  if (source.kind !== 'node' || !transparent.has(source.node.op.name)) return [value];
  return source.node.inputs.flatMap(rootsOf);
}

function nonNegativity(): (value: Value) => boolean {
  const known = new Map<Value, boolean>();
  const isNonNegative = (value: Value): boolean => {
    const { source } = value;
    if (source.kind !== 'node') return false;
    const { op, inputs } = source.node;
    const found =
      known.get(value) ??
      (neverNegative.has(op.name) || (keepsSign.has(op.name) && inputs.every(isNonNegative)));
    known.set(value, found);
    return found;
  };
  return isNonNegative;
}

/** Values that are joined share a group; a group is called what its first values were joined as. */
function createGroups() {
  interface Group {
    readonly name: string;
    readonly values: Value[];
  }
  const groupOf = new Map<Value, Group>();
  return {
    has: (value: Value): boolean => groupOf.has(value),
    join(name: string, values: readonly Value[]): void {
      const known = values.map((value) => groupOf.get(value)).find((group) => group !== undefined);
      const target = known ?? { name, values: [] };
      for (const value of values) {
        const group = groupOf.get(value);
        const moved = group === undefined ? [value] : group === target ? [] : group.values;
        for (const each of moved) {
          target.values.push(each);
          groupOf.set(each, target);
        }
      }
    },
    list: (): Group[] => [...new Set(groupOf.values())],
  };
}

export interface QuantisationScales {
  /** Of each site, by its name. */
  readonly sites: ReadonlyMap<string, number>;
  /** Of each layer's weights, one for each output channel, by the layer's name. */
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/**
 * An equal graph in which the planned values and weights pass through `quantize`. States keep their names. Outputs
 * are given as they are before. Throws an Error where a scale is missing.
 */
export function quantiseGraph(graph: Graph, plan: QuantisationPlan, scales: QuantisationScales): Graph {
  const result = createGraph();
  const copies = new Map<Value, Value>();
  /** What readers see of a quantised value. */
  const quantised = new Map<Value, Value>();
  const siteOf = new Map(plan.sites.flatMap((site) => site.values.map((value) => [value, site] as const)));
  const layerOfWeights = new Map([...plan.layers].map(([name, { inputs }]) => [inputs[1] as Value, name]));

  const copyOf = (value: Value): Value => {
    const known = copies.get(value);
    if (known !== undefined) return known;
    const { source, shape, precision } = value;
    if (source.kind !== 'state' && source.kind !== 'constant') {
      throw new Error(`quantiseGraph met a ${source.kind} before it was made.`);
    }
    const copy =
      source.kind === 'state'
        ? state(result, source.name, shape, source.role, source.initial)
        : constant(result, shape, source.data, precision);
    copies.set(value, copy);
    return copy;
  };
  const read = (value: Value): Value => {
    const layer = layerOfWeights.get(value);
    if (layer === undefined) return quantised.get(value) ?? copyOf(value);
    const own = scales.weights.get(layer);
    if (own === undefined) throw new Error(`There are no scales for the weights of ${layer}.`);
    return quantize(copyOf(value), { scales: own, ...weightRange });
  };

  for (const [name, value] of graph.inputs)
    copies.set(value, input(result, name, value.shape, value.precision));
  for (const node of liveNodes(graph)) {
    result.path = node.path;
    const outputs = emit(node.op, node.attributes, node.inputs.map(read));
    for (const [i, output] of node.outputs.entries()) {
      const copy = outputs[i] as Value;
      copies.set(output, copy);
      const site = siteOf.get(output);
      if (site === undefined) continue;
      const scale = scales.sites.get(site.name);
      if (scale === undefined) throw new Error(`There is no scale called ${site.name}.`);
      const range = site.signed ? valueRange.signed : valueRange.unsigned;
      quantised.set(output, quantize(copy, { scales: Float32Array.of(scale), ...range }));
    }
  }
  result.path = '';
  for (const [name, value] of graph.outputs) result.outputs.set(name, copyOf(value));
  for (const [path, value] of graph.modules) {
    const copy = copies.get(value);
    if (copy !== undefined) result.modules.set(path, copy);
  }
  return result;
}
