// Pools in ONNX's words. Runtimes disagree on `ceil_mode` (whether a last window may start beyond the picture, and
// what an average divides by there), so it is never used: the rows and columns that the last window misses become
// explicit padding at the end, which makes the rounded-down size ours.
import type { Node, Value } from '../../graph/graph.ts';
import { adaptiveAveragePoolOp } from '../../graph/ops/adaptive-average-pool.ts';
import type { AveragePoolAttributes } from '../../graph/ops/average-pool.ts';
import type { Pair } from '../../graph/ops/convolution.ts';
import type { PoolingAttributes } from '../../graph/ops/pooling.ts';
import type { Emitter } from './emitter.ts';

type Size = readonly [n: number, c: number, h: number, w: number];

function sizes(node: Node): { input: Size; output: Size } {
  return {
    input: (node.inputs[0] as Value).shape as unknown as Size,
    output: (node.outputs[0] as Value).shape as unknown as Size,
  };
}

/** Padding at the bottom and the right with which windows laid out from -padding on give our output size. */
function endPadding(node: Node<PoolingAttributes>): Pair {
  const { kernel, stride, padding, ceil } = node.attributes;
  if (!ceil) return padding;
  const { input, output } = sizes(node);
  const missing = (axis: 0 | 1): number => {
    const reach = ((output[2 + axis] as number) - 1) * stride[axis] + kernel[axis];
    return Math.max(padding[axis], reach - (input[2 + axis] as number) - padding[axis]);
  };
  return [missing(0), missing(1)];
}

export function maxPool(node: Node<PoolingAttributes>, emitter: Emitter, output: string): void {
  const { kernel, stride, padding } = node.attributes;
  const attributes = {
    kernel_shape: { integers: kernel },
    strides: { integers: stride },
    pads: { integers: [...padding, ...endPadding(node)] },
  };
  emitter.add('MaxPool', [emitter.nameOf(node.inputs[0] as Value)], attributes, output);
}

export function averagePool(node: Node<AveragePoolAttributes>, emitter: Emitter, output: string): void {
  const { kernel, stride, padding, countIncludePad } = node.attributes;
  const { input, output: result } = sizes(node);
  let x = emitter.nameOf(node.inputs[0] as Value);
  const noPadding = padding[0] === 0 && padding[1] === 0;
  if (noPadding && result[2] === 1 && result[3] === 1 && kernel[0] === input[2] && kernel[1] === input[3]) {
    emitter.add('GlobalAveragePool', [x], {}, output);
    return;
  }
  const end = endPadding(node);
  const ragged = end[0] !== padding[0] || end[1] !== padding[1];
  let start: Pair = padding;
  let last: Pair = end;
  let include = countIncludePad;
  if (countIncludePad && ragged) {
    // A window counts the padding, but not what lies beyond it: the padding becomes pixels, the rest is not counted.
    if (!noPadding) {
      const pads = emitter.integers(`${output}.pads`, [0, 0, ...padding, 0, 0, ...padding]);
      x = emitter.add('Pad', [x, pads], {}, emitter.freshName(`${output}.padded`));
    }
    start = [0, 0];
    last = [end[0] - padding[0], end[1] - padding[1]];
    include = false;
  }
  const attributes = {
    kernel_shape: { integers: kernel },
    strides: { integers: stride },
    pads: { integers: [...start, ...last] },
    count_include_pad: { integer: include ? 1 : 0 },
  };
  emitter.add('AveragePool', [x], attributes, output);
}

/** ONNX has no adaptive pool: the means over bins are a matrix from the left (rows) and one from the right. */
export function adaptiveAveragePool(node: Node<{ output: Pair }>, emitter: Emitter, output: string): void {
  const { input, output: result } = sizes(node);
  const left = transposed(binWeights(input[2], result[2]), input[2], result[2]);
  const right = binWeights(input[3], result[3]);
  const rows = emitter.floats(`${output}.rows`, [result[2], input[2]], left);
  const columns = emitter.floats(`${output}.columns`, [input[3], result[3]], right);
  const x = emitter.nameOf(node.inputs[0] as Value);
  const half = emitter.add('MatMul', [rows, x], {}, emitter.freshName(`${output}.rows_pooled`));
  emitter.add('MatMul', [half, columns], {}, output);
}

/** `size` x `outputs`: the weight of each input in each output, which is what the op makes of the unit vectors. */
function binWeights(size: number, outputs: number): Float32Array {
  const units = new Float32Array(size * size);
  for (let i = 0; i < size; i++) units[i * size + i] = 1;
  const weights = new Float32Array(size * outputs);
  adaptiveAveragePoolOp.evaluate({
    attributes: { output: [1, outputs] },
    inputs: [units],
    inputShapes: [[1, size, 1, size]],
    outputs: [weights],
    outputShapes: [[1, size, 1, outputs]],
  });
  return weights;
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  matrix.forEach((value, i) => {
    result[(i % columns) * rows + Math.floor(i / columns)] = value;
  });
  return result;
}
