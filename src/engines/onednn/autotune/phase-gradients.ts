// Weight gradients of strided convolutions by splitting the picture into its phases (phases.ts): each phase with the
// filter elements that meet it is a dense convolution, for which the library has better kernels than for strided ones.
import type { Value } from '../../../graph/graph.ts';
import type { ConvolutionBackwardWeightsAttributes } from '../../../graph/ops/convolution.ts';
import { argument, type Layout, type PrimitiveDescriptor } from '../abi.ts';
import type { Tensor } from '../lowering.ts';
import { densePhases, filterPart, filterRoom } from './dense-phases.ts';
import { canCopy, copyPictures, type Pictures, picturesOf, within } from './pictures.ts';
import type { Implementation } from './ways.ts';

export const weightGradientByPhases: Implementation = {
  name: 'phases',
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const attributes = node.attributes as ConvolutionBackwardWeightsAttributes;
    const [x, dy] = node.inputs as [Value, Value];
    const [dw, db] = node.outputs as [Value, Value?];
    const type = lowering.storageType(x);
    const handed = primitive.layout('src');
    const wanted = primitive.layout('diffWeights');
    const phases = densePhases(attributes, x.shape, dw.shape, dy.shape);
    if (phases === undefined || handed === undefined || wanted === undefined) return false;
    const source = picturesOf(natives, lowering.as(x, handed));
    if (source === undefined) return false;
    const dims = lowering.dims(dw);

    const parts: { descriptor: PrimitiveDescriptor; to: Pictures; picture: Tensor; bias: boolean }[] = [];
    for (const [i, phase] of phases.entries()) {
      const { window, kernel, box } = phase;
      const filters = [...dims.slice(0, -2), ...kernel];
      const bias = i === 0 && db ? lowering.plainLayout(db) : undefined;
      const asked = {
        ...window,
        src: natives.anyLayout([x.shape[0] as number, x.shape[1] as number, box.h, box.w], type),
        weights: natives.anyLayout(filters, type),
        bias,
        dst: lowering.any(dy),
      };
      const hint = natives.describe('convolutionForward', asked);
      const weights = natives.anyLayout(filters, 'f32');
      const descriptor = hint && natives.describe('convolutionBackwardWeights', { ...asked, weights, hint });
      const layout = descriptor?.layout('src');
      if (descriptor === undefined || layout === undefined) return false;
      const picture = lowering.temporary(layout);
      const to = picturesOf(natives, picture);
      if (to === undefined || !canCopy(source, to)) return false;
      parts.push({ descriptor, to, picture, bias: bias !== undefined });
    }

    const total = filterRoom(lowering, dims, attributes.stride);
    for (const [i, { descriptor, to, picture, bias }] of parts.entries()) {
      const phase = phases[i] as (typeof phases)[number];
      copyPictures(lowering, node, within(source, phase.box), to);
      const part = lowering.temporary(descriptor.layout('diffWeights') as Layout);
      lowering.step(
        node,
        descriptor,
        [
          [argument.src, picture],
          [argument.diffDst, lowering.as(dy, descriptor.layout('diffDst') as Layout)],
        ],
        [
          [argument.diffWeights, part],
          ...(bias && db
            ? [[argument.diffBias, lowering.define(db, lowering.plainLayout(db))] as const]
            : []),
        ],
      );
      lowering.move(node, part, filterPart(natives, total, phase));
    }
    lowering.move(node, total, lowering.define(dw, wanted));
    return true;
  },
};
