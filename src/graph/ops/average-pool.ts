// Average pooling. With `countIncludePad` a window divides by its size including the padding (PyTorch's
// default; cut at the padding's far edge in ceil mode), without it by the number of real pixels it covers.
// Backward spreads each signal evenly over the same pixels.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { type NumericArray, pictureShape, type Shape, type TensorType } from '../tensor.ts';
import { expectInputs } from './checks.ts';
import {
  checkPoolingGradient,
  type PoolingAttributes,
  type PoolingOptions,
  poolingAttributes,
  poolingOutputShape,
} from './pooling.ts';

export interface AveragePoolAttributes extends PoolingAttributes {
  readonly countIncludePad: boolean;
}

export interface AveragePoolBackwardAttributes extends AveragePoolAttributes {
  readonly inputShape: Shape;
}

type Visit = (input: number, output: number, weight: number) => void;

/** Calls `visit` with every (input, output) pair of flat indices and the weight of the input in the output. */
function forEachWeight(x: Shape, y: Shape, attributes: AveragePoolAttributes, visit: Visit): void {
  const { kernel, stride, padding, countIncludePad } = attributes;
  const [n, c, h, w] = x as [number, number, number, number];
  const [, , oh, ow] = y as [number, number, number, number];
  for (let plane = 0; plane < n * c; plane++) {
    for (let i = 0; i < oh; i++) {
      const top = i * stride[0] - padding[0];
      const bottom = Math.min(top + kernel[0], h + padding[0]);
      for (let j = 0; j < ow; j++) {
        const left = j * stride[1] - padding[1];
        const right = Math.min(left + kernel[1], w + padding[1]);
        const rows = Math.min(bottom, h) - Math.max(top, 0);
        const columns = Math.min(right, w) - Math.max(left, 0);
        const weight = 1 / (countIncludePad ? (bottom - top) * (right - left) : rows * columns);
        const output = (plane * oh + i) * ow + j;
        for (let row = Math.max(top, 0); row < Math.min(bottom, h); row++) {
          for (let column = Math.max(left, 0); column < Math.min(right, w); column++) {
            visit((plane * h + row) * w + column, output, weight);
          }
        }
      }
    }
  }
}

export const averagePoolOp: OpDefinition<AveragePoolAttributes> = {
  name: 'averagePool',
  infer(inputs, attributes) {
    const [x] = expectInputs('averagePool', inputs, 1) as [TensorType];
    return [{ shape: poolingOutputShape('averagePool', x.shape, attributes), precision: 'compute' }];
  },
  evaluate({ attributes, inputs: [x], inputShapes, outputs, outputShapes }) {
    if (!x) return;
    const y = outputs[0] as NumericArray;
    const sums = new Float64Array(y.length);
    forEachWeight(inputShapes[0] as Shape, outputShapes[0] as Shape, attributes, (i, o, weight) => {
      sums[o] = (sums[o] as number) + weight * (x[i] as number);
    });
    y.set(sums);
  },
  gradient({ node, outputGradients: [dy] }) {
    if (dy === undefined) return [];
    const attributes = { ...node.attributes, inputShape: (node.inputs[0] as Value).shape };
    return [emitOne(averagePoolBackwardOp, attributes, [dy])];
  },
  window: (_, { kernel, stride, padding }) => ({ kernel, stride, padding }),
};

/** dy -> dx */
export const averagePoolBackwardOp: OpDefinition<AveragePoolBackwardAttributes> = {
  name: 'averagePoolBackward',
  infer(inputs, attributes) {
    const [dy] = expectInputs('averagePoolBackward', inputs, 1) as [TensorType];
    checkPoolingGradient('averagePoolBackward', dy.shape, attributes);
    return [{ shape: attributes.inputShape, precision: 'compute' }];
  },
  evaluate({ attributes, inputs: [dy], inputShapes, outputs }) {
    if (!dy) return;
    const dx = outputs[0] as NumericArray;
    const sums = new Float64Array(dx.length);
    forEachWeight(attributes.inputShape, inputShapes[0] as Shape, attributes, (i, o, weight) => {
      sums[i] = (sums[i] as number) + weight * (dy[o] as number);
    });
    dx.set(sums);
  },
};

export interface AveragePoolOptions extends PoolingOptions {
  /** Default true, as in PyTorch. */
  readonly countIncludePad?: boolean;
}

/** `x`: NxCxHxW. */
export function averagePool(x: Value, options: AveragePoolOptions): Value {
  const attributes = { ...poolingAttributes(options), countIncludePad: options.countIncludePad ?? true };
  return emitOne(averagePoolOp, attributes, [x]);
}

/** `x`: NxCxHxW; gives the mean of each plane, NxCx1x1. */
export function globalAveragePool(x: Value): Value {
  const [, , h, w] = pictureShape('globalAveragePool', x.shape);
  return averagePool(x, { kernel: [h, w] });
}
