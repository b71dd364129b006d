// Which neighbours run as one. Between convolutions, memory traffic rules: a ReLU that is the only reader of a batch norm,
// convolution, linear layer or addition runs inside that primitive; where the gradient of such a ReLU goes only into
// the batch norm's gradient, both run as one; and an addition (with its ReLU) runs inside the convolution that gives its
// later operand, which adds to what stands in memory there, or takes in the batch norm or the gate that gives an operand.
// Where batch norms are code of our own, additions run inside those too, and what stands in front of their gradients.
import type { Graph, Node, Value } from '../../graph/graph.ts';
import { sameShape } from '../../graph/tensor.ts';

export interface Fusion {
  /** Producer -> the ReLU that runs inside it; the producer's kernel defines the ReLU's output. */
  readonly reluAfter: ReadonlyMap<Node, Node>;
  /** ReLU gradients that a batch norm gradient can take over, by that batch norm gradient. */
  readonly reluBackwardInto: ReadonlyMap<Node, Node>;
  /** Batch norm gradient -> another ReLU's gradient that gives its signal, and that nobody reads before. */
  readonly maskInto: ReadonlyMap<Node, Node>;
  /** One of these ReLU gradients -> the addition that gives its signal to it alone. */
  readonly sumInto: ReadonlyMap<Node, Node>;
  /** Convolution -> the addition that may run inside it, over its other operand; batch norm -> the addition behind it. */
  readonly addInto: ReadonlyMap<Node, Node>;
  /** Addition -> the batch norm or the gate that gives an operand, and may run inside it. */
  readonly scaledInto: ReadonlyMap<Node, Node>;
  /** Nodes that another node's kernel runs. */
  readonly absorbed: ReadonlySet<Node>;
}

const takesRelu = new Set(['batchNormTraining', 'batchNormInference', 'convolution', 'linear', 'add']);

/** Who reads what. */
interface Readers {
  readonly nodes: readonly Node[];
  readonly consumers: ReadonlyMap<Value, readonly Node[]>;
  /** What the graph gives out or updates states with. */
  readonly kept: ReadonlySet<Value>;
  /** Undefined where there are several, or a value is wanted outside of the graph. */
  onlyConsumer(value: Value): Node | undefined;
}

export function planFusion(graph: Graph, nodes: readonly Node[]): Fusion {
  const readers = readersOf(graph, nodes);
  const reluAfter = relusBehind(readers);
  const signals = signalsInside(readers, reluAfter);
  const sums = new Set(signals.sumInto.values());
  const addInto = additionsInside(readers, sums);
  const scaledInto = scaledInside(readers, new Set([...addInto.values(), ...sums]));
  const absorbed = new Set([...reluAfter.values(), ...scaledInto.values()]);
  return { reluAfter, ...signals, addInto, scaledInto, absorbed };
}

function readersOf(graph: Graph, nodes: readonly Node[]): Readers {
  const consumers = new Map<Value, Node[]>();
  for (const node of nodes) {
    for (const value of node.inputs) consumers.set(value, [...(consumers.get(value) ?? []), node]);
  }
  const kept = new Set<Value>([...graph.outputs.values(), ...graph.updates.values()]);
  const onlyConsumer = (value: Value): Node | undefined => {
    const list = consumers.get(value) ?? [];
    return list.length === 1 && !kept.has(value) ? list[0] : undefined;
  };
  return { nodes, consumers, kept, onlyConsumer };
}

function relusBehind({ nodes, onlyConsumer }: Readers): Map<Node, Node> {
  const reluAfter = new Map<Node, Node>();
  for (const node of nodes) {
    if (!takesRelu.has(node.op.name)) continue;
    const next = onlyConsumer(node.outputs[0] as Value);
    if (next?.op.name === 'relu') reluAfter.set(node, next);
  }
  return reluAfter;
}

/** What stands in front of batch norms' gradients. */
function signalsInside(
  { nodes, consumers, onlyConsumer }: Readers,
  reluAfter: ReadonlyMap<Node, Node>,
): Pick<Fusion, 'reluBackwardInto' | 'maskInto' | 'sumInto'> {
  const reluBackwardInto = new Map<Node, Node>();
  const maskInto = new Map<Node, Node>();
  for (const node of nodes) {
    if (node.op.name !== 'batchNormBackward') continue;
    const [, dy, , mean] = node.inputs as [Value, Value, Value, Value];
    const reluBackward = makerOf(dy);
    if (reluBackward?.op.name !== 'reluBackward') continue;
    const norm = makerOf(mean);
    const relu = norm && reluAfter.get(norm);
    if (onlyConsumer(dy) === node && relu !== undefined && relu.outputs[0] === reluBackward.inputs[0])
      reluBackwardInto.set(node, reluBackward);
    else if (consumers.get(dy)?.[0] === node) maskInto.set(node, reluBackward);
  }
  const sumInto = new Map<Node, Node>();
  for (const node of [...reluBackwardInto.values(), ...maskInto.values()]) {
    const signal = node.inputs[1] as Value;
    const addition = makerOf(signal);
    if (addition?.op.name !== 'add' || onlyConsumer(signal) !== node) continue;
    const [a, b] = addition.inputs as [Value, Value];
    const isPlain = (operand: Value): boolean => {
      const maker = makerOf(operand);
      return sameShape(operand.shape, signal.shape) && !(maker && scales(maker));
    };
    if (a !== b && isPlain(a) && isPlain(b)) sumInto.set(node, addition);
  }
  return { reluBackwardInto, maskInto, sumInto };
}

/** Additions inside the convolution or the batch norm that gives their later operand; `taken`: those that run elsewhere. */
function additionsInside(
  { nodes, consumers, kept, onlyConsumer }: Readers,
  taken: ReadonlySet<Node>,
): Map<Node, Node> {
  const addInto = new Map<Node, Node>();
  const positions = new Map(nodes.map((node, i) => [node, i]));
  for (const node of nodes) {
    const overwrites = node.op.name === 'convolution';
    if (!overwrites && node.op.name !== 'batchNormTraining') continue;
    const next = onlyConsumer(node.outputs[0] as Value);
    if (next?.op.name !== 'add' || taken.has(next)) continue;
    const other = otherOperand(next, node.outputs[0] as Value);
    const at = positions.get(node) as number;
    if (other === undefined || !sameShape(other.shape, next.outputs[0]?.shape ?? [])) continue;
    const maker = makerOf(other);
    if (maker === undefined || (positions.get(maker) as number) >= at) continue;
    const isFree = (consumers.get(other) ?? []).every(
      (reader) => reader === next || (positions.get(reader) as number) < at,
    );
    if (overwrites ? isFree && !kept.has(other) && isItsOwn(other, consumers) : !scales(maker))
      addInto.set(node, next);
  }
  return addInto;
}

/** Batch norms with given statistics and gates inside the addition behind them; `taken`: additions that run elsewhere. */
function scaledInside({ nodes, onlyConsumer }: Readers, taken: ReadonlySet<Node>): Map<Node, Node> {
  const scaledInto = new Map<Node, Node>();
  for (const node of nodes) {
    if (node.op.name !== 'add' || node.inputs[0] === node.inputs[1] || taken.has(node)) continue;
    const scaled = node.inputs
      .map(makerOf)
      .find((maker) => maker && scales(maker) && onlyConsumer(maker.outputs[0] as Value) === node);
    if (scaled !== undefined) scaledInto.set(node, scaled);
  }
  return scaledInto;
}

function makerOf({ source }: Value): Node | undefined {
  return source.kind === 'node' ? source.node : undefined;
}

/** Whether a node multiplies pictures channel by channel with numbers that are there. */
function scales({ op, inputs, outputs }: Node): boolean {
  const [x, factor] = inputs;
  if (x?.shape.length !== 4 || outputs[0]?.precision !== 'compute') return false;
  if (op.name === 'batchNormInference') return true;
  const [n, c] = x.shape as [number, number];
  return op.name === 'multiply' && factor !== undefined && sameShape(factor.shape, [n, c, 1, 1]);
}

export function otherOperand({ inputs }: Node, operand: Value): Value | undefined {
  const [a, b] = inputs;
  if (a === b) return undefined;
  return a === operand ? b : a;
}

/** Whether no other value lies in the same memory, as a reshaped one does. */
function isItsOwn({ source }: Value, consumers: ReadonlyMap<Value, readonly Node[]>): boolean {
  if (source.kind !== 'node' || source.node.op.name === 'reshape') return false;
  return source.node.outputs.every((value) =>
    (consumers.get(value) ?? []).every(({ op }) => op.name !== 'reshape'),
  );
}
