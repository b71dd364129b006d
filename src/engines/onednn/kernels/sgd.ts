// The optimiser, in place on the states, over the weights in their own layout: on AVX-512 code of our own, elsewhere
// primitives, v = momentum v + g + weightDecay w, then w = w - lr v; in the Nesterov form the step is g + weightDecay w +
// momentum v with the new v, and a gradient that is scaled (clipped) is multiplied first, one more pass each. One that was gathered
// over several steps is applied by the op's definition on the host, since a native step cannot be left out of a run.
import type { Node, Value } from '../../../graph/graph.ts';
import { type SgdAttributes, sgdMoves } from '../../../graph/ops/sgd.ts';
import { argument, type Layout, type PrimitiveDescriptor } from '../abi.ts';
import { lanes } from '../code/cut.ts';
import { descentCode } from '../code/descent.ts';
import type { Kernel, Lowering, Tensor } from '../lowering.ts';
import { filterGradientLayout } from './convolution.ts';
import { filterClipOf, flat, mayOverwrite } from './in-place.ts';
import { inParts, weightGradientLayout } from './linear.ts';
import { updateInParts } from './linear-update.ts';
import { productView } from './widened.ts';

/** The optimiser's node behind an updated weight, or undefined. */
function stepBehind(value: Value | undefined): Node | undefined {
  const node = value?.source.kind === 'node' ? value.source.node : undefined;
  if (node?.op.name === 'clipFilters') return stepBehind(node.inputs[0]);
  return node?.op.name === 'sgd' ? node : undefined;
}

/** The optimiser's node that `state` is a part of, as a weight, a velocity or an average, seen from a reader of it. */
function stepOf(node: Node, state: Value): Node | undefined {
  const { op, inputs } = node;
  if (op.name === 'averageWeights') return inputs[0] === state ? stepBehind(inputs[1]) : undefined;
  return op.name === 'sgd' && (inputs[0] === state || inputs[2] === state) ? node : undefined;
}

/** The gradient that moves a weight, or what the optimiser keeps for it; undefined where its layout does not matter. */
function gradientOf(lowering: Lowering, state: Value): Value | undefined {
  for (const node of lowering.consumers(state)) {
    const step =
      node.op.name === 'accumulate' && node.inputs[0] === state
        ? lowering.consumers(node.outputs[0] as Value).find(({ op }) => op.name === 'sgd')
        : stepOf(node, state);
    if (step === undefined) continue;
    // Filters that are clipped lie row-major, one after the other.
    if (filterClipOf(lowering, step.outputs[0] as Value) !== undefined) return undefined;
    const gradient = step.inputs[1] as Value;
    const { source } = gradient;
    return source.kind === 'node' && source.node.op.name === 'accumulate' ? source.node.inputs[1] : gradient;
  }
  return undefined;
}

/** Weights, and what the optimiser keeps for them, lie in the layout in which the weight gradient comes. */
export function optimizedStateLayout(lowering: Lowering, state: Value): Layout | undefined {
  const gradient = gradientOf(lowering, state)?.source;
  if (gradient?.kind !== 'node' || gradient.output !== 0) return undefined;
  if (gradient.node.op.name === 'convolutionBackwardWeights')
    return filterGradientLayout(lowering, gradient.node);
  if (gradient.node.op.name === 'linearBackwardWeights') return weightGradientLayout(lowering, gradient.node);
  return undefined;
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

export const sgd: Kernel = (lowering, node) => {
  const attributes = node.attributes as SgdAttributes;
  const [w, g, v, ...scalars] = node.inputs as [Value, Value, Value, ...Value[]];
  const [nextW, nextV] = node.outputs as [Value, Value];
  if (!mayOverwrite(lowering, node, w, nextW) || !mayOverwrite(lowering, node, v, nextV)) return false;
  const { layout } = lowering.current(w);
  const weights = flat(lowering, lowering.current(w));
  const velocity = flat(lowering, lowering.as(v, layout));
  const { source } = g;
  const layer = source.kind === 'node' ? inParts(lowering, source.node) : undefined;
  if (layer?.sgd === node) {
    updateInParts(productView(lowering, layer.layer), layer, { weights, velocity }, (...rows) => {
      if (!lowerNatively(lowering, node, ...rows))
        throw new Error(`oneDNN: no optimiser for the rows of '${layer.layer.path}'.`);
    });
    lowering.alias(nextW, lowering.current(w));
    lowering.alias(nextV, lowering.as(v, layout));
    return true;
  }
  const gradient = flat(lowering, lowering.as(g, layout));
  if ((weights.layout.dims[0] as number) < smallest || (attributes.steps ?? 1) > 1) {
    const reads = [weights, gradient, velocity, ...scalars.map((value) => lowering.plain(value))];
    lowering.host(node, reads, [weights, velocity], (inputs, outputs) => {
      // In place, a step that moves nothing needs no copy.
      if (!sgdMoves(attributes, inputs)) return;
      node.op.evaluate({ attributes, inputs, inputShapes: [], outputs, outputShapes: [] });
    });
  } else if (!lowerNatively(lowering, node, weights, gradient, velocity)) {
    return false;
  }
  lowering.alias(nextW, lowering.current(w));
  lowering.alias(nextV, lowering.as(v, layout));
  return true;
};

/** As code of our own, which passes over memory once. */
function lowerToCode(
  lowering: Lowering,
  node: Node,
  [weights, gradient, velocity]: readonly [Tensor, Tensor, Tensor],
  instead: PrimitiveDescriptor,
): boolean {
  const { momentum, weightDecay, nesterov, scaled = false } = node.attributes as SgdAttributes;
  const count = weights.layout.dims[0] as number;
  if (count % lanes > 0) return false;
  const descent = { count, momentum, weightDecay, nesterov, scaled };
  const address = lowering.natives.code(`descent ${JSON.stringify(descent)}`, (team) =>
    descentCode(descent, team),
  );
  if (address === undefined) return false;
  const scalars = node.inputs.slice(3, scaled ? 5 : 4).map((value) => lowering.plain(value));
  const code = { implementation: 'generated:avx512', address, instead };
  lowering.code(node, code, [gradient, ...scalars, weights, velocity], { results: 2 });
  return true;
}

function lowerNatively(
  lowering: Lowering,
  node: Node,
  weights: Tensor,
  given: Tensor,
  velocity: Tensor,
): boolean {
  const { natives } = lowering;
  const { momentum, weightDecay, nesterov, scaled } = node.attributes as SgdAttributes;
  const { layout } = weights;
  const sources = [layout, layout, layout];
  const accumulate = natives.describe('sum', { scales: [momentum, 1, weightDecay], sources, dst: layout });
  if (accumulate && lowerToCode(lowering, node, [weights, given, velocity], accumulate)) return true;
  const lookAhead = nesterov
    ? natives.describe('sum', { scales: [1, momentum, weightDecay], sources, dst: layout })
    : undefined;
  const one = natives.plainLayout([1], 'f32');
  const product = { algorithm: 'multiply', a: layout, b: one, dst: layout } as const;
  const descend = natives.describe('binary', product, [{ kind: 'sum', scale: 1 }]);
  const shrink = scaled ? natives.describe('binary', product) : undefined;
  if (accumulate === undefined || descend === undefined) return false;
  if ((nesterov && lookAhead === undefined) || (scaled && shrink === undefined)) return false;
  const rate = negativeRate(lowering, node);
  let gradient = given;
  if (shrink !== undefined) {
    gradient = lowering.temporary(layout);
    const factors = [
      [argument.src, given],
      [argument.src1, lowering.plain(node.inputs[4] as Value)],
    ] as const;
    lowering.step(node, shrink, factors, [[argument.dst, gradient]], { inPlace: given });
  }
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
