// Data gradients of strided convolutions phase by phase (phases.ts): a stride of 2 is four small dense data gradients,
// written among each other into the picture. Pixels that no window meets are zero.
import type { Value } from '../../../graph/graph.ts';
import type { ConvolutionBackwardDataAttributes } from '../../../graph/ops/convolution.ts';
import { argument, type Layout, type PrimitiveDescriptor } from '../abi.ts';
import type { Tensor } from '../lowering.ts';
import { type DensePhase, densePhases, filterPart, filterRoom } from './dense-phases.ts';
import { canCopy, clearPictures, copyPictures, type Pictures, picturesOf, within } from './pictures.ts';
import type { Implementation } from './ways.ts';

export const dataGradientByPhases: Implementation = {
  name: 'phases',
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const attributes = node.attributes as ConvolutionBackwardDataAttributes;
    const [dy, w] = node.inputs as [Value, Value];
    const dx = node.outputs[0] as Value;
    const type = lowering.storageType(dy);
    const wanted = primitive.layout('diffSrc');
    const phases = densePhases(attributes, dx.shape, w.shape, dy.shape);
    if (phases === undefined || wanted === undefined) return false;
    const [n, c] = dx.shape as [number, number];
    const dims = lowering.dims(w);

    const parts: { descriptor: PrimitiveDescriptor; made: Tensor; from: Pictures }[] = [];
    const result = lowering.temporary(wanted);
    const room = picturesOf(natives, result);
    if (room === undefined) return false;
    for (const { window, kernel, box } of phases) {
      const asked = {
        ...window,
        src: natives.anyLayout([n, c, box.h, box.w], type),
        weights: natives.anyLayout([...dims.slice(0, -2), ...kernel], type),
        dst: lowering.any(dy),
      };
      const hint = natives.describe('convolutionForward', asked);
      const descriptor = hint && natives.describe('convolutionBackwardData', { ...asked, hint });
      const layout = descriptor?.layout('diffSrc');
      if (descriptor === undefined || layout === undefined) return false;
      const made = lowering.temporary(layout);
      const from = picturesOf(natives, made);
      if (from === undefined || !canCopy(from, room)) return false;
      parts.push({ descriptor, made, from });
    }

    const once = lowering.isUnchanging(w);
    const filters = filterRoom(lowering, dims, attributes.stride, once ? 'kept' : 'arena');
    lowering.move(node, lowering.current(w), filters, { once });
    // A phase may be met in part, and some phases not at all.
    const met = phases.reduce((sum, { box }) => sum + box.h * box.w, 0);
    if (met < room.h * room.w) clearPictures(lowering, node, room);
    for (const [i, { descriptor, made, from }] of parts.entries()) {
      const phase = phases[i] as DensePhase;
      const weights = lowering.temporary(descriptor.layout('weights') as Layout, once ? 'kept' : 'arena');
      lowering.move(node, filterPart(natives, filters, phase), weights, { once });
      lowering.step(
        node,
        descriptor,
        [
          [argument.diffDst, lowering.as(dy, descriptor.layout('diffDst') as Layout)],
          [argument.weights, weights],
        ],
        [[argument.diffSrc, made]],
      );
      copyPictures(lowering, node, from, within(room, phase.box));
    }
    lowering.alias(dx, result);
    return true;
  },
};
