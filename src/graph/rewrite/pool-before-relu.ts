// In training, a max pool behind a ReLU goes before it: pool(relu(x)) = relu(pool(x)) to the bit, and so are the
// gradients, since where the largest number is positive it is the same one before and after, and where it is not,
// nothing passes. The ReLU and its gradient then work on what the pool leaves, a quarter of the numbers, and the large
// result of the convolution is dropped at once: the pool's gradient reads its switches alone. VGG's and AlexNet's case.
// Behind a batch norm there is nothing to gain: the ReLU runs inside it, and its signs are kept as bits.
import { emit, type Graph, liveNodes, type Node, type Value } from '../graph.ts';
import { copyOf } from './copy.ts';

/** The four nodes: forward, relu then pool; backward, the pool's gradient then the ReLU's. */
interface Pair {
  readonly relu: Node;
  readonly pool: Node;
  readonly poolBackward: Node;
  readonly reluBackward: Node;
}

/** An equal graph, or the same one where there is no such pair. */
export function poolBeforeRelu(graph: Graph): Graph {
  const nodes = liveNodes(graph);
  const pairs = findPairs(graph, nodes);
  if (pairs.length === 0) return graph;
  const dropped = new Set(pairs.flatMap(({ relu, reluBackward }) => [relu, reluBackward]));
  const byPool = new Map(pairs.map((pair) => [pair.pool, pair]));
  const byGradient = new Map(pairs.map((pair) => [pair.poolBackward, pair]));
  const copy = copyOf(graph);
  for (const node of nodes) {
    if (dropped.has(node)) continue;
    const forward = byPool.get(node);
    const backward = byGradient.get(node);
    if (forward !== undefined) {
      const { relu } = forward;
      copy.keep(node, [copy.of(relu.inputs[0] as Value)]);
      const pooled = node.outputs[0] as Value;
      copy.graph.path = relu.path;
      copy.set(pooled, emit(relu.op, relu.attributes, [copy.of(pooled)])[0] as Value);
    } else if (backward !== undefined) {
      const { pool, reluBackward } = backward;
      const [dy, switches] = node.inputs as [Value, Value];
      copy.graph.path = reluBackward.path;
      const rectified = [copy.of(pool.outputs[0] as Value), copy.of(dy)];
      const passed = emit(reluBackward.op, reluBackward.attributes, rectified)[0] as Value;
      copy.keep(node, [passed, copy.of(switches)]);
      copy.set(reluBackward.outputs[0] as Value, copy.of(node.outputs[0] as Value));
    } else {
      copy.keep(node);
    }
  }
  return copy.finish();
}

function findPairs(graph: Graph, nodes: readonly Node[]): Pair[] {
  const readers = new Map<Value, Node[]>();
  for (const node of nodes) {
    for (const value of node.inputs) readers.set(value, [...(readers.get(value) ?? []), node]);
  }
  const kept = new Set<Value>([...graph.outputs.values(), ...graph.updates.values()]);
  const readersOf = (value: Value): readonly Node[] | undefined =>
    kept.has(value) ? undefined : (readers.get(value) ?? []);
  const onlyReader = (value: Value, op: string): Node | undefined => {
    const list = readersOf(value);
    return list?.length === 1 && list[0]?.op.name === op ? list[0] : undefined;
  };
  return nodes.flatMap((relu) => {
    if (relu.op.name !== 'relu' || isNorm(relu.inputs[0] as Value)) return [];
    const rectified = relu.outputs[0] as Value;
    const list = readersOf(rectified);
    const pool = list?.find(({ op }) => op.name === 'maxPool');
    const reluBackward = list?.find(({ op }) => op.name === 'reluBackward');
    if (list?.length !== 2 || pool === undefined || reluBackward === undefined) return [];
    const poolBackward = onlyReader(pool.outputs[1] as Value, 'maxPoolBackward');
    if (poolBackward === undefined || reluBackward.inputs[0] !== rectified) return [];
    const passed = poolBackward.outputs[0] as Value;
    if (onlyReader(passed, 'reluBackward') !== reluBackward) return [];
    return [{ relu, pool, poolBackward, reluBackward }];
  });
}

function isNorm({ source }: Value): boolean {
  return source.kind === 'node' && /batchNorm/i.test(source.node.op.name);
}
