// AlexNet as it was trained in 2012: two towers, each on a device of its own (Krizhevsky et al. 2012, section 3.5 and
// figure 2). A rewrite: of the graph of a network with two groups it makes the graph of one tower, which has half of the
// filters of every convolution and half of the units of every linear layer. What has two groups stays at home; a layer
// that reads all maps gets the other tower's first (`swap`), and so do the logits, as both towers compute the loss.
//
// The paper's towers did not see each other's maps in local response normalisation; two groups in one process do, and
// are what this is to agree with: a normalisation gets the few maps beyond the border that its window reaches.
import { partOf } from '../../data/part.ts';
import { constant, createGraph, emitOne, input, type Node, state, type Value } from '../../graph/graph.ts';
import type { OpDefinition } from '../../graph/op.ts';
import type { DropoutAttributes } from '../../graph/ops/dropout.ts';
import { concat, reshape, slice } from '../../graph/ops/index.ts';
import type { LrnAttributes } from '../../graph/ops/lrn.ts';
import { type SliceAttributes, sliceOp } from '../../graph/ops/slice-pad.ts';
import { type SwapAttributes, swap } from '../../graph/ops/swap.ts';
import { elementCount, type Shape } from '../../graph/tensor.ts';
import type { Network } from '../../nets/network.ts';

export interface Division {
  /** Which of the two towers: 0 or 1. */
  readonly tower: number;
  readonly exchange: SwapAttributes['exchange'];
}

/** Of the first axis of a state, or the second one of a layer, what a tower has: of an odd number the second has more. */
export function partOfTower(total: number, tower: number): { first: number; count: number } {
  return partOf(total, { rank: tower, size: 2 });
}

/** A value of the whole network in the tower: all of it, or the tower's part of its maps, of which there are `of`. */
interface Known {
  readonly value: Value;
  readonly of?: number | undefined;
}

/**
 * The tower's part of `network`, whose graph is left as it is: the same names, and of every state the part of its
 * first axis. Throws an Error for ops that no network of two groups has.
 */
export function divideIntoTowers(network: Network, division: Division): Network {
  const graph = createGraph();
  const known = new Map<Value, Known>();
  const gathered = new Map<Value, Value>();
  for (const [name, { shape, source }] of network.graph.states) {
    if (source.kind !== 'state') continue;
    const { count } = partOfTower(shape[0] as number, division.tower);
    const value = state(graph, name, [count, ...shape.slice(1)], source.role, source.initial);
    known.set(network.graph.states.get(name) as Value, { value });
  }
  for (const [name, whole] of network.graph.inputs) {
    known.set(whole, { value: input(graph, name, whole.shape, whole.precision) });
  }
  const ofTower = (whole: Value): Known => {
    const found = known.get(whole);
    if (found === undefined) throw new Error('A tower got a value that the network does not have.');
    return found;
  };
  const gather = ({ value, of }: Known, oneWay = false): Value => {
    if (of === undefined) return value;
    const made = gathered.get(value) ?? bothParts(value, of, division, oneWay);
    gathered.set(value, made);
    return made;
  };
  for (const node of network.graph.nodes) {
    graph.path = node.path;
    const inputs = node.inputs.map(ofTower);
    known.set(node.outputs[0] as Value, divideNode(node, inputs, gather, division));
  }
  graph.path = '';
  for (const [path, whole] of network.graph.modules) graph.modules.set(path, ofTower(whole).value);
  const [, images] = [...graph.inputs].find(([name]) => name === 'images') as [string, Value];
  return { ...network, graph, images, logits: gather(ofTower(network.logits), true), auxiliary: [] };
}

/** Ops that treat every map, or every unit, by itself. */
const mapByMap: ReadonlySet<string> = new Set(['relu', 'tanh', 'maxPool']);

function divideNode(
  node: Node,
  inputs: readonly Known[],
  gather: (known: Known) => Value,
  division: Division,
): Known {
  const { op, attributes, outputs } = node;
  const [x, ...rest] = inputs as [Known, ...Known[]];
  const others = rest.map(({ value }) => value);
  const of = (outputs[0] as Value).shape[1];
  if (op.name === 'convolution' || op.name === 'linear') {
    const groups = (attributes as { groups?: number }).groups ?? 1;
    if (groups === 2 && x.of !== undefined) {
      return { value: emitOne(op, { ...attributes, groups: 1 }, [x.value, ...others]), of };
    }
    if (groups === 1) return { value: emitOne(op, attributes, [gather(x), ...others]), of };
  }
  if (mapByMap.has(op.name)) return { value: emitOne(op, attributes, [x.value]), of: x.of };
  if (op.name === 'reshape') {
    const [n, ...maps] = x.value.shape as [number, ...number[]];
    return { value: reshape(x.value, [n, elementCount(maps)]), of: x.of === undefined ? undefined : of };
  }
  if (op.name === 'dropout') {
    const { first } = partOfTower(x.of ?? 0, division.tower);
    const columns = x.of === undefined ? undefined : { first, of: x.of };
    const own: DropoutAttributes = { ...attributes, columns };
    return { value: emitOne(op, own, [x.value, ...others]), of: x.of };
  }
  if (op.name === 'lrn' && x.of !== undefined) return { value: normalise(node, x.value, division), of: x.of };
  throw new Error(`Towers got ${op.name} at '${node.path}', which they do not know how to divide.`);
}

/** Both towers' parts of a layer of `of` maps. */
function bothParts(own: Value, of: number, { tower, exchange }: Division, oneWay: boolean): Value {
  const shape = own.shape.with(1, partOfTower(of, 1 - tower).count);
  const theirs = swap(own, { exchange, shape, oneWay });
  return inOrder(own, theirs, tower);
}

/** Maps of the first tower, then those of the second. */
function inOrder(own: Value, theirs: Value, tower: number): Value {
  return concat(tower === 0 ? [own, theirs] : [theirs, own]);
}

/** Local response normalisation of a part of the maps, with those beyond the border that its windows reach. */
function normalise({ op, attributes }: Node<LrnAttributes>, x: Value, { tower, exchange }: Division): Value {
  const channels = x.shape[1] as number;
  const before = Math.floor(attributes.size / 2);
  const after = Math.floor((attributes.size - 1) / 2);
  if (after === 0 && before === 0) return emitOne(op, attributes, [x]);
  // Windows of the first tower reach `after` maps into the second, those of the second `before` maps into the first.
  const [sent, got] = tower === 0 ? [before, after] : [after, before];
  const start = [0, tower === 0 ? channels - sent : 0, 0, 0];
  const border = slice(x, { start, size: x.shape.with(1, sent) });
  const beyond = swap(border, { exchange, shape: x.shape.with(1, got) });
  const all = emitOne(op, attributes, [inOrder(x, beyond, tower)]);
  return withoutBorder(all, x.shape, tower === 0 ? 0 : got);
}

/**
 * The maps of `shape` from `first` on. A slice, with a gradient that engines have a kernel for: zeros beside what arrives,
 * where a slice's own is a padding.
 */
function withoutBorder(x: Value, shape: Shape, first: number): Value {
  const inner: OpDefinition<SliceAttributes> = {
    ...sliceOp,
    gradient({ node, outputGradients: [dy] }) {
      if (dy === undefined) return [];
      const count = (node.inputs[0]?.shape[1] as number) - (shape[1] as number);
      const border = shape.with(1, count);
      const zeros = constant(dy.graph, border, new Float32Array(elementCount(border)), dy.precision);
      return [concat(first === 0 ? [dy, zeros] : [zeros, dy])];
    },
  };
  return emitOne(inner, { start: [0, first, 0, 0], size: shape, step: [1, 1, 1, 1] }, [x]);
}
