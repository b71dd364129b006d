// Sum over the axes in which the target shape has 1: the gradient of repeating a tensor along them.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { formatShape, type NumericArray, type Shape, type TensorType } from '../tensor.ts';
import { forEachWithBroadcast, isBroadcastOf } from './broadcast.ts';
import { expectFloat, expectInputs } from './checks.ts';

export interface SumToAttributes {
  readonly shape: Shape;
}

export const sumToOp: OpDefinition<SumToAttributes> = {
  name: 'sumTo',
  infer(inputs, { shape }) {
    const [x] = expectInputs('sumTo', inputs, 1) as [TensorType];
    expectFloat('sumTo', 'an input', x);
    if (!isBroadcastOf(shape, x.shape)) {
      throw new Error(
        `sumTo got a tensor of shape ${formatShape(x.shape)} and the target ${formatShape(shape)}, ` +
          'expected the target to have in each axis the same size, or 1.',
      );
    }
    return [{ shape, precision: 'compute' }];
  },
  evaluate({ inputs: [x], inputShapes: [from], outputs, attributes: { shape } }) {
    if (!x || !from) return;
    const y = outputs[0] as NumericArray;
    const sums = new Float64Array(y.length);
    forEachWithBroadcast(from, shape, (i, j) => {
      sums[j] = (sums[j] as number) + (x[i] as number);
    });
    y.set(sums);
  },
};

/** `x` summed down to `shape` (same rank, each size x's or 1). */
export function sumTo(x: Value, shape: Shape): Value {
  return emitOne(sumToOp, { shape }, [x]);
}
