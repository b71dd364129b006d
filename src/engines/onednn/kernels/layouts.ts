// What kernels ask of layouts.

import type { Value } from '../../../graph/graph.ts';
import { elementCount } from '../../../graph/tensor.ts';
import { elementBytes, type Layout, type PrimitiveDescriptor } from '../abi.ts';
import type { Lowering, Tensor } from '../lowering.ts';

/** Whether channels are padded to whole blocks: 20 channels in blocks of 8 take the room of 24. */
export function isPadded(layout: Layout): boolean {
  return layout.bytes !== elementCount(layout.dims) * elementBytes[layout.type];
}

/** Whether the library has its own code for a request, and not the plain loops that are a hundred times slower. */
export function isFast(descriptor: PrimitiveDescriptor | undefined): boolean {
  return descriptor !== undefined && !/(^|_)ref\b/.test(descriptor.implementation);
}

/** `x` where `accepts` likes to read it: as it lies, else in blocks of channels, into which a copy is cheap; else as it lies. */
export function readable(lowering: Lowering, x: Value, accepts: (layout: Layout) => boolean): Tensor {
  const { natives } = lowering;
  const { layout } = lowering.current(x);
  if (accepts(layout)) return lowering.current(x);
  const found = ([16, 8] as const)
    .map((block) => natives.blocked(layout.dims, layout.type, block))
    .find((blocked) => !isPadded(blocked) && accepts(blocked));
  return lowering.as(x, found ?? layout);
}
