// Adaptive pooling with uneven bins as a product of matrices: every output is a weighted sum of its plane, the weights
// being the same for all planes. Libraries that multiply matrices do at once what else runs number by number.
//   y (planes x outputs) = x (planes x pixels) W^T;  dx = dy W
import { constant, emit, type Graph, liveNodes, type Node, type Value } from '../graph.ts';
import {
  adaptiveAveragePoolBackwardOp,
  adaptiveAveragePoolOp,
  poolingWeights,
} from '../ops/adaptive-average-pool.ts';
import { linearBackwardDataOp, linearOp } from '../ops/linear.ts';
import { reshape } from '../ops/reshape.ts';
import { elementCount, type Shape } from '../tensor.ts';
import { copyOf } from './copy.ts';

/** Products that are not worth it: matrices of more numbers than this. */
const largest = 2 ** 20;

/** An equal graph, or the same one where nothing is pooled so. */
export function adaptivePoolsAsProducts(graph: Graph): Graph {
  const isPool = ({ op }: Node): boolean => op === adaptiveAveragePoolOp;
  const isGradient = ({ op }: Node): boolean => op === adaptiveAveragePoolBackwardOp;
  const pixelsOf = (value: Value): number => elementCount(value.shape.slice(2));
  const fits = ({ inputs: [x], outputs: [y] }: Node): boolean =>
    x !== undefined && y !== undefined && pixelsOf(x) * pixelsOf(y) <= largest;
  const nodes = liveNodes(graph);
  if (!nodes.some((node) => (isPool(node) || isGradient(node)) && fits(node))) return graph;
  const copy = copyOf(graph);
  const matrices = new Map<string, Value>();
  const matrix = (input: Shape, output: Shape): Value => {
    const sizes = [output, input].map((shape) => shape.slice(2)) as [number[], number[]];
    const key = sizes.join(' ');
    let known = matrices.get(key);
    if (known === undefined) {
      const [outputs, pixels] = sizes.map(elementCount) as [number, number];
      const weights = poolingWeights(sizes[1] as [number, number], sizes[0] as [number, number]);
      known = constant(copy.graph, [outputs, pixels], weights, 'full');
      matrices.set(key, known);
    }
    return known;
  };
  for (const node of nodes) {
    if (!(isPool(node) || isGradient(node)) || !fits(node)) {
      copy.keep(node);
      continue;
    }
    const [from, to] = [node.inputs[0] as Value, node.outputs[0] as Value];
    copy.graph.path = node.path;
    const [n, c] = from.shape as [number, number];
    const rows = reshape(copy.of(from), [n * c, pixelsOf(from)]);
    const product = isPool(node)
      ? emit(linearOp, {}, [rows, matrix(from.shape, to.shape)])
      : emit(linearBackwardDataOp, {}, [rows, matrix(to.shape, from.shape)]);
    copy.set(to, reshape(product[0] as Value, to.shape));
  }
  return copy.finish();
}
