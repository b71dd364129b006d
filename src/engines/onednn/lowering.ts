// From graph to steps. Lowering walks the nodes once, in order; each op's kernel asks for its inputs in the
// layouts that its primitive prefers and defines its outputs in the layout that the primitive gives. A value may
// exist in several layouts at once; a reorder is added the first time that another one is asked for, and is
// shared by everyone who asks again. An op without a native kernel runs its own definition on the host, on
// plain tensors; the report says `host` there.
import type { Graph, Node, Value } from '../../graph/graph.ts';
import type { NumericArray } from '../../graph/tensor.ts';
import {
  argument,
  type FloatType,
  type Layout,
  type PostOperation,
  type PrimitiveDescriptor,
  type StorageType,
} from './abi.ts';
import type { Tuner } from './autotune/tuner.ts';
import { planDims } from './dims.ts';
import type { Fusion } from './fusion.ts';
import type { Natives } from './natives.ts';
import { applyUpdates, snapshot } from './updates.ts';

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
  /** Where in the storage its first element lies; default 0. */
  readonly byteOffset?: number;
}

interface StepBase {
  readonly op: string;
  readonly path: string;
  /** The node that it computes, or a part of it; none for reorders and copies. */
  readonly node?: Node | undefined;
  readonly reads: readonly Tensor[];
  readonly writes: readonly Tensor[];
  /** Each result may take over the storage of the tensor in the same place here if nobody reads that later. */
  readonly inPlace?: readonly (Tensor | undefined)[];
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

/** Code of our own. */
export interface Code {
  readonly implementation: string;
  readonly address: bigint;
  /** The library's first choice for the same. */
  readonly instead: PrimitiveDescriptor;
}

export interface CodeStep extends StepBase, Code {
  readonly kind: 'code';
  /** What the code finds in its table, in that order; undefined for what it does not look at. */
  readonly arguments: readonly (Tensor | undefined)[];
}

export type NativeStep = PrimitiveStep | CodeStep;
export type Step = NativeStep | HostStep;

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

export interface CodeOptions {
  /** Where it is not the whole node. */
  readonly op?: string;
  /** How many of the last arguments are results; default 1. */
  readonly results?: number;
  /** For each of the results. */
  readonly inPlace?: readonly (Tensor | undefined)[];
  /** Room of the code's own, behind the result among its arguments. */
  readonly scratch?: Tensor;
  /** Of what never changes: in the prologue. */
  readonly once?: boolean;
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
  /** Decides between implementations; without one the library's own choice runs. */
  readonly tuner?: Tuner | undefined;
  consumers(value: Value): readonly Node[];
  isKeptOutput(value: Value): boolean;
  /** Constants, and states that this graph never changes: what is derived from them is made once, in the prologue. */
  isUnchanging(value: Value): boolean;
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
  /** Room without a value; `kept`: for what steps of the prologue make. */
  temporary(layout: Layout, place?: Storage['place']): Tensor;
  /** `count` times the same number as a vector, made once. */
  constant(count: number, number: number, type: StorageType): Tensor;
  /** Copies into another layout or type. `once`: of what never changes, in the prologue. */
  move(node: Node, from: Tensor, to: Tensor, options?: { once?: boolean }): void;
  step(
    node: Node,
    descriptor: PrimitiveDescriptor,
    inputs: readonly (readonly [number: number, tensor: Tensor])[],
    outputs: readonly (readonly [number: number, tensor: Tensor])[],
    options?: StepOptions,
  ): void;
  /** The last of the tensors are the results. */
  code(node: Node, code: Code, tensors: readonly (Tensor | undefined)[], options?: CodeOptions): void;
  host(
    node: Node,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    compute: HostStep['compute'],
    inPlace?: Tensor,
  ): void;
  /**
   * A lowering of single nodes of the same graph, apart from it, with native objects of its own. What other nodes make
   * is there already, in the layouts that `handed` says; those that it does not say are noted there as they are asked for.
   */
  isolated(natives: Natives, handed: Map<Value, Layout>): Lowering;
}

/** Lowers a node natively and says so, or returns false to leave it to the host. */
export type Kernel = (lowering: Lowering, node: Node) => boolean;

/** Steps after which a copy of weights is made again: it would take memory through most of a step, and costs little. */
const farApart = 200;

export const reluAfter: readonly PostOperation[] = [{ kind: 'relu' }];

export interface LoweringOptions {
  readonly natives: Natives;
  readonly graph: Graph;
  readonly nodes: readonly Node[];
  readonly fusion: Fusion;
  readonly dtype: FloatType;
  readonly kernels: ReadonlyMap<string, Kernel>;
  /** The layout in which a state is kept; plain where there is no preference. */
  stateLayout(lowering: Lowering, state: Value): Layout | undefined;
  readonly tuner?: Tuner | undefined;
}

export function lower(options: LoweringOptions): Lowered {
  const { graph, nodes, kernels } = options;
  const lowering = createLowering(options);
  const { lowered } = lowering;
  for (const node of nodes) lowerNode(lowering, node, kernels.get(node.op.name));
  for (const [name, value] of graph.outputs) {
    const tensor = lowering.plain(value);
    // An output that is a state shows it as it was before the updates.
    const changes = value.source.kind === 'state' && graph.updates.has(value.source.name);
    lowered.outputs.set(name, changes ? snapshot(lowering, name, tensor) : tensor);
  }
  applyUpdates(lowering);
  return lowered;
}

/** What the nodes of a graph say of its values, whoever lowers them. */
interface Analysis {
  readonly options: LoweringOptions;
  dims(value: Value): readonly number[];
  readonly consumersOf: ReadonlyMap<Value, readonly Node[]>;
  readonly keptOutputs: ReadonlySet<Value>;
}

function createLowering(options: LoweringOptions): Lowering {
  const { graph, nodes } = options;
  const consumersOf = new Map<Value, Node[]>();
  for (const node of nodes) {
    for (const value of new Set(node.inputs)) {
      consumersOf.set(value, [...(consumersOf.get(value) ?? []), node]);
    }
  }
  const keptOutputs = new Set<Value>([...graph.outputs.values(), ...graph.updates.values()]);
  const analysis: Analysis = { options, dims: planDims(nodes), consumersOf, keptOutputs };
  return loweringOf(analysis, options.natives, options.tuner);
}

function loweringOf(
  analysis: Analysis,
  natives: Natives,
  tuner?: Tuner,
  handed?: Map<Value, Layout>,
): Lowering {
  const { options, dims, consumersOf, keptOutputs } = analysis;
  const { graph, fusion, dtype } = options;
  const lowered: Lowered = {
    steps: [],
    prologue: [],
    inputs: new Map(),
    states: new Map(),
    constants: [],
    outputs: new Map(),
  };
  const representations = new Map<Value, Tensor[]>();
  /** How many steps there were before copies of weights that change were made. */
  const copies = new Map<Tensor, number>();
  const constants = new Map<string, Tensor>();

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

  /** Where a value that no node makes comes from; `asked`: the layout that somebody likes. */
  const source = (value: Value, asked: Layout | undefined): Tensor => {
    if (handed !== undefined && (value.source.kind === 'node' || value.source.kind === 'input')) {
      const layout = handed.get(value) ?? asked ?? plainOf(value, storageType(value));
      handed.set(value, layout);
      const tensor = createTensor(layout, 'arena');
      lowered.inputs.set(`${lowered.inputs.size}`, tensor);
      return tensor;
    }
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

  const known = (value: Value, asked?: Layout): Tensor[] => {
    let list = representations.get(value);
    if (list === undefined) {
      list = [source(value, asked)];
      representations.set(value, list);
    }
    return list;
  };

  /** State that this graph never changes, and constants: their reorders run once. */
  const isUnchanging = (value: Value): boolean =>
    value.source.kind === 'constant' ||
    (value.source.kind === 'state' && !graph.updates.has(value.source.name));

  const pushReorder = (steps: Step[], path: string, from: Tensor, to: Tensor): void => {
    const descriptor = natives.describe('reorder', { src: from.layout, dst: to.layout });
    if (descriptor === undefined)
      throw new Error(`oneDNN: no reorder for ${from.layout.dims.join('x')} at '${path}'.`);
    // The prologue runs beside the plan of the arena.
    const scratchpad = scratchpadOf(descriptor, steps === lowered.prologue ? 'kept' : 'arena');
    steps.push({
      kind: 'primitive',
      op: 'reorder',
      path,
      descriptor,
      arguments: [[argument.src, from], [argument.dst, to], ...scratchpad],
      reads: [from],
      writes: [to, ...scratchpad.map(([, tensor]) => tensor)],
    });
  };

  const scratchpadOf = (descriptor: PrimitiveDescriptor, place: Storage['place']): [number, Tensor][] => {
    const bytes = descriptor.scratchpadBytes;
    return bytes === 0
      ? []
      : [[argument.scratchpad, createTensor(natives.plainLayout([bytes], 'u8'), place)]];
  };

  const lowering: Lowering = {
    natives,
    graph,
    fusion,
    lowered,
    forwards: new Map(),
    rates: new Map(),
    tuner,
    consumers: (value) => consumersOf.get(value) ?? [],
    isKeptOutput: (value) => keptOutputs.has(value),
    isUnchanging,
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
      const list = known(value, layout);
      const found = list.find((tensor) => natives.sameLayout(tensor.layout, layout));
      const isOld = found !== undefined && lowered.steps.length - (copies.get(found) ?? Infinity) > farApart;
      if (found !== undefined && !isOld) return found;
      if (isOld) list.splice(list.indexOf(found), 1);
      const from = list.find((tensor) => tensor.layout.type === layout.type) ?? (list[0] as Tensor);
      const once = isUnchanging(value);
      const to = createTensor(layout, once ? 'kept' : 'arena');
      const path = value.source.kind === 'node' ? value.source.node.path : pathOf(value);
      if (value.source.kind === 'state' && !once) copies.set(to, lowered.steps.length);
      pushReorder(once ? lowered.prologue : lowered.steps, path, from, to);
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
    temporary: (layout, place = 'arena') => createTensor(layout, place),
    constant(count, number, type) {
      const key = `${count} ${number} ${type}`;
      let tensor = constants.get(key);
      if (tensor === undefined) {
        tensor = createTensor(natives.plainLayout([count], 'f32'), 'kept');
        lowered.constants.push({ tensor, data: new Float32Array(count).fill(number) });
        if (type !== 'f32') {
          const plain = tensor;
          tensor = createTensor(natives.plainLayout([count], type), 'kept');
          pushReorder(lowered.prologue, '', plain, tensor);
        }
        constants.set(key, tensor);
      }
      return tensor;
    },
    move: (node, from, to, { once = false } = {}) =>
      pushReorder(once ? lowered.prologue : lowered.steps, node.path, from, to),
    step(node, descriptor, inputs, outputs, { inPlace, op = node.op.name } = {}) {
      const list = [...inputs, ...outputs, ...scratchpadOf(descriptor, 'arena')];
      lowered.steps.push({
        kind: 'primitive',
        op,
        path: node.path,
        node,
        descriptor,
        arguments: list,
        reads: inputs.map(([, tensor]) => tensor),
        writes: list.slice(inputs.length).map(([, tensor]) => tensor),
        inPlace: [inPlace],
      });
    },
    code(node, code, tensors, { op = node.op.name, results = 1, inPlace = [], scratch, once = false } = {}) {
      const there = tensors.filter((tensor) => tensor !== undefined);
      (once ? lowered.prologue : lowered.steps).push({
        kind: 'code',
        op,
        path: node.path,
        node,
        ...code,
        arguments: scratch ? [...tensors, scratch] : tensors,
        reads: there.slice(0, -results),
        writes: [...there.slice(-results), ...(scratch ? [scratch] : [])],
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
        inPlace: [inPlace],
      });
    },
    isolated: (own, layouts) => loweringOf(analysis, own, undefined, layouts),
  };

  return lowering;
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
