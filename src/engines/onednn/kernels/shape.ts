// Ops that move numbers without computing: concat, slice, reshape.
import type { Value } from '../../../graph/graph.ts';
import type { SliceAttributes } from '../../../graph/ops/slice-pad.ts';
import { argument, type Layout } from '../abi.ts';
import type { Kernel } from '../lowering.ts';

export const concat: Kernel = (lowering, node) => {
  const sources = node.inputs.map((value) => lowering.current(value));
  const descriptor = lowering.natives.describe('concat', {
    axis: node.attributes.axis,
    sources: sources.map(({ layout }) => layout),
    dst: null,
  });
  if (descriptor === undefined) return false;
  const result = lowering.define(node.outputs[0] as Value, descriptor.layout('dst') as Layout);
  lowering.step(
    node,
    descriptor,
    sources.map((source, i) => [argument.multipleSources + i, source] as const),
    [[argument.dst, result]],
  );
  return true;
};

/** A slice without steps is a copy out of a box; the box may not cut a block of channels, or is taken row-major. */
export const slice: Kernel = (lowering, node) => {
  const { natives } = lowering;
  const { start, size, step } = node.attributes as SliceAttributes;
  if (step.some((distance) => distance !== 1)) return false;
  const x = node.inputs[0] as Value;
  const y = node.outputs[0] as Value;
  const current = lowering.current(x);
  const inBlocks = natives.sublayout(current.layout, size, start);
  const whole = inBlocks === undefined ? lowering.nativePlain(x) : current;
  const box = inBlocks ?? natives.sublayout(whole.layout, size, start);
  if (box === undefined) return false;
  const target = natives.layoutLike(whole.layout, lowering.dims(y));
  const descriptor = natives.describe('reorder', { src: box, dst: target });
  if (descriptor === undefined) return false;
  lowering.step(
    node,
    descriptor,
    [[argument.src, { layout: box, storage: whole.storage }]],
    [[argument.dst, lowering.define(y, target)]],
  );
  return true;
};

/** Row-major numbers under other sizes: the same memory, no step. */
export const reshape: Kernel = (lowering, node) => {
  const y = node.outputs[0] as Value;
  const { storage } = lowering.nativePlain(node.inputs[0] as Value);
  lowering.alias(y, { layout: lowering.plainLayout(y), storage });
  return true;
};
