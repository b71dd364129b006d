// Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3):
//   y_c = x_c d_c^-beta,  d_c = k + a sum_{j in W(c)} x_j^2
// W(c) holds `size` channels, from c - floor(size/2) to c + floor((size-1)/2), cut at the borders. The paper
// multiplies the sum by alpha (`sum: true`, a = alpha); Caffe and PyTorch divide it by the size first
// (`sum: false`, a = alpha / size). Backward:
//   dx_c = dy_c d_c^-beta - 2 a beta x_c sum_{j: c in W(j)} dy_j x_j d_j^(-beta-1)
// The deconvnet's paper names no inverse of it, and there the signal passes unchanged.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { type NumericArray, pictureShape, type Shape, type TensorType } from '../tensor.ts';
import { expectInputs, expectShape } from './checks.ts';

export interface LrnAttributes {
  /** Channels in the window. */
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
  /** Alpha multiplies the sum of squares (the AlexNet paper) and not their mean (Caffe, PyTorch). */
  readonly sum: boolean;
}

function checkSize(op: string, size: number): void {
  if (!Number.isInteger(size) || size < 1) {
    throw new Error(`${op} got a window of ${size} channels, expected a whole number of at least 1.`);
  }
}

/** The denominators before the power, d, for one column of channels that stand `plane` elements apart. */
function denominators(
  x: NumericArray,
  start: number,
  plane: number,
  d: Float64Array,
  a: LrnAttributes,
): void {
  const before = Math.floor(a.size / 2);
  const after = Math.floor((a.size - 1) / 2);
  const scale = a.sum ? a.alpha : a.alpha / a.size;
  for (let c = 0; c < d.length; c++) {
    let sum = 0;
    for (let j = Math.max(0, c - before); j <= Math.min(d.length - 1, c + after); j++) {
      sum += (x[start + j * plane] as number) ** 2;
    }
    d[c] = a.k + scale * sum;
  }
}

/** Calls `visit` with the flat index of each column's first channel. */
function forEachColumn(x: Shape, visit: (start: number, plane: number) => void): void {
  const [n, channels, h, w] = x as [number, number, number, number];
  for (let b = 0; b < n; b++) {
    for (let p = 0; p < h * w; p++) visit(b * channels * h * w + p, h * w);
  }
}

export const lrnOp: OpDefinition<LrnAttributes> = {
  name: 'lrn',
  infer(inputs, { size }) {
    const [x] = expectInputs('lrn', inputs, 1) as [TensorType];
    checkSize('lrn', size);
    pictureShape('lrn', x.shape);
    return [{ shape: x.shape, precision: x.precision }];
  },
  evaluate({ attributes, inputs, inputShapes, outputs }) {
    const x = inputs[0] as NumericArray;
    const y = outputs[0] as NumericArray;
    const shape = inputShapes[0] as Shape;
    const d = new Float64Array(shape[1] as number);
    forEachColumn(shape, (start, plane) => {
      denominators(x, start, plane, d, attributes);
      for (let c = 0; c < d.length; c++) {
        const i = start + c * plane;
        y[i] = (x[i] as number) * (d[c] as number) ** -attributes.beta;
      }
    });
  },
  gradient: ({ node, outputGradients: [dy] }) => [
    dy && emitOne(lrnBackwardOp, node.attributes, [node.inputs[0] as Value, dy]),
  ],
  deconvnet: ({ outputGradients: [signal] }) => [signal],
};

/** (x, dy) -> dx */
export const lrnBackwardOp: OpDefinition<LrnAttributes> = {
  name: 'lrnBackward',
  infer(inputs, { size }) {
    const [x, dy] = expectInputs('lrnBackward', inputs, 2) as [TensorType, TensorType];
    checkSize('lrnBackward', size);
    pictureShape('lrnBackward', x.shape);
    expectShape('lrnBackward', 'a gradient', dy.shape, x.shape);
    return [{ shape: x.shape, precision: x.precision }];
  },
  evaluate({ attributes, inputs, inputShapes, outputs }) {
    const [x, dy] = inputs as [NumericArray, NumericArray];
    const dx = outputs[0] as NumericArray;
    const { size, alpha, beta, sum } = attributes;
    const shape = inputShapes[0] as Shape;
    const channels = shape[1] as number;
    const d = new Float64Array(channels);
    const pulled = new Float64Array(channels);
    const factor = 2 * (sum ? alpha : alpha / size) * beta;
    // Channel c lies in the windows of the channels from c - after to c + before.
    const before = Math.floor(size / 2);
    const after = Math.floor((size - 1) / 2);
    forEachColumn(shape, (start, plane) => {
      denominators(x, start, plane, d, attributes);
      for (let c = 0; c < channels; c++) {
        const i = start + c * plane;
        pulled[c] = (dy[i] as number) * (x[i] as number) * (d[c] as number) ** (-beta - 1);
      }
      for (let c = 0; c < channels; c++) {
        const i = start + c * plane;
        let total = 0;
        for (let j = Math.max(0, c - after); j <= Math.min(channels - 1, c + before); j++) {
          total += pulled[j] as number;
        }
        dx[i] = (dy[i] as number) * (d[c] as number) ** -beta - factor * (x[i] as number) * total;
      }
    });
  },
};

/** `x`: NxCxHxW. Defaults are the paper's: size 5, alpha 1e-4, beta 0.75, k 2, alpha times the sum. */
export function lrn(x: Value, options: Partial<LrnAttributes> = {}): Value {
  return emitOne(lrnOp, { size: 5, alpha: 1e-4, beta: 0.75, k: 2, sum: true, ...options }, [x]);
}
