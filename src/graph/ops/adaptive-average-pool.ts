// Average pooling to a given output size, whatever the picture's (PyTorch's AdaptiveAvgPool2d): output i of O
// is the mean of the inputs from floor(i S / O) to ceil((i + 1) S / O), so that bins may overlap by a pixel.
// Where all bins are equal it is plain average pooling, and is emitted as that.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { formatShape, type NumericArray, pictureShape, type Shape, type TensorType } from '../tensor.ts';
import { averagePool } from './average-pool.ts';
import { expectInputs, expectShape } from './checks.ts';
import { type Pair, pair } from './convolution.ts';

export interface AdaptiveAveragePoolAttributes {
  readonly output: Pair;
}

export interface AdaptiveAveragePoolBackwardAttributes extends AdaptiveAveragePoolAttributes {
  readonly inputShape: Shape;
}

function adaptiveShape(op: string, x: Shape, [oh, ow]: Pair): Shape {
  const [n, c] = pictureShape(op, x);
  if (![oh, ow].every((size) => Number.isInteger(size) && size >= 1)) {
    throw new Error(`${op} got the output size ${oh}x${ow}, expected whole numbers of at least 1.`);
  }
  return [n, c, oh, ow];
}

function bin(i: number, size: number, output: number): readonly [start: number, end: number] {
  return [Math.floor((i * size) / output), Math.ceil(((i + 1) * size) / output)];
}

function widestBin(size: number, output: number): number {
  const widths = Array.from({ length: output }, (_, i) => {
    const [start, end] = bin(i, size, output);
    return end - start;
  });
  return Math.max(...widths);
}

type Visit = (input: number, output: number, weight: number) => void;

/** Calls `visit` with every (input, output) pair of flat indices and the weight of the input in the output. */
function forEachWeight(x: Shape, [oh, ow]: Pair, visit: Visit): void {
  const [n, c, h, w] = x as [number, number, number, number];
  for (let plane = 0; plane < n * c; plane++) {
    for (let i = 0; i < oh; i++) {
      const [top, bottom] = bin(i, h, oh);
      for (let j = 0; j < ow; j++) {
        const [left, right] = bin(j, w, ow);
        const weight = 1 / ((bottom - top) * (right - left));
        for (let row = top; row < bottom; row++) {
          for (let column = left; column < right; column++) {
            visit((plane * h + row) * w + column, (plane * oh + i) * ow + j, weight);
          }
        }
      }
    }
  }
}

/** The weight of each pixel of a plane (second axis) in each output (first axis), row-major. */
export function poolingWeights([h, w]: Pair, output: Pair): Float32Array {
  const weights = new Float32Array(output[0] * output[1] * h * w);
  forEachWeight([1, 1, h, w], output, (i, o, weight) => {
    weights[o * h * w + i] = weight;
  });
  return weights;
}

export const adaptiveAveragePoolOp: OpDefinition<AdaptiveAveragePoolAttributes> = {
  name: 'adaptiveAveragePool',
  infer(inputs, { output }) {
    const [x] = expectInputs('adaptiveAveragePool', inputs, 1) as [TensorType];
    return [{ shape: adaptiveShape('adaptiveAveragePool', x.shape, output), precision: 'compute' }];
  },
  evaluate({ attributes: { output }, inputs: [x], inputShapes, outputs }) {
    if (!x) return;
    const y = outputs[0] as NumericArray;
    const sums = new Float64Array(y.length);
    forEachWeight(inputShapes[0] as Shape, output, (i, o, weight) => {
      sums[o] = (sums[o] as number) + weight * (x[i] as number);
    });
    y.set(sums);
  },
  gradient({ node, outputGradients: [dy] }) {
    if (dy === undefined) return [];
    const attributes = { ...node.attributes, inputShape: (node.inputs[0] as Value).shape };
    return [emitOne(adaptiveAveragePoolBackwardOp, attributes, [dy])];
  },
  // Bins differ by a pixel: the widest, and the mean step.
  window([x], { output }) {
    const [, , h, w] = x as [number, number, number, number];
    return {
      kernel: [widestBin(h, output[0]), widestBin(w, output[1])],
      stride: [h / output[0], w / output[1]],
      padding: [0, 0],
    };
  },
};

/** dy -> dx */
export const adaptiveAveragePoolBackwardOp: OpDefinition<AdaptiveAveragePoolBackwardAttributes> = {
  name: 'adaptiveAveragePoolBackward',
  infer(inputs, { output, inputShape }) {
    const op = 'adaptiveAveragePoolBackward';
    const [dy] = expectInputs(op, inputs, 1) as [TensorType];
    expectShape(
      op,
      `a gradient (input ${formatShape(inputShape)})`,
      dy.shape,
      adaptiveShape(op, inputShape, output),
    );
    return [{ shape: inputShape, precision: 'compute' }];
  },
  evaluate({ attributes: { output, inputShape }, inputs: [dy], outputs }) {
    if (!dy) return;
    const dx = outputs[0] as NumericArray;
    const sums = new Float64Array(dx.length);
    forEachWeight(inputShape, output, (i, o, weight) => {
      sums[i] = (sums[i] as number) + weight * (dy[o] as number);
    });
    dx.set(sums);
  },
};

/** `x`: NxCxHxW; gives NxCxOHxOW. */
export function adaptiveAveragePool(x: Value, output: number | Pair): Value {
  const size = pair(output);
  const [, , h, w] = pictureShape('adaptiveAveragePool', x.shape);
  if (h % size[0] === 0 && w % size[1] === 0) return averagePool(x, { kernel: [h / size[0], w / size[1]] });
  return emitOne(adaptiveAveragePoolOp, { output: size }, [x]);
}
