// A network as a convolution over a picture larger than its own (Sermanet et al., OverFeat, section 3.5; VGG, section
// 3.2): the graph of its own size is put anew over the larger one, with
//   flatten                 left out;
//   linear behind it        a convolution with the same weights, as large as the map was that the flatten saw;
//   linear behind a linear  a 1x1 convolution;
//   pools of the whole map  pools of the whole larger map (global average pooling, the squeeze of SE blocks);
// and the map of class scores that comes out averaged over its positions, before the softmax. Weights keep their
// names, and in row-major order O x (C H W) and O x C x H x W are the same numbers, so files load as they are.
import { UserError } from '../errors.ts';
import {
  constant,
  createGraph,
  emit,
  type Graph,
  input,
  liveNodes,
  markOutput,
  type Node,
  state,
  type Value,
} from '../graph/graph.ts';
import { convolution, flatten, globalAveragePool, maxPool } from '../graph/ops/index.ts';
import type { PoolingAttributes } from '../graph/ops/pooling.ts';
import type { SliceAttributes } from '../graph/ops/slice-pad.ts';
import { sameShape } from '../graph/tensor.ts';
import type { Network } from '../nets/network.ts';

/** A value of the network put over the larger picture. */
interface Placed {
  readonly value: Value;
  /** Where the network has a vector and we a map: the part of the map that is one vector. */
  readonly patch?: readonly [height: number, width: number];
}

/** Ops that work position by position, and so on a map of vectors as on one. */
const pointwise = new Set(['relu', 'tanh', 'sigmoid', 'add', 'multiply']);

/**
 * `network` (built for inference at its own size, with the batch that is wanted) over pictures of another size: a
 * graph with the input `images` and the output `logits` (Nxclasses). Throws a UserError for networks that have
 * something behind their first linear layer that no convolution can stand for.
 */
export function denseGraph(network: Network, height: number, width: number): Graph {
  const { graph: own, logits } = network;
  const [batch, channels] = network.images.shape as [number, number];
  const graph = createGraph();
  const placed = new Map<Value, Placed>();
  placed.set(network.images, { value: input(graph, 'images', [batch, channels, height, width]) });
  markOutput('logits', logits);
  for (const node of liveNodes(own)) {
    graph.path = node.path;
    try {
      place(node, graph, placed);
    } catch (error) {
      if (error instanceof UserError || !(error instanceof Error)) throw error;
      throw new UserError(`${network.name} does not run densely over ${height}x${width}: ${error.message}`, {
        cause: error,
      });
    }
  }
  graph.path = '';
  const { value } = placed.get(logits) as Placed;
  markOutput('logits', value.shape.length === 4 ? flatten(globalAveragePool(value)) : value);
  return graph;
}

function place(node: Node, graph: Graph, placed: Map<Value, Placed>): void {
  const { op, attributes, inputs, outputs } = node;
  const [first] = inputs as [Value];
  const set = (value: Value, patch?: Placed['patch']): void => {
    placed.set(outputs[0] as Value, { value, patch });
  };
  const source = at(first, graph, placed);
  if (op.name === 'reshape') {
    set(...reshaped(node, source));
    return;
  }
  if (op.name === 'linear' && source.patch !== undefined) {
    set(asConvolution(node, graph, placed, source), [1, 1]);
    return;
  }
  const values = inputs.map((each) => at(each, graph, placed));
  const patch = values.find((each) => each.patch !== undefined)?.patch;
  if (patch !== undefined && !pointwise.has(op.name)) {
    throw new Error(`it has the op ${op.name} behind a flatten.`);
  }
  if (coversMap(node)) {
    const { value } = source;
    const kernel = value.shape.slice(2) as [number, number];
    set(op.name === 'maxPool' ? maxPool(value, { kernel }) : globalAveragePool(value));
    return;
  }
  const fitted = op.name === 'slice' ? slicedOn(attributes, first, source.value) : attributes;
  const results = emit(
    op,
    fitted,
    values.map(({ value }) => value),
  );
  for (const [i, value] of results.entries()) placed.set(outputs[i] as Value, { value, patch });
}

/** A value of the own graph in the other; states and constants come over when they are first used. */
function at(value: Value, graph: Graph, placed: Map<Value, Placed>): Placed {
  const known = placed.get(value);
  if (known !== undefined) return known;
  const { source, shape, precision } = value;
  if (source.kind !== 'state' && source.kind !== 'constant') throw new Error('a value comes before its node');
  const copy =
    source.kind === 'state'
      ? state(graph, source.name, shape, source.role, source.initial)
      : constant(graph, shape, source.data, precision);
  const result = { value: copy };
  placed.set(value, result);
  return result;
}

/** Flattening is left out, and so is its way back to a 1x1 map. */
function reshaped(node: Node, source: Placed): [Value, Placed['patch']] {
  const [from, to] = [(node.inputs[0] as Value).shape, (node.outputs[0] as Value).shape];
  if (sameShape(from, to)) return [source.value, source.patch];
  if (from.length === 4 && to.length === 2 && from[0] === to[0]) {
    return [source.value, [from[2] as number, from[3] as number]];
  }
  const asMap = to.length === 4 && sameShape(to, [...from.slice(0, 2), 1, 1]);
  if (source.patch?.every((side) => side === 1) && asMap) return [source.value, undefined];
  throw new Error(`it reshapes ${from.join('x')} to ${to.join('x')}.`);
}

function asConvolution(node: Node, graph: Graph, placed: Map<Value, Placed>, source: Placed): Value {
  const [, w, b] = node.inputs as [Value, Value, Value?];
  if (w.source.kind !== 'state') throw new Error('its linear layer has computed weights.');
  const { name, role, initial } = w.source;
  const shape = [
    w.shape[0] as number,
    source.value.shape[1] as number,
    ...(source.patch as [number, number]),
  ];
  const filters = state(graph, name, shape, role, initial);
  return convolution(source.value, filters, b && at(b, graph, placed).value);
}

/**
 * A pool that makes one value of the whole map. A small max pool that does so by the picture's size alone is an
 * ordinary one.
 */
function coversMap({ op, attributes, inputs }: Node): boolean {
  if (op.name !== 'averagePool' && op.name !== 'maxPool') return false;
  const { kernel, padding } = attributes as PoolingAttributes;
  const [, , height, width] = (inputs[0] as Value).shape;
  const covers = kernel[0] === height && kernel[1] === width && padding[0] === 0 && padding[1] === 0;
  return covers && (op.name === 'averagePool' || kernel[0] > 3);
}

/** A slice that goes to the end of a picture's side goes to the end of the larger one. */
function slicedOn(attributes: SliceAttributes, from: Value, to: Value): SliceAttributes {
  const size = attributes.size.map((count, axis) => {
    const [start, step] = [attributes.start[axis] as number, attributes.step[axis] as number];
    const reachesEnd = start + count * step >= (from.shape[axis] as number);
    return axis >= 2 && reachesEnd ? Math.ceil(((to.shape[axis] as number) - start) / step) : count;
  });
  return { ...attributes, size };
}
