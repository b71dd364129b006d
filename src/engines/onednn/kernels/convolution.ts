// Convolutions and their gradients. Every layout is left to the library, which knows what its kernels like; the ways
// beside its primitives are in ../autotune.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import type { Layout, PostOperation, WindowGeometry } from '../abi.ts';
import { dataGradientByPhases } from '../autotune/data-gradients.ts';
import { mergedForward, mergedGradient, mergedWeightGradient } from '../autotune/merged-groups.ts';
import { weightGradientByPhases } from '../autotune/phase-gradients.ts';
import { pointwise, pointwiseGradient } from '../autotune/pointwise.ts';
import { lowerBest, type Ways } from '../autotune/ways.ts';
import { shiftedProducts } from '../autotune/weight-gradients.ts';
import { type Kernel, type Lowering, reluAfter } from '../lowering.ts';
import { convolutionWithSum } from './convolution-sum.ts';
import { lowerDataGradient, lowerForward, lowerWeightGradient, resultOf } from './operands.ts';

function geometry({ stride, padding, dilation }: ConvolutionAttributes): WindowGeometry {
  return {
    strides: stride,
    dilates: dilation.map((step) => step - 1),
    padLeft: padding,
    padRight: padding,
  };
}

interface Parts {
  x: Value;
  w: Value;
  y: Value;
  bias?: Layout | undefined;
}

function request(lowering: Lowering, attributes: ConvolutionAttributes, { x, w, y, bias }: Parts) {
  const { natives } = lowering;
  return {
    ...geometry(attributes),
    src: lowering.any(x),
    // Filters are stored in full precision and computed with in the type of the activations.
    weights: natives.anyLayout(lowering.dims(w), lowering.storageType(x)),
    bias,
    dst: lowering.any(y),
  };
}

function describeForward(lowering: Lowering, node: Node, behind: readonly PostOperation[]) {
  const [x, w, b] = node.inputs as [Value, Value, Value?];
  const parts = { x, w, y: resultOf(lowering, node), bias: b && lowering.plain(b).layout };
  return lowering.natives.describe('convolutionForward', request(lowering, node.attributes, parts), behind);
}

const forwardWays: Ways = {
  describe: (lowering, node) =>
    describeForward(lowering, node, lowering.fusion.reluAfter.has(node) ? reluAfter : []),
  lower: lowerForward,
  others: [pointwise, ...mergedForward],
};

const dataGradientWays: Ways = {
  describe(lowering, node) {
    const [dy, w] = node.inputs as [Value, Value];
    const asked = request(lowering, node.attributes, { x: node.outputs[0] as Value, w, y: dy });
    const hint = lowering.natives.describe('convolutionForward', asked);
    return hint && lowering.natives.describe('convolutionBackwardData', { ...asked, hint });
  },
  lower: lowerDataGradient,
  others: [dataGradientByPhases, pointwiseGradient, ...mergedGradient],
};

const weightGradientWays: Ways = {
  describe(lowering, node) {
    const [x, dy] = node.inputs as [Value, Value];
    const [dw, db] = node.outputs as [Value, Value?];
    const { natives } = lowering;
    const bias = db && lowering.plainLayout(db);
    const asked = request(lowering, node.attributes, { x, w: dw, y: dy, bias });
    const hint = natives.describe('convolutionForward', asked);
    const weights = natives.anyLayout(lowering.dims(dw), 'f32');
    return hint && natives.describe('convolutionBackwardWeights', { ...asked, weights, hint });
  },
  lower: lowerWeightGradient,
  others: [shiftedProducts, weightGradientByPhases, ...mergedWeightGradient],
};

export const convolution: Kernel = (lowering, node) =>
  convolutionWithSum(lowering, node, (behind) => describeForward(lowering, node, behind)) ||
  lowerBest(lowering, node, forwardWays);
export const convolutionBackwardData: Kernel = (lowering, node) =>
  lowerBest(lowering, node, dataGradientWays);
export const convolutionBackwardWeights: Kernel = (lowering, node) =>
  lowerBest(lowering, node, weightGradientWays);

/** The layout in which the gradient of the filters comes; the filters are best kept in the same one. */
export function filterGradientLayout(lowering: Lowering, node: Node): Layout | undefined {
  return weightGradientWays.describe(lowering, node)?.layout('diffWeights');
}
