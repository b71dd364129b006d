// Convolutions and their gradients. Every layout is left to the library, which knows what its kernels like; the ways
// beside its primitives are in ../autotune.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import type {
  ConvolutionAlgorithm,
  FloatType,
  Layout,
  PostOperation,
  PrimitiveDescriptor,
  WindowGeometry,
} from '../abi.ts';
import { dataGradientByPhases } from '../autotune/data-gradients.ts';
import { inFullPrecision } from '../autotune/full-precision.ts';
import { generated, generatedGradient, generatedWeightGradient } from '../autotune/generated.ts';
import { generatedPoints } from '../autotune/generated-points.ts';
import { ownWinograd, ownWinogradGradient } from '../autotune/generated-winograd.ts';
import { pairedWinogradWeightGradient } from '../autotune/generated-winograd-weights.ts';
import { mergedForward, mergedGradient, mergedWeightGradient } from '../autotune/merged-groups.ts';
import { weightGradientByPhases } from '../autotune/phase-gradients.ts';
import { pointwise, pointwiseGradient } from '../autotune/pointwise.ts';
import { type Implementation, lowerBest, type Ways } from '../autotune/ways.ts';
import { shiftedProducts } from '../autotune/weight-gradients.ts';
import { winograd } from '../autotune/winograd.ts';
import { type Kernel, type Lowering, reluAfter } from '../lowering.ts';
import { behindSum, lowerWithSum } from './convolution-sum.ts';
import { isFast } from './layouts.ts';
import { lowerDataGradient, lowerForward, lowerWeightGradient, resultOf } from './operands.ts';
import { productView } from './widened.ts';

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

type Describe = (
  lowering: Lowering,
  node: Node,
  by?: ConvolutionAlgorithm,
) => PrimitiveDescriptor | undefined;

function describeForward(
  lowering: Lowering,
  node: Node,
  behind: readonly PostOperation[],
  algorithm?: ConvolutionAlgorithm,
): PrimitiveDescriptor | undefined {
  const [x, w, b] = node.inputs as [Value, Value, Value?];
  const parts = { x, w, y: resultOf(lowering, node), bias: b && lowering.plain(b).layout };
  const fixed = algorithm === 'winograd' && lowering.isUnchanging(w);
  const asked = { ...request(lowering, node.attributes, parts), algorithm, fixed };
  return lowering.natives.describe('convolutionForward', asked, behind);
}

const describeDataGradient: Describe = (lowering, node, algorithm) => {
  const [dy, w] = node.inputs as [Value, Value];
  const asked = request(lowering, node.attributes, { x: node.outputs[0] as Value, w, y: dy });
  const hint = lowering.natives.describe('convolutionForward', asked);
  return hint && lowering.natives.describe('convolutionBackwardData', { ...asked, algorithm, hint });
};

const describeWeightGradient: Describe = (lowering, node, algorithm) => {
  const [x, dy] = node.inputs as [Value, Value];
  const [dw, db] = node.outputs as [Value, Value?];
  const { natives } = lowering;
  const bias = db && lowering.plainLayout(db);
  const asked = request(lowering, node.attributes, { x, w: dw, y: dy, bias });
  const hint = natives.describe('convolutionForward', asked);
  const weights = natives.anyLayout(lowering.dims(dw), 'f32');
  return hint && natives.describe('convolutionBackwardWeights', { ...asked, weights, algorithm, hint });
};

/** The ways to compute a convolution with `behind` behind it; none where that is undefined. */
function forwardWays(
  behind: (lowering: Lowering, node: Node) => readonly PostOperation[] | undefined,
  lower: Ways['lower'],
  others: Ways['others'],
): Ways {
  const describe: Describe = (lowering, node, algorithm) => {
    const operations = behind(lowering, node);
    return operations && describeForward(lowering, node, operations, algorithm);
  };
  return {
    describe,
    lower,
    others: [...others, ...winogradIn(describe, lower)],
  };
}

function bothTypes(way: (type: FloatType) => Implementation): Implementation[] {
  return [way('f32'), way('bf16')];
}

/** Winograd's algorithm, in f32 for nodes in bf16 too. */
function winogradIn(describe: Describe, lower: Ways['lower']): Ways['others'] {
  const ways = winograd((lowering, node) => describe(lowering, node, 'winograd'), lower);
  return [...ways, ...ways.map((way) => inFullPrecision(way, describe))];
}

const plainWays = forwardWays(
  ({ fusion }, node) => (fusion.reluAfter.has(node) ? reluAfter : []),
  lowerForward,
  [pointwise, generated(false), ...bothTypes((type) => ownWinograd(type, false)), ...mergedForward],
);

/** Plain loops with a sum inside are slower than a convolution and an addition. */
const sumWays = forwardWays(behindSum, lowerWithSum, [
  generated(true),
  ...bothTypes((type) => ownWinograd(type, true)),
]);
const withSum: Ways = {
  ...sumWays,
  describe(lowering, node) {
    const found = sumWays.describe(lowering, node);
    return isFast(found) ? found : undefined;
  },
};

const dataGradientWays: Ways = {
  describe: describeDataGradient,
  lower: lowerDataGradient,
  others: [
    ...[
      dataGradientByPhases,
      pointwiseGradient,
      generatedGradient,
      ...bothTypes(ownWinogradGradient),
      ...mergedGradient,
    ],
    ...winogradIn(describeDataGradient, lowerDataGradient),
  ],
};

const weightGradientWays: Ways = {
  describe: describeWeightGradient,
  lower: lowerWeightGradient,
  others: [
    ...[
      shiftedProducts,
      weightGradientByPhases,
      generatedWeightGradient,
      generatedPoints,
      pairedWinogradWeightGradient,
    ],
    ...mergedWeightGradient,
    ...winogradIn(describeWeightGradient, lowerWeightGradient),
  ],
};

export const convolution: Kernel = (lowering, node) =>
  lowerBest(lowering, node, withSum) || lowerBest(lowering, node, plainWays);
export const convolutionBackwardData: Kernel = (lowering, node) =>
  lowerBest(lowering, node, dataGradientWays);
export const convolutionBackwardWeights: Kernel = (lowering, node) =>
  lowerBest(lowering, node, weightGradientWays);

/** The layout in which the gradient of the filters comes; the filters are best kept in the same one. */
export function filterGradientLayout(lowering: Lowering, node: Node): Layout | undefined {
  return weightGradientWays.describe(productView(lowering, node), node)?.layout('diffWeights');
}
