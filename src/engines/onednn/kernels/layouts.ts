// What kernels ask of layouts.
import { elementCount } from '../../../graph/tensor.ts';
import { elementBytes, type Layout } from '../abi.ts';

/** Whether channels are padded to whole blocks: 20 channels in blocks of 8 take the room of 24. */
export function isPadded(layout: Layout): boolean {
  return layout.bytes !== elementCount(layout.dims) * elementBytes[layout.type];
}
