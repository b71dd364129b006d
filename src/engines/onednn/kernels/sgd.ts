// The optimiser, in place on the states: v = momentum v + g + weightDecay w, then w = w - lr v, both as
// primitives over the weights in their own layout. In the Nesterov form the step is g + weightDecay w + momentum v
// with the new v.
import type { Node, Value } from '../../../graph/graph.ts';
import type { SgdAttributes } from '../../../graph/ops/sgd.ts';
import { argument, elementBytes, type Layout } from '../abi.ts';
import type { Kernel, Lowering, Tensor } from '../lowering.ts';
import { filterGradientLayout } from './convolution.ts';
import { weightGradientLayout } from './linear.ts';

/** Weights and velocity are kept in the layout in which the weight gradient comes. */
export function optimizedStateLayout(lowering: Lowering, state: Value): Layout | undefined {
  const optimizer = lowering
    .consumers(state)
    .find((node) => node.op.name === 'sgd' && (node.inputs[0] === state || node.inputs[2] === state));
  const gradient = optimizer?.inputs[1]?.source;
  if (gradient?.kind !== 'node' || gradient.output !== 0) return undefined;
  if (gradient.node.op.name === 'convolutionBackwardWeights')
    return filterGradientLayout(lowering, gradient.node);
  if (gradient.node.op.name === 'linearBackwardWeights') return weightGradientLayout(lowering, gradient.node);
  return undefined;
}

/** In place is right only if the graph updates these very states with these results, and all others have read them. */
function updatesItsStates(lowering: Lowering, node: Node): boolean {
  const [w, , v] = node.inputs as [Value, Value, Value];
  return [w, v].every((value, i) => {
    if (value.source.kind !== 'state') return false;
    const result = node.outputs[i] as Value;
    return (
      lowering.graph.updates.get(value.source.name) === result &&
      lowering.consumers(result).length === 0 &&
      lowering.consumers(value).at(-1) === node &&
      ![...lowering.graph.outputs.values()].includes(value)
    );
  });
}

/** Below this many numbers a native call costs more than the work: the threads take longer to wake. */
const smallest = 16384;

/** -lr, computed once a run: a binary primitive can multiply and add, not subtract. */
function negativeRate(lowering: Lowering, node: Node): Tensor {
  const rate = node.inputs[3] as Value;
  const known = lowering.rates.get(rate);
  if (known !== undefined) return known;
  const made = lowering.temporary(lowering.natives.plainLayout([1], 'f32'));
  lowering.rates.set(rate, made);
  lowering.host(node, [lowering.plain(rate)], [made], ([value], [result]) => {
    if (value && result) result[0] = -(value[0] as number);
  });
  return made;
}

/** Weights, gradient and velocity of one layout are three vectors, whatever that layout is. */
function flat(lowering: Lowering, { layout, storage }: Tensor): Tensor {
  return { layout: lowering.natives.plainLayout([layout.bytes / elementBytes.f32], 'f32'), storage };
}

export const sgd: Kernel = (lowering, node) => {
  if (!updatesItsStates(lowering, node)) return false;
  const attributes = node.attributes as SgdAttributes;
  const [w, g, v] = node.inputs as [Value, Value, Value];
  const { layout } = lowering.current(w);
  const weights = flat(lowering, lowering.current(w));
  const velocity = flat(lowering, lowering.as(v, layout));
  const gradient = flat(lowering, lowering.as(g, layout));
  if ((weights.layout.dims[0] as number) < smallest) {
    const rate = lowering.plain(node.inputs[3] as Value);
    lowering.host(node, [weights, gradient, velocity, rate], [weights, velocity], (inputs, outputs) => {
      node.op.evaluate({ attributes, inputs, inputShapes: [], outputs, outputShapes: [] });
    });
  } else if (!lowerNatively(lowering, node, weights, gradient, velocity)) {
    return false;
  }
  lowering.alias(node.outputs[0] as Value, lowering.current(w));
  lowering.alias(node.outputs[1] as Value, lowering.as(v, layout));
  return true;
};

function lowerNatively(
  lowering: Lowering,
  node: Node,
  weights: Tensor,
  gradient: Tensor,
  velocity: Tensor,
): boolean {
  const { natives } = lowering;
  const { momentum, weightDecay, nesterov } = node.attributes as SgdAttributes;
  const { layout } = weights;
  const sources = [layout, layout, layout];
  const accumulate = natives.describe('sum', { scales: [momentum, 1, weightDecay], sources, dst: layout });
  const lookAhead = nesterov
    ? natives.describe('sum', { scales: [1, momentum, weightDecay], sources, dst: layout })
    : undefined;
  const one = natives.plainLayout([1], 'f32');
  const descend = natives.describe('binary', { algorithm: 'multiply', a: layout, b: one, dst: layout }, [
    { kind: 'sum', scale: 1 },
  ]);
  if (accumulate === undefined || descend === undefined || (nesterov && lookAhead === undefined))
    return false;
  const rate = negativeRate(lowering, node);
  // A sum may write over its first source, and over no other.
  const summands = (tensors: readonly Tensor[]) =>
    tensors.map((tensor, i) => [argument.multipleSources + i, tensor] as const);
  lowering.step(node, accumulate, summands([velocity, gradient, weights]), [[argument.dst, velocity]]);
  let direction = velocity;
  if (lookAhead !== undefined) {
    direction = lowering.temporary(layout);
    const inputs = summands([gradient, velocity, weights]);
    lowering.step(node, lookAhead, inputs, [[argument.dst, direction]], { inPlace: gradient });
  }
  const factors = [
    [argument.src, direction],
    [argument.src1, rate],
  ] as const;
  lowering.step(node, descend, factors, [[argument.dst, weights]]);
  return true;
}
