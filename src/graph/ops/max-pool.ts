// Max pooling, also with overlapping windows (Krizhevsky et al. 2012, section 3.4). Beside the maxima it gives
// the switches: for each output the flat index row * W + column, inside the input's plane, of the pixel that
// won; the first in row order where several are equal. A NaN wins, as in PyTorch, so that it is not lost.
// Backward adds each signal onto its switch: with switches of a forward pass and any signal, that is the
// unpooling of Zeiler & Fergus 2014, section 2.1.
import { emit, emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { NumericArray, Shape, TensorType } from '../tensor.ts';
import { expectIndex, expectInputs, expectShape } from './checks.ts';
import {
  checkPoolingGradient,
  type PoolingAttributes,
  type PoolingOptions,
  poolingAttributes,
  poolingOutputShape,
} from './pooling.ts';

export interface PoolingBackwardAttributes extends PoolingAttributes {
  readonly inputShape: Shape;
}

/** x -> y, switches */
export const maxPoolOp: OpDefinition<PoolingAttributes> = {
  name: 'maxPool',
  infer(inputs, attributes) {
    const [x] = expectInputs('maxPool', inputs, 1) as [TensorType];
    const shape = poolingOutputShape('maxPool', x.shape, attributes);
    return [
      { shape, precision: 'compute' },
      { shape, precision: 'index' },
    ];
  },
  evaluate({ attributes: { kernel, stride, padding }, inputs, inputShapes, outputs, outputShapes }) {
    const x = inputs[0] as NumericArray;
    const [y, switches] = outputs as [NumericArray, NumericArray];
    const [, , h, w] = inputShapes[0] as [number, number, number, number];
    const [n, c, oh, ow] = outputShapes[0] as [number, number, number, number];
    for (let plane = 0; plane < n * c; plane++) {
      const start = plane * h * w;
      for (let i = 0; i < oh; i++) {
        const top = Math.max(0, i * stride[0] - padding[0]);
        const bottom = Math.min(h, i * stride[0] - padding[0] + kernel[0]);
        for (let j = 0; j < ow; j++) {
          const left = Math.max(0, j * stride[1] - padding[1]);
          const right = Math.min(w, j * stride[1] - padding[1] + kernel[1]);
          let winner = top * w + left;
          let best = x[start + winner] as number;
          for (let row = top; row < bottom; row++) {
            for (let column = left; column < right; column++) {
              const value = x[start + row * w + column] as number;
              if (value > best || (Number.isNaN(value) && !Number.isNaN(best))) {
                best = value;
                winner = row * w + column;
              }
            }
          }
          const o = (plane * oh + i) * ow + j;
          y[o] = best;
          switches[o] = winner;
        }
      }
    }
  },
  gradient({ node, outputGradients: [dy] }) {
    if (dy === undefined) return [];
    const attributes = { ...node.attributes, inputShape: (node.inputs[0] as Value).shape };
    return [emitOne(maxPoolBackwardOp, attributes, [dy, node.outputs[1] as Value])];
  },
  window: (_, { kernel, stride, padding }) => ({ kernel, stride, padding }),
};

/** (dy, switches) -> dx; signals that share a switch are added */
export const maxPoolBackwardOp: OpDefinition<PoolingBackwardAttributes> = {
  name: 'maxPoolBackward',
  infer(inputs, attributes) {
    const [dy, switches] = expectInputs('maxPoolBackward', inputs, 2) as [TensorType, TensorType];
    checkPoolingGradient('maxPoolBackward', dy.shape, attributes);
    expectShape('maxPoolBackward', 'switches', switches.shape, dy.shape);
    expectIndex('maxPoolBackward', 'switches', switches);
    return [{ shape: attributes.inputShape, precision: 'compute' }];
  },
  evaluate({ attributes: { inputShape }, inputs, inputShapes, outputs }) {
    const [dy, switches] = inputs as [NumericArray, NumericArray];
    const dx = outputs[0] as NumericArray;
    const plane = (inputShape[2] as number) * (inputShape[3] as number);
    const [, , oh, ow] = inputShapes[0] as [number, number, number, number];
    const sums = new Float64Array(dx.length);
    for (let o = 0; o < dy.length; o++) {
      const place = switches[o] as number;
      if (!(place >= 0 && place < plane)) {
        throw new Error(`maxPoolBackward got the switch ${place}, expected 0 to ${plane - 1}.`);
      }
      const target = Math.floor(o / (oh * ow)) * plane + place;
      sums[target] = (sums[target] as number) + (dy[o] as number);
    }
    dx.set(sums);
  },
};

/** `x`: NxCxHxW. Gives the maxima and the switches. */
export function maxPoolWithSwitches(x: Value, options: PoolingOptions): { y: Value; switches: Value } {
  const [y, switches] = emit(maxPoolOp, poolingAttributes(options), [x]) as [Value, Value];
  return { y, switches };
}

/** `x`: NxCxHxW. */
export function maxPool(x: Value, options: PoolingOptions): Value {
  return maxPoolWithSwitches(x, options).y;
}
