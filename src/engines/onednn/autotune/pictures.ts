// Pictures inside a storage, as places of elements: parts of them, every second pixel of them, with zeros around them.
// Layouts whose channels lie in blocks cannot be cut and stepped through as four axes, but as five they are plain
// strided memory: pictures, blocks of channels, rows, columns, channels of a block.
import type { Node } from '../../../graph/graph.ts';
import { elementBytes, type Layout, type StorageType } from '../abi.ts';
import type { Lowering, Storage, Tensor } from '../lowering.ts';
import type { Natives } from '../natives.ts';

export interface Pictures {
  readonly storage: Storage;
  readonly type: StorageType;
  readonly byteOffset: number;
  /** Channels that lie together; 1 where channels are evenly spaced. */
  readonly block: number;
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  /** Elements between neighbours; `c` between blocks of channels. */
  readonly strides: { readonly n: number; readonly c: number; readonly h: number; readonly w: number };
}

/** A box of pixels: first ones, how many, and the distance between those that are meant. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly h: number;
  readonly w: number;
  readonly step?: readonly [number, number];
}

/** Undefined where a layout is none of the usual, or fills up its last block of channels. */
export function picturesOf(
  natives: Natives,
  { layout, storage, byteOffset = 0 }: Tensor,
): Pictures | undefined {
  const tag = natives.pictureTag(layout);
  if (tag === undefined) return undefined;
  const [n, c, h, w] = layout.dims as [number, number, number, number];
  const { type } = layout;
  const whole = { storage, type, byteOffset, n, c, h, w };
  if (tag === 'nhwc') return { ...whole, block: 1, strides: { n: h * w * c, c: 1, h: w * c, w: c } };
  if (tag === 'nchw') return { ...whole, block: 1, strides: { n: c * h * w, c: h * w, h: w, w: 1 } };
  const block = tag === 'nChw8c' ? 8 : 16;
  if (c % block !== 0) return undefined;
  return { ...whole, block, strides: { n: c * h * w, c: h * w * block, h: w * block, w: block } };
}

/** Channels last, with `lead` pixels before the first picture and room for `pitch` rows and columns in each. */
export function pitched(
  storage: Storage,
  type: StorageType,
  size: { readonly n: number; readonly c: number },
  pitch: readonly [number, number],
  lead = 0,
): Pictures {
  const { n, c } = size;
  const [h, w] = pitch;
  const strides = { n: h * w * c, c: 1, h: w * c, w: c };
  return { storage, type, byteOffset: lead * c * elementBytes[type], block: 1, n, c, h, w, strides };
}

export function within(pictures: Pictures, { top, left, h, w, step = [1, 1] }: Box): Pictures {
  const { strides, type } = pictures;
  const elements = top * strides.h + left * strides.w;
  return {
    ...pictures,
    byteOffset: pictures.byteOffset + elements * elementBytes[type],
    h,
    w,
    strides: { ...strides, h: strides.h * step[0], w: strides.w * step[1] },
  };
}

/** Whether `copyPictures` can: blocks of channels on both sides have to be alike. */
export function canCopy(from: Pictures, to: Pictures): boolean {
  const block = Math.max(from.block, to.block);
  return (from.block === 1 || from.block === block) && (to.block === 1 || to.block === block);
}

export function copyPictures(lowering: Lowering, node: Node, from: Pictures, to: Pictures): void {
  const block = Math.max(from.block, to.block);
  const uneven = unevenAxis(from) ?? unevenAxis(to);
  if (uneven === undefined) {
    lowering.move(node, asTensor(lowering.natives, from, block), asTensor(lowering.natives, to, block));
    return;
  }
  for (const part of [0, 1]) {
    const [a, b] = [from, to].map((pictures) => {
      const { h, w } = pictures;
      const rest = { h, w, top: 0, left: 0 };
      const most = pictures[uneven] - 1;
      if (part === 0) return within(pictures, { ...rest, [uneven]: most });
      return within(pictures, { ...rest, [uneven]: 1, [uneven === 'h' ? 'top' : 'left']: most });
    }) as [Pictures, Pictures];
    copyPictures(lowering, node, a, b);
  }
}

/**
 * The axis whose last step ends beyond the next row, picture or channel, as that of every second of an odd number of
 * pixels does: the library takes no such layout, though nothing overlaps. Without its last pixel the axis is even.
 */
function unevenAxis({ n, c, h, w, block, strides }: Pictures): 'h' | 'w' | undefined {
  const axes = [
    { size: n, stride: strides.n },
    { size: block === 1 ? c : c / block, stride: strides.c },
    { axis: 'h', size: h, stride: strides.h },
    { axis: 'w', size: w, stride: strides.w },
  ] as const;
  const others = (axis: string) => axes.filter((other) => !('axis' in other) || other.axis !== axis);
  return (['w', 'h'] as const).find((axis) => {
    const { size, stride } = axis === 'h' ? axes[2] : axes[3];
    return size > 1 && others(axis).some((next) => next.stride > stride && next.stride < stride * size);
  });
}

function asTensor(natives: Natives, pictures: Pictures, block: number): Tensor {
  const { n, c, h, w, type, storage, byteOffset, strides } = pictures;
  if (block === 1) {
    const layout = natives.strided([n, c, h, w], type, [strides.n, strides.c, strides.h, strides.w]);
    return { layout, storage, byteOffset };
  }
  const between = pictures.block === 1 ? strides.c * block : strides.c;
  const inside = pictures.block === 1 ? strides.c : 1;
  const layout: Layout = natives.strided([n, c / block, h, w, block], type, [
    strides.n,
    between,
    strides.h,
    strides.w,
    inside,
  ]);
  return { layout, storage, byteOffset };
}

/** Writes zeros, copied from a constant: a product with zero would keep what is not a number. */
export function clearPictures(lowering: Lowering, node: Node, pictures: Pictures): void {
  const { n, c, h, w, type } = pictures;
  const count = n * c * h * w;
  if (count === 0) return;
  const { storage } = lowering.constant(count, 0, type);
  const zeros: Pictures = { ...pitched(storage, type, { n, c }, [h, w]) };
  copyPictures(lowering, node, zeros, pictures);
}
