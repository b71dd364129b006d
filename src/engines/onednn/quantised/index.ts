// Kernels for quantised graphs, put before the ordinary ones: a layer on codes runs in the place of the last node that
// runs inside it; pools, concatenations and reshapes of codes move bytes; whoever else reads a quantised value gets it
// as floats. Where the library has nothing better for bytes than plain loops, the same nodes run on floats, and
// `quantize` is what its definition says.
import type { Graph, Node, Value } from '../../../graph/graph.ts';
import { argument, type Layout } from '../abi.ts';
import type { Fusion } from '../fusion.ts';
import { geometry } from '../kernels/pooling.ts';
import { type Kernel, type Lowering, lowerOnHost, type Tensor } from '../lowering.ts';
import { type CodeStore, createCodeStore, keptTensor } from './codes.ts';
import { lowerLayer } from './layer.ts';
import { type CodeType, planQuantised, type QuantisedPlan } from './plan.ts';

export interface Prepared {
  readonly fusion: Fusion;
  readonly kernels: ReadonlyMap<string, Kernel>;
}

/** The kernels and the fusion for a graph; as they came for one without `quantize`. */
export function withQuantisation(
  graph: Graph,
  nodes: readonly Node[],
  { fusion, kernels }: Prepared,
): Prepared {
  if (!nodes.some(({ op }) => op.name === 'quantize')) return { fusion, kernels };
  const plan = planQuantised(graph, nodes);
  const taken = new Set<unknown>([...plan.layers.values()].flatMap(({ chain }) => chain));
  for (const mover of plan.movers) taken.add(mover);
  const rest = without(fusion, taken);
  const own = quantisedKernel(plan, kernels);
  const names = new Set(nodes.map(({ op }) => op.name));
  return {
    fusion: { ...rest, absorbed: new Set([...rest.absorbed, ...plan.absorbed]) },
    kernels: new Map([...names].map((name) => [name, own])),
  };
}

/** The fusion without anything that touches these nodes. */
function without(fusion: Fusion, taken: ReadonlySet<unknown>): Fusion {
  const kept = Object.entries(fusion).map(([name, plan]) => {
    if (plan instanceof Map) {
      return [name, new Map([...plan].filter((pair) => !pair.some((each) => taken.has(each))))];
    }
    return [name, plan instanceof Set ? new Set([...plan].filter((node) => !taken.has(node))) : plan];
  });
  return Object.fromEntries(kept) as Fusion;
}

function quantisedKernel(plan: QuantisedPlan, ordinary: ReadonlyMap<string, Kernel>): Kernel {
  const stores = new WeakMap<Lowering, CodeStore>();
  const storeOf = (lowering: Lowering): CodeStore => {
    const store = stores.get(lowering) ?? createCodeStore(lowering);
    stores.set(lowering, store);
    return store;
  };
  const onFloats = (lowering: Lowering, node: Node): void => {
    if (ordinary.get(node.op.name)?.(lowering, node)) return;
    lowerOnHost(lowering, node);
    const relu = lowering.fusion.reluAfter.get(node);
    if (relu !== undefined) lowerOnHost(lowering, relu);
  };
  return (lowering, node) => {
    const codes = storeOf(lowering);
    const layer = plan.layers.get(node);
    if (layer !== undefined) {
      if (!lowerLayer({ lowering, plan, codes }, layer)) {
        // Floats, one node after another.
        quantiseWeights(lowering, layer.weights);
        for (const value of [layer.layer.inputs[0] as Value, layer.residual?.value]) {
          if (value !== undefined) codes.defineFloats(value);
        }
        for (const part of layer.chain) {
          if (part.op.name === 'quantize') quantise(lowering, codes, plan, part);
          else onFloats(lowering, part);
        }
      }
    } else if (node.op.name === 'quantize') {
      if (node.inputs[0]?.source.kind === 'state') quantiseWeights(lowering, node);
      else quantise(lowering, codes, plan, node);
    } else if (plan.movers.has(node)) {
      const value = node.outputs[0] as Value;
      const code = plan.codeOf(value) as CodeType;
      if (!moveCodes(lowering, codes, node, code)) {
        for (const each of node.inputs) codes.defineFloats(each);
        onFloats(lowering, node);
        codes.fromFloats(node, value, code, lowering.current(value));
      }
    } else {
      onFloats(lowering, node);
      return true;
    }
    const value = node.outputs[0] as Value;
    if (plan.codeOf(value) !== undefined && needsFloats(lowering, plan, value)) codes.defineFloats(value);
    return true;
  };
}

/** Whether somebody reads the value otherwise than as codes. */
function needsFloats(lowering: Lowering, plan: QuantisedPlan, value: Value): boolean {
  return (
    lowering.isKeptOutput(value) ||
    lowering.consumers(value).some((reader) => !plan.readsCodes(reader, value))
  );
}

/** The codes of a value that floats gave. */
function quantise(lowering: Lowering, codes: CodeStore, plan: QuantisedPlan, node: Node): void {
  const value = node.outputs[0] as Value;
  const code = plan.codeOf(value);
  if (code === undefined) lowerOnHost(lowering, node);
  else codes.fromFloats(node, value, code, lowering.current(node.inputs[0] as Value));
}

/** Weights as multiples of their scales, for kernels on floats: made once. */
function quantiseWeights(lowering: Lowering, node: Node): void {
  const { op, attributes } = node;
  const value = node.outputs[0] as Value;
  const [w] = node.inputs as [Value];
  const from = lowering.plain(w);
  const to = keptTensor(lowering.natives.plainLayout(lowering.dims(value), 'f32'));
  lowering.lowered.prologue.push({
    kind: 'host',
    op: 'quantize',
    path: node.path,
    reads: [from],
    writes: [to],
    compute(inputs, outputs) {
      const shapes = [w.shape];
      op.evaluate({ attributes, inputs, inputShapes: shapes, outputs, outputShapes: shapes });
    },
  });
  lowering.alias(value, to);
}

/** The op on codes as they are; false where the library has no way for bytes. */
function moveCodes(lowering: Lowering, codes: CodeStore, node: Node, code: CodeType): boolean {
  const value = node.outputs[0] as Value;
  const move = movers[node.op.name];
  const target = move?.(lowering, codes, node, code);
  if (target === undefined) return false;
  codes.hold(node, value, code, target);
  return true;
}

type Mover = (lowering: Lowering, codes: CodeStore, node: Node, code: CodeType) => Tensor | undefined;

const movers: Readonly<Record<string, Mover>> = {
  /** Row-major codes under other sizes: the same memory, no step. */
  reshape({ natives, dims }, codes, { inputs, outputs }, { type }) {
    const from = codes.as(inputs[0] as Value, natives.plainLayout(dims(inputs[0] as Value), type));
    return { ...from, layout: natives.plainLayout(dims(outputs[0] as Value), type) };
  },
  concat(lowering, codes, node) {
    const { natives } = lowering;
    const { layout: first } = codes.current(node.inputs[0] as Value);
    const sources = node.inputs.map((value) =>
      codes.as(value, natives.layoutLike(first, lowering.dims(value))),
    );
    const layouts = sources.map(({ layout }) => layout);
    const { axis } = node.attributes;
    const descriptor = natives.describe('concat', { axis, sources: layouts, dst: null });
    if (descriptor === undefined) return undefined;
    const target = lowering.temporary(descriptor.layout('dst') as Layout);
    const arguments_ = sources.map((source, i) => [argument.multipleSources + i, source] as const);
    lowering.step(node, descriptor, arguments_, [[argument.dst, target]]);
    return target;
  },
  maxPool(lowering, codes, node, { type }) {
    const [x, y] = [node.inputs[0] as Value, node.outputs[0] as Value];
    const window = geometry(node.attributes, x.shape, y.shape);
    if (window === undefined) return undefined;
    const source = codes.current(x);
    const descriptor = lowering.natives.describe('poolingForward', {
      ...window,
      algorithm: 'max',
      training: false,
      src: source.layout,
      dst: lowering.natives.anyLayout(lowering.dims(y), type),
    });
    if (descriptor === undefined) return undefined;
    const target = lowering.temporary(descriptor.layout('dst') as Layout);
    lowering.step(node, descriptor, [[argument.src, source]], [[argument.dst, target]]);
    return target;
  },
};
