// Which neighbours run as one primitive. Between convolutions, memory traffic rules: a ReLU that is the only
// reader of a batch norm, convolution, linear layer or addition runs inside that primitive; and where the
// gradient of such a ReLU goes only into the batch norm's gradient, both run as one.
import type { Graph, Node, Value } from '../../graph/graph.ts';

export interface Fusion {
  /** Producer -> the ReLU that runs inside it; the producer's kernel defines the ReLU's output. */
  readonly reluAfter: ReadonlyMap<Node, Node>;
  /** ReLU gradients that a batch norm gradient can take over, by that batch norm gradient. */
  readonly reluBackwardInto: ReadonlyMap<Node, Node>;
  /** Nodes that another node's kernel runs. */
  readonly absorbed: ReadonlySet<Node>;
}

const takesRelu = new Set(['batchNormTraining', 'batchNormInference', 'convolution', 'linear', 'add']);

export function planFusion(graph: Graph, nodes: readonly Node[]): Fusion {
  const consumers = new Map<Value, Node[]>();
  for (const node of nodes) {
    for (const value of node.inputs) consumers.set(value, [...(consumers.get(value) ?? []), node]);
  }
  const kept = new Set<Value>([...graph.outputs.values(), ...graph.updates.values()]);
  const onlyConsumer = (value: Value): Node | undefined => {
    const list = consumers.get(value) ?? [];
    return list.length === 1 && !kept.has(value) ? list[0] : undefined;
  };

  const reluAfter = new Map<Node, Node>();
  const absorbed = new Set<Node>();
  for (const node of nodes) {
    if (!takesRelu.has(node.op.name)) continue;
    const next = onlyConsumer(node.outputs[0] as Value);
    if (next?.op.name !== 'relu') continue;
    reluAfter.set(node, next);
    absorbed.add(next);
  }

  const reluBackwardInto = new Map<Node, Node>();
  for (const node of nodes) {
    if (node.op.name !== 'batchNormBackward') continue;
    const [, dy, , mean] = node.inputs as [Value, Value, Value, Value];
    const reluBackward = dy.source.kind === 'node' ? dy.source.node : undefined;
    if (reluBackward?.op.name !== 'reluBackward' || onlyConsumer(dy) !== node) continue;
    const norm = mean.source.kind === 'node' ? mean.source.node : undefined;
    const relu = norm && reluAfter.get(norm);
    if (relu !== undefined && relu.outputs[0] === reluBackward.inputs[0])
      reluBackwardInto.set(node, reluBackward);
  }
  return { reluAfter, reluBackwardInto, absorbed };
}
