// What a network costs and what its positions see: parameters, multiply-adds, activations, depth, and for each
// layer its receptive field (the height in pixels of the picture that one output position depends on) and jump
// (the pixels between the fields of two neighbours). Both grow along windows, r += (kernel - 1) j and j *= stride; where paths join,
// the wider one counts; a gate that multiplies whole planes (SE) is no path. Fields are as the literature gives
// them, not cut at the picture's borders.
import { type Graph, liveNodes, type Node, type Value } from './graph.ts';
import { isGate } from './ops/multiply.ts';
import { elementCount, type Shape } from './tensor.ts';

export interface LayerCost {
  /** Module path (`layer3.0.conv1`), or the op where there is none. */
  readonly name: string;
  readonly op: string;
  readonly outputShape: Shape;
  /** Trained numbers that this layer is the first to use. */
  readonly params: number;
  /** Multiply-adds of one run, over the whole batch. */
  readonly macs: number;
  /** In pixels of the picture's height; absent for layers that do not depend on the picture. */
  readonly receptiveField?: number;
  readonly jump?: number;
}

export interface GraphCost {
  /** Trained numbers. */
  readonly parameters: number;
  /** Numbers kept with the weights (running statistics). */
  readonly buffers: number;
  /** Multiply-adds of one run, over the whole batch. */
  readonly macs: number;
  /** Output elements of all convolutions, over the whole batch (Radosavovic et al. 2020, section 3.3). */
  readonly activations: number;
  readonly convolutions: number;
  readonly linears: number;
  /** Convolutions and linear layers on the longest way to a result; those of gates (SE) lie beside the way. */
  readonly depth: number;
  readonly layers: readonly LayerCost[];
}

/** What a position sees of the picture. */
interface View {
  readonly receptiveField: number;
  readonly jump: number;
}

const layerOps: ReadonlySet<string> = new Set([
  'convolution',
  'linear',
  'relu',
  'tanh',
  'sigmoid',
  'batchNormTraining',
  'batchNormInference',
  'lrn',
  'maxPool',
  'averagePool',
  'adaptiveAveragePool',
  'dropout',
  'add',
  'multiply',
  'concat',
  'slice',
  'pad',
  'reshape',
  'softmax',
]);

/**
 * Counts a forward graph; build it with batch 1 for the figures of the papers. `picture` names the input that
 * receptive fields are measured on (default: the first input with four axes).
 */
export function costOf(graph: Graph, options: { readonly picture?: string } = {}): GraphCost {
  const nodes = graph.outputs.size > 0 ? liveNodes(graph) : graph.nodes;
  const picture = pictureOf(graph, options.picture);
  const views = new Map<Value, View>();
  if (picture !== undefined) views.set(picture, { receptiveField: 1, jump: 1 });
  const height = picture?.shape[2] ?? 1;
  const counted = new Set<Value>();
  const layers: LayerCost[] = [];
  const weighted = { convolution: 0, linear: 0 };
  const depths = new Map<Value, number>();
  const read = new Set<Value>(nodes.flatMap((node) => node.inputs));
  let macs = 0;
  let activations = 0;
  for (const node of nodes) {
    const view = viewAfter(node, views, height);
    if (view !== undefined) for (const output of node.outputs) views.set(output, view);
    const ownMacs = macsOf(node);
    macs += ownMacs;
    const { name } = node.op;
    const isWeighted = name === 'convolution' || name === 'linear';
    if (isWeighted) weighted[name]++;
    if (name === 'convolution') activations += elementCount((node.outputs[0] as Value).shape);
    const before = Math.max(0, ...pathsInto(node).map((value) => depths.get(value) ?? 0));
    for (const output of node.outputs) depths.set(output, before + (isWeighted ? 1 : 0));
    if (!layerOps.has(name)) continue;
    layers.push({
      name: node.path === '' ? name : node.path,
      op: name,
      outputShape: (node.outputs[0] as Value).shape,
      params: countStates(node.inputs, 'parameter', counted),
      macs: ownMacs,
      ...view,
    });
  }
  const states = [...graph.states.values()];
  return {
    parameters: countStates(states, 'parameter', new Set()),
    buffers: countStates(states, 'buffer', new Set()),
    macs,
    activations,
    convolutions: weighted.convolution,
    linears: weighted.linear,
    depth: Math.max(0, ...[...depths].map(([value, depth]) => (read.has(value) ? 0 : depth))),
    layers,
  };
}

function pictureOf(graph: Graph, name: string | undefined): Value | undefined {
  if (name === undefined) return [...graph.inputs.values()].find(({ shape }) => shape.length === 4);
  const value = graph.inputs.get(name);
  if (value === undefined) throw new Error(`The graph has no input named ${name} to measure on.`);
  return value;
}

/** Elements of the states of a role among `values`, each counted once and remembered in `counted`. */
function countStates(values: readonly Value[], role: 'parameter' | 'buffer', counted: Set<Value>): number {
  let count = 0;
  for (const value of values) {
    const { source } = value;
    if (source.kind !== 'state' || source.role !== role || counted.has(value)) continue;
    counted.add(value);
    count += elementCount(value.shape);
  }
  return count;
}

const shapesOf = (values: readonly Value[]): Shape[] => values.map(({ shape }) => shape);

/** Multiply-adds of one run of a node, over the whole batch. */
export function macsOf({ op, inputs, outputs, attributes }: Node): number {
  return op.macs?.(shapesOf(inputs), shapesOf(outputs), attributes) ?? 0;
}

/** The inputs through which a signal passes: a gate only scales it. */
function pathsInto(node: Node): readonly Value[] {
  return isGate(node) ? node.inputs.slice(0, 1) : node.inputs;
}

function viewAfter(node: Node, views: ReadonlyMap<Value, View>, height: number): View | undefined {
  const seen = pathsInto(node)
    .map((value) => views.get(value))
    .filter((view) => view !== undefined);
  if (seen.length === 0) return undefined;
  const receptiveField = Math.max(...seen.map((view) => view.receptiveField));
  const jump = Math.max(...seen.map((view) => view.jump));
  const window = node.op.window?.(shapesOf(node.inputs), node.attributes);
  if (node.op.name === 'linear' || (window !== undefined && coversPlane(node, window.kernel))) {
    return { receptiveField: Math.max(receptiveField, height), jump: Math.max(jump, height) };
  }
  if (window === undefined) return { receptiveField, jump };
  return { receptiveField: receptiveField + (window.kernel[0] - 1) * jump, jump: jump * window.stride[0] };
}

/** Whether a window leaves one position and takes in the whole plane: it sees all of the picture. */
function coversPlane({ inputs, outputs }: Node, kernel: readonly [number, number]): boolean {
  const [, , h, w] = (inputs[0] as Value).shape as [number, number, number, number];
  const [, , oh, ow] = (outputs[0] as Value).shape as [number, number, number, number];
  return oh === 1 && ow === 1 && kernel[0] >= h && kernel[1] >= w;
}
