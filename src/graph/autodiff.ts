// One walk over the graph, from a value back to the ones asked for: each node's own rule turns the signals at its
// outputs into signals at its inputs, and where a value was used more than once the arriving signals are added. With
// the gradient rules this is reverse-mode differentiation; with the rules that some ops have for it, it is the deconvnet of
// Zeiler & Fergus 2014 or guided backpropagation. The result is more nodes in the same graph.
import { constant, type Graph, type Node, type Value } from './graph.ts';
import type { Rule } from './op.ts';
import { add } from './ops/add.ts';
import { elementCount } from './tensor.ts';

/** Gradients of `value` (summed, if it is not a scalar) for each of `targets`, as values of the same graph. */
export function gradients(value: Value, targets: readonly Value[]): Value[] {
  const graph = value.graph;
  const ones = new Float32Array(elementCount(value.shape)).fill(1);
  const seed = constant(graph, value.shape, ones, value.precision);
  const found = walkBack(graph, new Map([[value, seed]]), targets);
  return targets.map((target) => {
    const gradient = found.get(target);
    if (gradient === undefined) throw new Error(`The value does not depend on ${describe(target)}.`);
    return gradient;
  });
}

export interface WalkOptions {
  /** Default 'gradient'. */
  readonly rule?: Rule | undefined;
  /** What stands for other values on the way back (other weights, say), while the forward pass keeps its own. */
  readonly substitutes?: ReadonlyMap<Value, Value> | undefined;
}

/** Carries `seeds` (signals at values) back to `targets` by a rule; values that get no signal are absent. */
export function walkBack(
  graph: Graph,
  seeds: ReadonlyMap<Value, Value>,
  targets: readonly Value[],
  { rule = 'gradient', substitutes }: WalkOptions = {},
): Map<Value, Value> {
  const nodes = [...graph.nodes];
  const onTheWay = valuesThatDependOn(nodes, targets);
  const signals = new Map<Value, Value>(seeds);
  const outerPath = graph.path;
  for (const node of nodes.reverse()) {
    const outputGradients = node.outputs.map((output) => signals.get(output));
    if (outputGradients.every((gradient) => gradient === undefined)) continue;
    const wanted = node.inputs.map((value) => onTheWay.has(value));
    if (!wanted.includes(true)) continue;
    if (node.op.gradient === undefined) throw new Error(`${node.op.name} has no gradient rule.`);
    graph.path = node.path;
    const inputs = node.inputs.map((value) => substitutes?.get(value) ?? value);
    const request = { node: { ...node, inputs }, outputGradients, wanted };
    const inputGradients = (node.op[rule] ?? node.op.gradient)(request);
    node.inputs.forEach((value, i) => {
      const gradient = inputGradients[i];
      if (gradient === undefined || !wanted[i]) return;
      const before = signals.get(value);
      signals.set(value, before === undefined ? gradient : add(before, gradient));
    });
  }
  graph.path = outerPath;
  return signals;
}

function valuesThatDependOn(nodes: readonly Node[], targets: readonly Value[]): Set<Value> {
  const dependent = new Set<Value>(targets);
  for (const node of nodes) {
    if (node.inputs.some((value) => dependent.has(value))) {
      for (const output of node.outputs) dependent.add(output);
    }
  }
  return dependent;
}

function describe(value: Value): string {
  const { source } = value;
  if (source.kind === 'node') return `an output of ${source.node.op.name} at '${source.node.path}'`;
  return source.kind === 'constant' ? 'a constant' : source.name;
}
