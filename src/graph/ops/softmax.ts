// Softmax over the classes of NxC: y_c = exp(x_c - max) / sum_j exp(x_j - max), stable for any logits.
// Backward: dx_c = y_c (dy_c - sum_j dy_j y_j).
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { NumericArray, TensorType } from '../tensor.ts';
import { expectFloat, expectInputs, expectShape, matrixShape } from './checks.ts';

export const softmaxOp: OpDefinition<Record<string, never>> = {
  name: 'softmax',
  infer(inputs) {
    const [x] = expectInputs('softmax', inputs, 1) as [TensorType];
    expectFloat('softmax', 'an input', x);
    matrixShape('softmax', 'an input', x.shape);
    return [{ shape: x.shape, precision: x.precision }];
  },
  evaluate({ inputs: [x], inputShapes, outputs }) {
    if (!x) return;
    const y = outputs[0] as NumericArray;
    const [n, classes] = inputShapes[0] as [number, number];
    for (let row = 0; row < n; row++) {
      const { largest, sum } = exponentials(x, row * classes, classes);
      for (let i = row * classes; i < (row + 1) * classes; i++)
        y[i] = Math.exp((x[i] as number) - largest) / sum;
    }
  },
  gradient: ({ node, outputGradients: [dy] }) => [
    dy && emitOne(softmaxBackwardOp, {}, [node.outputs[0] as Value, dy]),
  ],
};

/** The largest of `count` numbers from `start`, and the sum of exp(x - largest); log-sum-exp without overflow. */
export function exponentials(
  x: NumericArray,
  start: number,
  count: number,
): { largest: number; sum: number } {
  let largest = -Infinity;
  for (let i = start; i < start + count; i++) largest = Math.max(largest, x[i] as number);
  let sum = 0;
  for (let i = start; i < start + count; i++) sum += Math.exp((x[i] as number) - largest);
  return { largest, sum };
}

/** (y, dy) -> dx */
export const softmaxBackwardOp: OpDefinition<Record<string, never>> = {
  name: 'softmaxBackward',
  infer(inputs) {
    const [y, dy] = expectInputs('softmaxBackward', inputs, 2) as [TensorType, TensorType];
    matrixShape('softmaxBackward', 'an output', y.shape);
    expectShape('softmaxBackward', 'a gradient', dy.shape, y.shape);
    return [{ shape: y.shape, precision: y.precision }];
  },
  evaluate({ inputs: [y, dy], inputShapes, outputs }) {
    if (!y || !dy) return;
    const dx = outputs[0] as NumericArray;
    const [n, classes] = inputShapes[0] as [number, number];
    for (let row = 0; row < n; row++) {
      let dot = 0;
      for (let i = row * classes; i < (row + 1) * classes; i++) dot += (dy[i] as number) * (y[i] as number);
      for (let i = row * classes; i < (row + 1) * classes; i++) {
        dx[i] = (y[i] as number) * ((dy[i] as number) - dot);
      }
    }
  },
};

/** `x`: NxC; gives the probabilities of each row. */
export function softmax(x: Value): Value {
  return emitOne(softmaxOp, {}, [x]);
}
