// Fully connected layers as oneDNN's inner products.
import type { Node, Value } from '../../../graph/graph.ts';
import { argument, type Layout, type PrimitiveDescriptor } from '../abi.ts';
import { type Kernel, type Lowering, reluAfter } from '../lowering.ts';

function request(lowering: Lowering, x: Value, w: Value, y: Value, bias?: Layout) {
  return {
    src: lowering.any(x),
    weights: lowering.natives.anyLayout(w.shape, lowering.storageType(x)),
    bias,
    dst: lowering.any(y),
  };
}

export const linear: Kernel = (lowering, node) => {
  const [x, w, b] = node.inputs as [Value, Value, Value?];
  const relu = lowering.fusion.reluAfter.get(node);
  const y = (relu ?? node).outputs[0] as Value;
  const asked = request(lowering, x, w, y, b && lowering.plain(b).layout);
  const descriptor = lowering.natives.describe('productForward', asked, relu && reluAfter);
  if (descriptor === undefined) return false;
  lowering.step(
    node,
    descriptor,
    [
      [argument.src, lowering.as(x, descriptor.layout('src') as Layout)],
      [argument.weights, lowering.as(w, descriptor.layout('weights') as Layout)],
      ...(b ? [[argument.bias, lowering.plain(b)] as const] : []),
    ],
    [[argument.dst, lowering.define(y, descriptor.layout('dst') as Layout)]],
  );
  return true;
};

export const linearBackwardData: Kernel = (lowering, node) => {
  const [dy, w] = node.inputs as [Value, Value];
  const dx = node.outputs[0] as Value;
  const asked = request(lowering, dx, w, dy);
  const hint = lowering.natives.describe('productForward', asked);
  const descriptor = hint && lowering.natives.describe('productBackwardData', { ...asked, hint });
  if (descriptor === undefined) return false;
  lowering.step(
    node,
    descriptor,
    [
      [argument.diffDst, lowering.as(dy, descriptor.layout('diffDst') as Layout)],
      [argument.weights, lowering.as(w, descriptor.layout('weights') as Layout)],
    ],
    [[argument.diffSrc, lowering.define(dx, descriptor.layout('diffSrc') as Layout)]],
  );
  return true;
};

function describeBackwardWeights(lowering: Lowering, node: Node): PrimitiveDescriptor | undefined {
  const [x, dy] = node.inputs as [Value, Value];
  const [dw, db] = node.outputs as [Value, Value?];
  const { natives } = lowering;
  const asked = request(lowering, x, dw, dy, db && lowering.plainLayout(db));
  const hint = natives.describe('productForward', asked);
  const weights = natives.anyLayout(dw.shape, 'f32');
  return hint && natives.describe('productBackwardWeights', { ...asked, weights, hint });
}

/** The layout in which the gradient of the weights comes; the weights are best kept in the same one. */
export function weightGradientLayout(lowering: Lowering, node: Node): Layout | undefined {
  return describeBackwardWeights(lowering, node)?.layout('diffWeights');
}

export const linearBackwardWeights: Kernel = (lowering, node) => {
  const [x, dy] = node.inputs as [Value, Value];
  const [dw, db] = node.outputs as [Value, Value?];
  const descriptor = describeBackwardWeights(lowering, node);
  if (descriptor === undefined) return false;
  lowering.step(
    node,
    descriptor,
    [
      [argument.src, lowering.as(x, descriptor.layout('src') as Layout)],
      [argument.diffDst, lowering.as(dy, descriptor.layout('diffDst') as Layout)],
    ],
    [
      [argument.diffWeights, lowering.define(dw, descriptor.layout('diffWeights') as Layout)],
      ...(db ? [[argument.diffBias, lowering.define(db, lowering.plainLayout(db))] as const] : []),
    ],
  );
  return true;
};
