// Convolutions: every layout is left to the library, which knows what its kernels like.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { argument, type Layout, type PrimitiveDescriptor, type WindowGeometry } from '../abi.ts';
import { type Kernel, type Lowering, reluAfter } from '../lowering.ts';

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

function layoutOf(
  descriptor: PrimitiveDescriptor,
  query: Parameters<PrimitiveDescriptor['layout']>[0],
): Layout {
  const layout = descriptor.layout(query);
  if (layout === undefined)
    throw new Error(`oneDNN: ${descriptor.implementation} gives no layout for ${query}.`);
  return layout;
}

export const convolution: Kernel = (lowering, node) => {
  const [x, w, b] = node.inputs as [Value, Value, Value?];
  const relu = lowering.fusion.reluAfter.get(node);
  const y = (relu ?? node).outputs[0] as Value;
  const parts = { x, w, y, bias: b && lowering.plain(b).layout };
  const descriptor = lowering.natives.describe(
    'convolutionForward',
    request(lowering, node.attributes, parts),
    relu && reluAfter,
  );
  if (descriptor === undefined) return false;
  lowering.step(
    node,
    descriptor,
    [
      [argument.src, lowering.as(x, layoutOf(descriptor, 'src'))],
      [argument.weights, lowering.as(w, layoutOf(descriptor, 'weights'))],
      ...(b ? [[argument.bias, lowering.plain(b)] as const] : []),
    ],
    [[argument.dst, lowering.define(y, layoutOf(descriptor, 'dst'))]],
  );
  return true;
};

export const convolutionBackwardData: Kernel = (lowering, node) => {
  const [dy, w] = node.inputs as [Value, Value];
  const dx = node.outputs[0] as Value;
  const asked = request(lowering, node.attributes, { x: dx, w, y: dy });
  const hint = lowering.natives.describe('convolutionForward', asked);
  const descriptor = hint && lowering.natives.describe('convolutionBackwardData', { ...asked, hint });
  if (descriptor === undefined) return false;
  lowering.step(
    node,
    descriptor,
    [
      [argument.diffDst, lowering.as(dy, layoutOf(descriptor, 'diffDst'))],
      [argument.weights, lowering.as(w, layoutOf(descriptor, 'weights'))],
    ],
    [[argument.diffSrc, lowering.define(dx, layoutOf(descriptor, 'diffSrc'))]],
  );
  return true;
};

function describeBackwardWeights(lowering: Lowering, node: Node): PrimitiveDescriptor | undefined {
  const [x, dy] = node.inputs as [Value, Value];
  const [dw, db] = node.outputs as [Value, Value?];
  const { natives } = lowering;
  const bias = db && lowering.plainLayout(db);
  const asked = request(lowering, node.attributes, { x, w: dw, y: dy, bias });
  const hint = natives.describe('convolutionForward', asked);
  const weights = natives.anyLayout(lowering.dims(dw), 'f32');
  return hint && natives.describe('convolutionBackwardWeights', { ...asked, weights, hint });
}

/** The layout in which the gradient of the filters comes; the filters are best kept in the same one. */
export function filterGradientLayout(lowering: Lowering, node: Node): Layout | undefined {
  return describeBackwardWeights(lowering, node)?.layout('diffWeights');
}

export const convolutionBackwardWeights: Kernel = (lowering, node) => {
  const [x, dy] = node.inputs as [Value, Value];
  const [dw, db] = node.outputs as [Value, Value?];
  const descriptor = describeBackwardWeights(lowering, node);
  if (descriptor === undefined) return false;
  lowering.step(
    node,
    descriptor,
    [
      [argument.src, lowering.as(x, layoutOf(descriptor, 'src'))],
      [argument.diffDst, lowering.as(dy, layoutOf(descriptor, 'diffDst'))],
    ],
    [
      [argument.diffWeights, lowering.define(dw, layoutOf(descriptor, 'diffWeights'))],
      ...(db ? [[argument.diffBias, lowering.define(db, lowering.plainLayout(db))] as const] : []),
    ],
  );
  return true;
};
