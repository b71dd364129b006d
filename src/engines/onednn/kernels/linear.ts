// Fully connected layers as oneDNN's inner products; the ways beside them are in ../autotune.
import type { Node, Value } from '../../../graph/graph.ts';
import type { Layout, PrimitiveDescriptor } from '../abi.ts';
import { productsForward, productsGradient, productsWeightGradient } from '../autotune/products.ts';
import { lowerBest, type Ways } from '../autotune/ways.ts';
import { type Kernel, type Lowering, reluAfter } from '../lowering.ts';
import { isFast } from './layouts.ts';
import { biasGradient, isLarge, type LayerInParts, layerInParts } from './linear-update.ts';
import { lowerDataGradient, lowerForward, lowerWeightGradient, resultOf } from './operands.ts';
import { productView } from './widened.ts';

function request(lowering: Lowering, x: Value, w: Value, y: Value, bias?: Layout) {
  return {
    src: lowering.any(x),
    weights: lowering.natives.anyLayout(w.shape, lowering.storageType(x)),
    bias,
    dst: lowering.any(y),
  };
}

/**
 * Weights that change with every step are read as they lie, where the same kernel takes them so: at small batches
 * reordering them takes longer than the layer itself. Those of large layers are read as they lie by any kernel: the copy
 * would be the largest thing in memory. `describe` asks for the primitive on a layout of the weights.
 */
function onWeightsAsTheyLie(
  lowering: Lowering,
  { x, w }: { readonly x: Value; readonly w: Value },
  describe: (weights: Layout) => PrimitiveDescriptor | undefined,
): PrimitiveDescriptor | undefined {
  const preferred = describe(lowering.natives.anyLayout(w.shape, lowering.storageType(x)));
  const lying = lowering.current(w).layout;
  if (lowering.isUnchanging(w) || lying.type !== lowering.storageType(x)) return preferred;
  const asTheyLie = describe(lying);
  const isSame = asTheyLie?.implementation === preferred?.implementation;
  return isSame || (isLarge(w) && isFast(asTheyLie)) ? asTheyLie : preferred;
}

const forwardWays: Ways = {
  describe(lowering, node) {
    const [x, w, b] = node.inputs as [Value, Value, Value?];
    const asked = request(lowering, x, w, resultOf(lowering, node), b && lowering.plain(b).layout);
    const behind = lowering.fusion.reluAfter.has(node) ? reluAfter : [];
    return onWeightsAsTheyLie(lowering, { x, w }, (weights) =>
      lowering.natives.describe('productForward', { ...asked, weights }, behind),
    );
  },
  lower: lowerForward,
  others: productsForward,
};

const dataGradientWays: Ways = {
  describe(lowering, node) {
    const [dy, w] = node.inputs as [Value, Value];
    const asked = request(lowering, node.outputs[0] as Value, w, dy);
    return onWeightsAsTheyLie(lowering, { x: dy, w }, (weights) => {
      const hint = lowering.natives.describe('productForward', { ...asked, weights });
      return hint && lowering.natives.describe('productBackwardData', { ...asked, weights, hint });
    });
  },
  lower: lowerDataGradient,
  others: productsGradient,
};

const weightGradientWays: Ways = {
  describe(lowering, node) {
    const [x, dy] = node.inputs as [Value, Value];
    const [dw, db] = node.outputs as [Value, Value?];
    const { natives } = lowering;
    const asked = request(lowering, x, dw, dy, db && lowering.plainLayout(db));
    const hint = natives.describe('productForward', asked);
    const weights = natives.anyLayout(dw.shape, 'f32');
    return hint && natives.describe('productBackwardWeights', { ...asked, weights, hint });
  },
  lower: lowerWeightGradient,
  others: productsWeightGradient,
};

export const linear: Kernel = (lowering, node) => lowerBest(lowering, node, forwardWays);
export const linearBackwardData: Kernel = (lowering, node) => lowerBest(lowering, node, dataGradientWays);
export const linearBackwardWeights: Kernel = (lowering, node) => {
  if (inParts(lowering, node) === undefined) return lowerBest(lowering, node, weightGradientWays);
  biasGradient(lowering, node);
  return true;
};

/**
 * The layout in which the gradient of the weights comes; the weights are best kept in the same one. Blocks, as AVX-512 and
 * 3.x like them, have no rows to be taken in parts: a large layer's weights stay row-major for that.
 */
export function weightGradientLayout(given: Lowering, node: Node): Layout | undefined {
  const lowering = productView(given, node);
  const preferred = weightGradientWays.describe(lowering, node)?.layout('diffWeights');
  const rows = lowering.plainLayout(node.outputs[0] as Value);
  const hasParts = (layout: Layout | undefined) => layerInParts(lowering, node, layout) !== undefined;
  return !hasParts(preferred) && hasParts(rows) ? rows : preferred;
}

/** The layer of a weight gradient that its optimiser takes some rows at a time; undefined where it comes as a whole. */
export function inParts(lowering: Lowering, node: Node): LayerInParts | undefined {
  if (node.op.name !== 'linearBackwardWeights') return undefined;
  return layerInParts(productView(lowering, node), node, weightGradientLayout(lowering, node));
}
