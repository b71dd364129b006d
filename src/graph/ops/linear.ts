// Fully connected layer, y = x w^T + b, with the weights as PyTorch keeps them (outputs x inputs).
//   backward data    (dy, w) -> dx = dy w
//   backward weights (x, dy) -> dw = dy^T x, db = sum of dy over the batch
import { emit, emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { formatShape, type NumericArray, type Shape, type TensorType } from '../tensor.ts';
import { expectInputs, expectShape, matrixShape } from './checks.ts';

export interface LinearBackwardWeightsAttributes {
  readonly bias: boolean;
}

export const linearOp: OpDefinition<Record<string, never>> = {
  name: 'linear',
  infer(inputs) {
    const [x, w, b] = expectInputs('linear', inputs, 2, 3) as [TensorType, TensorType, TensorType?];
    const [n, features] = matrixShape('linear', 'an input', x.shape);
    const [outputs, expected] = matrixShape('linear', 'weights', w.shape);
    if (features !== expected) {
      throw new Error(
        `linear got ${features} features and weights of shape ${formatShape(w.shape)}, ` +
          `expected weights of shape ${outputs}x${features}.`,
      );
    }
    if (b !== undefined) expectShape('linear', 'a bias', b.shape, [outputs]);
    return [{ shape: [n, outputs], precision: 'compute' }];
  },
  evaluate({ inputs, inputShapes, outputs }) {
    const [x, w, b] = inputs as [NumericArray, NumericArray, NumericArray?];
    const y = outputs[0] as NumericArray;
    const [n, features] = inputShapes[0] as [number, number];
    const [size] = inputShapes[1] as [number, number];
    for (let row = 0; row < n; row++) {
      for (let o = 0; o < size; o++) {
        let sum = b === undefined ? 0 : (b[o] as number);
        for (let i = 0; i < features; i++) {
          sum += (x[row * features + i] as number) * (w[o * features + i] as number);
        }
        y[row * size + o] = sum;
      }
    }
  },
  gradient({ node, outputGradients: [dy], wanted }) {
    if (dy === undefined) return [];
    const [x, w, b] = node.inputs as [Value, Value, Value?];
    const dx = wanted[0] ? emitOne(linearBackwardDataOp, {}, [dy, w]) : undefined;
    if (!wanted[1] && !wanted[2]) return [dx];
    return [dx, ...emit(linearBackwardWeightsOp, { bias: b !== undefined }, [x, dy])];
  },
  macs: ([x, w]) => (x as Shape).reduce((product, size) => product * size, (w as Shape)[0] as number),
};

/** (dy, w) -> dx */
export const linearBackwardDataOp: OpDefinition<Record<string, never>> = {
  name: 'linearBackwardData',
  infer(inputs) {
    const [dy, w] = expectInputs('linearBackwardData', inputs, 2) as [TensorType, TensorType];
    const [n] = matrixShape('linearBackwardData', 'a gradient', dy.shape);
    const [outputs, features] = matrixShape('linearBackwardData', 'weights', w.shape);
    expectShape('linearBackwardData', 'a gradient', dy.shape, [n, outputs]);
    return [{ shape: [n, features], precision: 'compute' }];
  },
  evaluate({ inputs, inputShapes, outputs }) {
    const [dy, w] = inputs as [NumericArray, NumericArray];
    const dx = outputs[0] as NumericArray;
    const [n, size] = inputShapes[0] as [number, number];
    const features = (inputShapes[1] as Shape)[1] as number;
    const sums = new Float64Array(features);
    for (let row = 0; row < n; row++) {
      sums.fill(0);
      for (let o = 0; o < size; o++) {
        const signal = dy[row * size + o] as number;
        for (let i = 0; i < features; i++) {
          sums[i] = (sums[i] as number) + signal * (w[o * features + i] as number);
        }
      }
      dx.set(sums, row * features);
    }
  },
};

/** (x, dy) -> dw, and db if the layer has a bias */
export const linearBackwardWeightsOp: OpDefinition<LinearBackwardWeightsAttributes> = {
  name: 'linearBackwardWeights',
  infer(inputs, { bias }) {
    const [x, dy] = expectInputs('linearBackwardWeights', inputs, 2) as [TensorType, TensorType];
    const [n, features] = matrixShape('linearBackwardWeights', 'an input', x.shape);
    const [, outputs] = matrixShape('linearBackwardWeights', 'a gradient', dy.shape);
    expectShape('linearBackwardWeights', 'a gradient', dy.shape, [n, outputs]);
    const weights = { shape: [outputs, features], precision: 'full' } as const;
    return bias ? [weights, { shape: [outputs], precision: 'full' }] : [weights];
  },
  evaluate({ inputs, inputShapes, outputs }) {
    const [x, dy] = inputs as [NumericArray, NumericArray];
    const [dw, db] = outputs as [NumericArray, NumericArray?];
    const [n, features] = inputShapes[0] as [number, number];
    const size = (inputShapes[1] as Shape)[1] as number;
    const sums = new Float64Array(features);
    for (let o = 0; o < size; o++) {
      sums.fill(0);
      let biasSum = 0;
      for (let row = 0; row < n; row++) {
        const signal = dy[row * size + o] as number;
        biasSum += signal;
        for (let i = 0; i < features; i++) {
          sums[i] = (sums[i] as number) + signal * (x[row * features + i] as number);
        }
      }
      dw.set(sums, o * features);
      if (db !== undefined) db[o] = biasSum;
    }
  },
};

/** `x`: NxI, `w`: OxI, `b`: O or absent; gives NxO. */
export function linear(x: Value, w: Value, b?: Value): Value {
  return emitOne(linearOp, {}, b === undefined ? [x, w] : [x, w, b]);
}
