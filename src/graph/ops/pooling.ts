// The geometry that max and average pooling share, as PyTorch has it: windows start every `stride` pixels from
// -padding; with `ceil` a last, partly empty window is added where the strides do not come out even, unless
// it would start beyond the picture and its left padding.
import { formatShape, pictureShape, type Shape } from '../tensor.ts';
import { type Pair, pair } from './convolution.ts';

export interface PoolingAttributes {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  /** Round the output size up. */
  readonly ceil: boolean;
}

export interface PoolingOptions {
  readonly kernel: number | Pair;
  /** Default: the kernel, so that windows do not overlap. */
  readonly stride?: number | Pair;
  readonly padding?: number | Pair;
  readonly ceil?: boolean;
}

export function poolingAttributes(options: PoolingOptions): PoolingAttributes {
  return {
    kernel: pair(options.kernel),
    stride: pair(options.stride ?? options.kernel),
    padding: pair(options.padding ?? 0),
    ceil: options.ceil ?? false,
  };
}

function outputSize(size: number, axis: 0 | 1, { kernel, stride, padding, ceil }: PoolingAttributes): number {
  const round = ceil ? Math.ceil : Math.floor;
  const count = round((size + 2 * padding[axis] - kernel[axis]) / stride[axis]) + 1;
  return ceil && (count - 1) * stride[axis] >= size + padding[axis] ? count - 1 : count;
}

/** NxCxOHxOW, or an error that names the op. */
export function poolingOutputShape(op: string, x: Shape, attributes: PoolingAttributes): Shape {
  const [n, c, h, w] = pictureShape(op, x);
  const { kernel, stride, padding } = attributes;
  for (const axis of [0, 1] as const) {
    if (!(kernel[axis] >= 1 && stride[axis] >= 1)) {
      throw new Error(
        `${op} got kernel ${kernel.join('x')}, stride ${stride.join('x')}, expected at least 1.`,
      );
    }
    if (!(padding[axis] >= 0 && padding[axis] * 2 <= kernel[axis])) {
      throw new Error(
        `${op} got padding ${padding.join('x')} with kernel ${kernel.join('x')}, ` +
          'expected at most half of the kernel.',
      );
    }
  }
  const oh = outputSize(h, 0, attributes);
  const ow = outputSize(w, 1, attributes);
  if (oh < 1 || ow < 1) {
    throw new Error(
      `${op} got a ${h}x${w} picture, expected at least its kernel, ${kernel.join('x')} ` +
        `(padding ${padding.join('x')}).`,
    );
  }
  return [n, c, oh, ow];
}

/** A gradient that arrives at a pool: it must have the shape that pooling `inputShape` gives. */
export function checkPoolingGradient(
  op: string,
  dy: Shape,
  attributes: PoolingAttributes & { readonly inputShape: Shape },
): void {
  const expected = poolingOutputShape(op, attributes.inputShape, attributes);
  if (formatShape(dy) !== formatShape(expected)) {
    throw new Error(
      `${op} got a gradient of shape ${formatShape(dy)}, expected ${formatShape(expected)} ` +
        `for an input of ${formatShape(attributes.inputShape)}.`,
    );
  }
}
