// Broadcasting as Laurel has it: two shapes of one rank, the smaller one with size 1 in the axes along which
// it is repeated. Rank is never extended, so that a graph says which axis is meant.
import { rowMajorStrides, type Shape } from '../tensor.ts';

/** Whether `small` can be repeated to `large`. */
export function isBroadcastOf(small: Shape, large: Shape): boolean {
  return small.length === large.length && small.every((size, axis) => size === large[axis] || size === 1);
}

/** Calls `visit` with each flat index of `large`, in order, and the index in `small` that stands there. */
export function forEachWithBroadcast(
  large: Shape,
  small: Shape,
  visit: (large: number, small: number) => void,
): void {
  const strides = rowMajorStrides(small).map((stride, axis) => (small[axis] === 1 ? 0 : stride));
  let position = 0;
  const walk = (axis: number, offset: number): void => {
    if (axis === large.length) {
      visit(position++, offset);
      return;
    }
    const size = large[axis] as number;
    const stride = strides[axis] as number;
    for (let i = 0; i < size; i++) walk(axis + 1, offset + i * stride);
  };
  walk(0, 0);
}
