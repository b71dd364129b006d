// Each op of an inference graph in ONNX's words (github.com/onnx/onnx, docs/Operators.md, opset 17). Where ONNX
// means something else by the same name, the difference is made up for here: LRN's alpha, ceil-mode pools, uneven
// adaptive pools. An op that ONNX cannot say is refused by name.
import { UserError } from '../../errors.ts';
import type { Node, Value } from '../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../graph/ops/convolution.ts';
import type { LrnAttributes } from '../../graph/ops/lrn.ts';
import type { QuantizeAttributes } from '../../graph/ops/quantize.ts';
import type { PadAttributes, SliceAttributes } from '../../graph/ops/slice-pad.ts';
import { formatShape, type Shape } from '../../graph/tensor.ts';
import { type Emitter, nameOfNode } from './emitter.ts';
import type { Attributes } from './messages.ts';
import { adaptiveAveragePool, averagePool, maxPool } from './translate-pooling.ts';

/** Adds the ONNX nodes for `node`, the last of which gives its result the name `output`. */
export type Translation<A = Record<string, never>> = (
  node: Node<A>,
  emitter: Emitter,
  output: string,
) => void;

/** One node with the op's inputs as they stand. */
function plainly(type: string, attributes?: (node: Node) => Attributes): Translation {
  return (node, emitter, output) => {
    emitter.add(type, node.inputs.map(emitter.nameOf), attributes?.(node), output);
  };
}

const convolution: Translation<ConvolutionAttributes> = (node, emitter, output) => {
  const { stride, padding, dilation, groups } = node.attributes;
  const [, , kh, kw] = (node.inputs[1] as Value).shape as [number, number, number, number];
  const attributes = {
    kernel_shape: { integers: [kh, kw] },
    strides: { integers: stride },
    pads: { integers: [...padding, ...padding] },
    dilations: { integers: dilation },
    group: { integer: groups },
  };
  emitter.add('Conv', node.inputs.map(emitter.nameOf), attributes, output);
};

const lrn: Translation<LrnAttributes> = (node, emitter, output) => {
  const { size, alpha, beta, k, sum } = node.attributes;
  if (size % 2 === 0) {
    throw refusal(
      node,
      `its window of ${size} channels is even, and ONNX's reaches further to the other side`,
    );
  }
  // ONNX divides alpha by the size, as Caffe and PyTorch do; the paper does not.
  const attributes = {
    size: { integer: size },
    alpha: { float: sum ? alpha * size : alpha },
    beta: { float: beta },
    bias: { float: k },
  };
  emitter.add('LRN', node.inputs.map(emitter.nameOf), attributes, output);
};

const concat: Translation<{ axis: number }> = (node, emitter, output) => {
  const { axis } = node.attributes;
  if (emitter.dynamicBatch && (axis === 0 || !node.inputs.every(emitter.hasBatch))) {
    throw refusal(node, 'it joins tensors of one fixed batch; give --batch a number');
  }
  emitter.add('Concat', node.inputs.map(emitter.nameOf), { axis: { integer: axis } }, output);
};

const slice: Translation<SliceAttributes> = (node, emitter, output) => {
  const { start, size, step } = node.attributes;
  const [x] = node.inputs as [Value];
  // Only the axes that are cut are named, so that the batch may vary.
  const axes = x.shape.flatMap((length, axis) => (size[axis] === length ? [] : [axis]));
  if (emitter.dynamicBatch && axes.includes(0))
    throw refusal(node, 'it cuts the batch; give --batch a number');
  const pick = (numbers: readonly number[]): number[] => axes.map((axis) => numbers[axis] as number);
  const end = start.map((s, axis) => s + ((size[axis] as number) - 1) * (step[axis] as number) + 1);
  const lists = { starts: pick(start), ends: pick(end), axes, steps: pick(step) };
  const names = Object.entries(lists).map(([what, list]) => emitter.integers(`${output}.${what}`, list));
  emitter.add('Slice', [emitter.nameOf(x), ...names], {}, output);
};

const pad: Translation<PadAttributes> = (node, emitter, output) => {
  const { before, after, interior } = node.attributes;
  if (interior.some((zeros) => zeros > 0)) {
    throw refusal(node, 'it puts zeros between the elements, and ONNX pads only around them');
  }
  if (emitter.dynamicBatch && (before[0] !== 0 || after[0] !== 0)) {
    throw refusal(node, 'it pads the batch; give --batch a number');
  }
  const pads = emitter.integers(`${output}.pads`, [...before, ...after]);
  emitter.add('Pad', [emitter.nameOf(node.inputs[0] as Value), pads], {}, output);
};

const reshape: Translation<{ shape: Shape }> = (node, emitter, output) => {
  const { shape } = node.attributes;
  const [x] = node.inputs as [Value];
  if (shape.length === 2 && shape[0] === x.shape[0]) {
    emitter.add('Flatten', [emitter.nameOf(x)], { axis: { integer: 1 } }, output);
    return;
  }
  // 0 means "as in the input": it lets the batch vary.
  const keepsBatch = shape.length > 0 && shape[0] === x.shape[0] && emitter.hasBatch(x);
  if (emitter.dynamicBatch && emitter.hasBatch(x) && !keepsBatch) {
    throw refusal(
      node,
      `it makes ${formatShape(shape)} of ${formatShape(x.shape)}, which mixes the pictures of a batch; ` +
        'give --batch a number',
    );
  }
  const target = emitter.integers(`${output}.shape`, keepsBatch ? [0, ...shape.slice(1)] : [...shape]);
  emitter.add('Reshape', [emitter.nameOf(x), target], {}, output);
};

/** To whole numbers and back. ONNX cuts where eight bits end, so that is where the range must end, or beyond the numbers. */
const quantize: Translation<QuantizeAttributes> = (node, emitter, output) => {
  const { scales, low } = node.attributes;
  const [x] = node.inputs as [Value];
  const type = low === 0 ? 'uint8' : 'int8';
  const many = scales.length > 1;
  const name = emitter.freshName(`${emitter.nameOf(x)}.quantized`);
  const scale = emitter.floats(`${name}.scale`, many ? [scales.length] : [], scales);
  const zero = emitter.zeros(`${name}.zero`, type, many ? scales.length : undefined);
  const axis: Attributes = many ? { axis: { integer: 0 } } : {};
  emitter.add('QuantizeLinear', [emitter.nameOf(x), scale, zero], axis, name);
  emitter.add('DequantizeLinear', [name, scale, zero], axis, output);
};

const translations: Readonly<Record<string, Translation>> = {
  convolution: convolution as unknown as Translation,
  linear: plainly('Gemm', () => ({ transB: { integer: 1 } })),
  batchNormInference: plainly('BatchNormalization', ({ attributes }) => ({
    epsilon: { float: attributes.epsilon },
  })),
  lrn: lrn as unknown as Translation,
  relu: plainly('Relu'),
  tanh: plainly('Tanh'),
  sigmoid: plainly('Sigmoid'),
  maxPool: maxPool as unknown as Translation,
  averagePool: averagePool as unknown as Translation,
  adaptiveAveragePool: adaptiveAveragePool as unknown as Translation,
  add: plainly('Add'),
  multiply: plainly('Mul'),
  concat: concat as unknown as Translation,
  slice: slice as unknown as Translation,
  pad: pad as unknown as Translation,
  reshape: reshape as unknown as Translation,
  quantize: quantize as unknown as Translation,
  softmax: plainly('Softmax', () => ({ axis: { integer: 1 } })),
};

/** The ops that have a counterpart in ONNX. */
export const exportableOps: readonly string[] = Object.keys(translations);

/** Adds `node` to the model; its first output gets the name `output`. Throws a UserError that names the op. */
export function translate(node: Node, emitter: Emitter, output: string): void {
  const translation = translations[node.op.name];
  if (translation === undefined) {
    throw refusal(node, `ONNX files hold inference, whose ops are ${exportableOps.join(', ')}`);
  }
  translation(node, emitter, output);
}

function refusal(node: Node, reason: string): UserError {
  return new UserError(`${nameOfNode(node)} cannot be exported to ONNX: ${reason}.`);
}
