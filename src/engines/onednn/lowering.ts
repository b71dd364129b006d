// From graph to steps. Lowering walks the nodes once, in order; each op's kernel asks for its inputs in the
// layouts that its primitive prefers and defines its outputs in the layout that the primitive gives. A value may
// exist in several layouts at once; a reorder is added the first time that another one is asked for, and is
// shared by everyone who asks again. An op without a native kernel runs its own definition on the host, on
// plain tensors; the report says `host` there.
import type { Graph, Node, Value } from '../../graph/graph.ts';
import { type NumericArray, sameShape } from '../../graph/tensor.ts';
import {
  argument,
  type Layout,
  type PostOperation,
  type PrimitiveDescriptor,
  type StorageType,
} from './abi.ts';
import type { Fusion } from './fusion.ts';
import type { Natives } from './natives.ts';
import { optimizerOps } from './schedule.ts';

/** A stretch of memory. `arena`: shared by liveness; `kept`: holds its content between runs. */
export interface Storage {
  readonly place: 'arena' | 'kept';
  bytes: number;
  /** Steps between which the content is needed, filled in by `lifetimes`. */
  first: number;
  last: number;
  offset: number;
}

/** A storage as one layout sees it. */
export interface Tensor {
  readonly layout: Layout;
  readonly storage: Storage;
}

interface StepBase {
  readonly op: string;
  readonly path: string;
  /** The node that it computes, or a part of it; none for reorders and copies. */
  readonly node?: Node | undefined;
  readonly reads: readonly Tensor[];
  readonly writes: readonly Tensor[];
  /** `writes[0]` may take over the storage of this tensor if nobody reads it later. */
  readonly inPlace?: Tensor | undefined;
}

export interface PrimitiveStep extends StepBase {
  readonly kind: 'primitive';
  readonly descriptor: PrimitiveDescriptor;
  readonly arguments: readonly (readonly [number: number, tensor: Tensor])[];
}

export interface HostStep extends StepBase {
  readonly kind: 'host';
  compute(inputs: readonly NumericArray[], outputs: readonly NumericArray[]): void;
}

export type Step = PrimitiveStep | HostStep;

export interface Lowered {
  readonly steps: Step[];
  /** Steps whose result depends on unchanging state only; run again when state was written. */
  readonly prologue: Step[];
  readonly inputs: Map<string, Tensor>;
  readonly states: Map<string, Tensor>;
  readonly constants: { readonly tensor: Tensor; readonly data: NumericArray }[];
  readonly outputs: Map<string, Tensor>;
}

export interface StepOptions {
  readonly inPlace?: Tensor | undefined;
  readonly op?: string;
}

/** What a kernel works with. */
export interface Lowering {
  readonly natives: Natives;
  readonly graph: Graph;
  readonly fusion: Fusion;
  readonly lowered: Lowered;
  /** Primitive descriptors that later nodes take as hints, by the forward node; with the workspace if any. */
  readonly forwards: Map<Node, { readonly descriptor: PrimitiveDescriptor; readonly workspace?: Tensor }>;
  /** Negated learning rates, by the value that feeds them. */
  readonly rates: Map<Value, Tensor>;
  consumers(value: Value): readonly Node[];
  isKeptOutput(value: Value): boolean;
  /** How native kernels keep a value. */
  storageType(value: Value): StorageType;
  dims(value: Value): readonly number[];
  any(value: Value): Layout;
  plainLayout(value: Value): Layout;
  /** The value in whatever layout it was made, in its native storage type. */
  current(value: Value): Tensor;
  /** The value in a given layout. */
  as(value: Value, layout: Layout): Tensor;
  /** The value row-major, f32 or s32. */
  plain(value: Value): Tensor;
  /** Row-major in its native storage type. */
  nativePlain(value: Value): Tensor;
  define(value: Value, layout: Layout): Tensor;
  /** Says that `value` is the content of a tensor that exists. */
  alias(value: Value, tensor: Tensor): void;
  temporary(layout: Layout): Tensor;
  step(
    node: Node,
    descriptor: PrimitiveDescriptor,
    inputs: readonly (readonly [number: number, tensor: Tensor])[],
    outputs: readonly (readonly [number: number, tensor: Tensor])[],
    options?: StepOptions,
  ): void;
  host(
    node: Node,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    compute: HostStep['compute'],
    inPlace?: Tensor,
  ): void;
}

/** Lowers a node natively and says so, or returns false to leave it to the host. */
export type Kernel = (lowering: Lowering, node: Node) => boolean;

export const reluAfter: readonly PostOperation[] = [{ kind: 'relu' }];

/**
 * The sizes under which oneDNN knows a value: a scalar is a vector of one, and the filters of a grouped
 * convolution (with what the optimiser keeps for them) have the groups as an axis of their own.
 */
function planDims(nodes: readonly Node[]): (value: Value) => readonly number[] {
  const grouped = new Map<Value, readonly number[]>();
  for (const node of nodes) {
    const groups = (node.attributes as { groups?: number }).groups ?? 1;
    const filters = filtersOf(node);
    if (groups > 1 && filters !== undefined) {
      const [o, ...rest] = filters.shape as [number, ...number[]];
      grouped.set(filters, [groups, o / groups, ...rest]);
    }
  }
  // Backwards once more: of what is gathered of a gradient that came from other ranks, the weight alone tells.
  const optimizer = nodes.filter(({ op }) => optimizerOps.has(op.name));
  for (const node of [...optimizer, ...optimizer.toReversed()]) {
    const shape = node.outputs[0]?.shape as readonly number[];
    const family = [...node.inputs, ...node.outputs].filter((value) => sameShape(value.shape, shape));
    const dims = family.map((value) => grouped.get(value)).find((found) => found !== undefined);
    if (dims !== undefined) for (const value of family) grouped.set(value, dims);
  }
  return (value) => grouped.get(value) ?? (value.shape.length === 0 ? [1] : value.shape);
}

function filtersOf(node: Node): Value | undefined {
  if (node.op.name === 'convolutionBackwardWeights') return node.outputs[0];
  return node.op.name.startsWith('convolution') ? node.inputs[1] : undefined;
}

export interface LoweringOptions {
  readonly natives: Natives;
  readonly graph: Graph;
  readonly nodes: readonly Node[];
  readonly fusion: Fusion;
  readonly dtype: 'f32' | 'bf16';
  readonly kernels: ReadonlyMap<string, Kernel>;
  /** The layout in which a state is kept; plain where there is no preference. */
  stateLayout(lowering: Lowering, state: Value): Layout | undefined;
}

export function lower(options: LoweringOptions): Lowered {
  const { natives, graph, nodes, fusion, dtype } = options;
  const lowered: Lowered = {
    steps: [],
    prologue: [],
    inputs: new Map(),
    states: new Map(),
    constants: [],
    outputs: new Map(),
  };
  const dims = planDims(nodes);
  const representations = new Map<Value, Tensor[]>();
  const consumersOf = new Map<Value, Node[]>();
  for (const node of nodes) {
    for (const value of new Set(node.inputs)) {
      consumersOf.set(value, [...(consumersOf.get(value) ?? []), node]);
    }
  }
  const keptOutputs = new Set<Value>([...graph.outputs.values(), ...graph.updates.values()]);

  const createStorage = (layout: Layout, place: Storage['place']): Storage => ({
    place,
    bytes: layout.bytes,
    first: Number.POSITIVE_INFINITY,
    last: Number.NEGATIVE_INFINITY,
    offset: -1,
  });
  const createTensor = (layout: Layout, place: Storage['place']): Tensor => ({
    layout,
    storage: createStorage(layout, place),
  });

  const storageType = (value: Value): StorageType =>
    value.precision === 'index' ? 's32' : value.precision === 'full' ? 'f32' : dtype;
  const hostType = (value: Value): StorageType => (value.precision === 'index' ? 's32' : 'f32');
  const plainOf = (value: Value, type: StorageType): Layout => natives.plainLayout(dims(value), type);

  /** Where a value that no node makes comes from. */
  const source = (value: Value): Tensor => {
    const plain = plainOf(value, hostType(value));
    if (value.source.kind === 'input') {
      const tensor = createTensor(plain, 'arena');
      lowered.inputs.set(value.source.name, tensor);
      return tensor;
    }
    if (value.source.kind === 'state') {
      const tensor = createTensor(options.stateLayout(lowering, value) ?? plain, 'kept');
      lowered.states.set(value.source.name, tensor);
      return tensor;
    }
    if (value.source.kind === 'constant') {
      const tensor = createTensor(plain, 'kept');
      lowered.constants.push({ tensor, data: value.source.data });
      return tensor;
    }
    throw new Error(`oneDNN: ${value.source.node.op.name} was used before it was lowered.`);
  };

  const known = (value: Value): Tensor[] => {
    let list = representations.get(value);
    if (list === undefined) {
      list = [source(value)];
      representations.set(value, list);
    }
    return list;
  };

  /** State that this graph never changes, and constants: their reorders run once. */
  const isUnchanging = (value: Value): boolean =>
    value.source.kind === 'constant' ||
    (value.source.kind === 'state' && !graph.updates.has(value.source.name));

  const lowering: Lowering = {
    natives,
    graph,
    fusion,
    lowered,
    forwards: new Map(),
    rates: new Map(),
    consumers: (value) => consumersOf.get(value) ?? [],
    isKeptOutput: (value) => keptOutputs.has(value),
    dims,
    storageType,
    any: (value) => natives.anyLayout(dims(value), storageType(value)),
    plainLayout: (value) => plainOf(value, storageType(value)),
    current(value) {
      const type = storageType(value);
      const found = known(value).find((tensor) => tensor.layout.type === type);
      return found ?? lowering.as(value, plainOf(value, type));
    },
    as(value, layout) {
      const list = known(value);
      const found = list.find((tensor) => natives.sameLayout(tensor.layout, layout));
      if (found !== undefined) return found;
      const from = list.find((tensor) => tensor.layout.type === layout.type) ?? (list[0] as Tensor);
      const once = isUnchanging(value);
      const to = createTensor(layout, once ? 'kept' : 'arena');
      const descriptor = natives.describe('reorder', { src: from.layout, dst: layout });
      if (descriptor === undefined)
        throw new Error(`oneDNN: no reorder for a value of ${value.shape.join('x')}.`);
      (once ? lowered.prologue : lowered.steps).push({
        kind: 'primitive',
        op: 'reorder',
        path: value.source.kind === 'node' ? value.source.node.path : pathOf(value),
        descriptor,
        arguments: [
          [argument.src, from],
          [argument.dst, to],
        ],
        reads: [from],
        writes: [to],
      });
      list.push(to);
      return to;
    },
    plain: (value) => lowering.as(value, plainOf(value, hostType(value))),
    nativePlain: (value) => lowering.as(value, plainOf(value, storageType(value))),
    define(value, layout) {
      const tensor = createTensor(layout, 'arena');
      representations.set(value, [tensor]);
      return tensor;
    },
    alias(value, tensor) {
      representations.set(value, [tensor]);
    },
    temporary: (layout) => createTensor(layout, 'arena'),
    step(node, descriptor, inputs, outputs, { inPlace, op = node.op.name } = {}) {
      const list = [...inputs, ...outputs];
      if (descriptor.scratchpadBytes > 0) {
        const layout = natives.plainLayout([descriptor.scratchpadBytes], 'u8');
        list.push([argument.scratchpad, createTensor(layout, 'arena')]);
      }
      lowered.steps.push({
        kind: 'primitive',
        op,
        path: node.path,
        node,
        descriptor,
        arguments: list,
        reads: inputs.map(([, tensor]) => tensor),
        writes: list.slice(inputs.length).map(([, tensor]) => tensor),
        inPlace,
      });
    },
    host(node, reads, writes, compute, inPlace) {
      lowered.steps.push({
        kind: 'host',
        op: node.op.name,
        path: node.path,
        node,
        reads,
        writes,
        compute,
        inPlace,
      });
    },
  };

  for (const node of nodes) lowerNode(lowering, node, options.kernels.get(node.op.name));
  for (const [name, value] of graph.outputs) {
    const tensor = lowering.plain(value);
    // An output that is a state shows it as it was before the updates.
    const changes = value.source.kind === 'state' && graph.updates.has(value.source.name);
    lowered.outputs.set(name, changes ? snapshot(lowering, name, tensor) : tensor);
  }
  applyUpdates(lowering);
  return lowered;
}

function pathOf(value: Value): string {
  return value.source.kind === 'state' || value.source.kind === 'input' ? value.source.name : '';
}

function lowerNode(lowering: Lowering, node: Node, kernel: Kernel | undefined): void {
  if (lowering.fusion.absorbed.has(node)) return;
  if (kernel?.(lowering, node)) return;
  lowerOnHost(lowering, node);
  const relu = lowering.fusion.reluAfter.get(node);
  if (relu !== undefined) lowerOnHost(lowering, relu);
}

/** Runs the op's own definition on plain tensors. */
export function lowerOnHost(lowering: Lowering, node: Node): void {
  const { op, attributes } = node;
  const inputs = node.inputs.map((value) => lowering.plain(value));
  const outputs = node.outputs.map((value) => {
    const type = value.precision === 'index' ? 's32' : 'f32';
    return lowering.define(value, lowering.natives.plainLayout(lowering.dims(value), type));
  });
  const inputShapes = node.inputs.map((value) => value.shape);
  const outputShapes = node.outputs.map((value) => value.shape);
  lowering.host(node, inputs, outputs, (inputArrays, outputArrays) => {
    for (const array of outputArrays) array.fill(0);
    op.evaluate({ attributes, inputs: inputArrays, inputShapes, outputs: outputArrays, outputShapes });
  });
}

function snapshot(lowering: Lowering, name: string, from: Tensor): Tensor {
  const to = lowering.temporary(from.layout);
  copy(lowering, name, from, to);
  return to;
}

function copy(lowering: Lowering, path: string, from: Tensor, to: Tensor): void {
  const descriptor = lowering.natives.describe('reorder', { src: from.layout, dst: to.layout });
  if (descriptor === undefined) throw new Error(`oneDNN: no copy for the state ${path}.`);
  lowering.lowered.steps.push({
    kind: 'primitive',
    op: 'update',
    path,
    descriptor,
    arguments: [
      [argument.src, from],
      [argument.dst, to],
    ],
    reads: [from],
    writes: [to],
  });
}

/** Copies updated values into their states, unless the optimiser's kernel wrote them in place. */
function applyUpdates(lowering: Lowering): void {
  const { graph } = lowering;
  const pending = [...graph.updates].map(([name, value]) => {
    const target = lowering.current(graph.states.get(name) as Value);
    return {
      name,
      target,
      from: lowering.as(value, target.layout),
      fromState: value.source.kind === 'state',
    };
  });
  const moves = pending.filter(({ target, from }) => from.storage !== target.storage);
  const staged = moves.map((move) => {
    if (!move.fromState) return move;
    return { ...move, from: snapshot(lowering, move.name, move.from) };
  });
  for (const { name, from, target } of staged) copy(lowering, name, from, target);
}
