// Two-dimensional convolution (cross-correlation, as every framework has it) with stride, zero padding,
// dilation and groups:
//   y[n,o,i,j] = b[o] + sum_{c,u,v} w[o,c,u,v] x[n, g(o)C/G + c, i*sh - ph + u*dh, j*sw - pw + v*dw]
// Its three linear maps are each other's gradients:
//   forward          (x, w, b) -> y
//   backward data    (dy, w)   -> dx      the transposed convolution; the deconvnet's filter
//   backward weights (x, dy)   -> dw, db
import { emit, emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { formatShape, type NumericArray, pictureShape, type Shape, type TensorType } from '../tensor.ts';
import { expectInputs, expectShape } from './checks.ts';

export type Pair = readonly [height: number, width: number];

export interface ConvolutionAttributes {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}

/** Backward data needs the input's size, which stride makes ambiguous. */
export interface ConvolutionBackwardDataAttributes extends ConvolutionAttributes {
  readonly inputShape: Shape;
}

export interface ConvolutionBackwardWeightsAttributes extends ConvolutionAttributes {
  readonly weightShape: Shape;
  readonly bias: boolean;
}

function outputSize(size: number, kernel: number, stride: number, padding: number, dilation: number): number {
  return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

export function convolutionOutputShape(x: Shape, w: Shape, attributes: ConvolutionAttributes): Shape {
  const { stride, padding, dilation, groups } = attributes;
  const [n, c, h, width] = pictureShape('convolution', x);
  const [o, cg, kh, kw] = pictureShape('convolution (filters)', w);
  if (cg * groups !== c || o % groups !== 0) {
    throw new Error(
      `convolution got ${c} channels and filters of shape ${formatShape(w)} in ${groups} group(s), ` +
        `expected both divisible by ${groups} and filters of Ox${Math.floor(c / groups)}xHxW.`,
    );
  }
  const oh = outputSize(h, kh, stride[0], padding[0], dilation[0]);
  const ow = outputSize(width, kw, stride[1], padding[1], dilation[1]);
  if (oh < 1 || ow < 1) {
    throw new Error(
      `convolution got a ${h}x${width} picture, which is smaller than its ${kh}x${kw} filter allows ` +
        `(padding ${padding[0]}x${padding[1]}, dilation ${dilation[0]}x${dilation[1]}).`,
    );
  }
  return [n, o, oh, ow];
}

/** One filter element along one output row: input elements `step` apart meet neighbouring outputs. */
type VisitRow = (x: number, step: number, w: number, y: number, count: number) => void;

/**
 * Calls `visit` for every product that the sum above holds, a row of outputs at a time: flat index of the first
 * input element and the step to the next, of the filter element, of the first output, and how many there are.
 */
function forEachRow(x: Shape, w: Shape, y: Shape, attributes: ConvolutionAttributes, visit: VisitRow): void {
  const { stride, padding, dilation, groups } = attributes;
  const [n, c, h, width] = x as [number, number, number, number];
  const [o, cg, kh, kw] = w as [number, number, number, number];
  const [, , oh, ow] = y as [number, number, number, number];
  const outputsPerGroup = o / groups;
  for (let b = 0; b < n; b++) {
    for (let out = 0; out < o; out++) {
      const firstChannel = Math.floor(out / outputsPerGroup) * cg;
      for (let ch = 0; ch < cg; ch++) {
        const plane = (b * c + firstChannel + ch) * h * width;
        for (let u = 0; u < kh; u++) {
          for (let v = 0; v < kw; v++) {
            const filter = ((out * cg + ch) * kh + u) * kw + v;
            // Output columns from `first` up to `end` see a column of the picture, not of its padding.
            const shift = v * dilation[1] - padding[1];
            const first = Math.max(0, Math.ceil(-shift / stride[1]));
            const end = Math.min(ow, Math.floor((width - 1 - shift) / stride[1]) + 1);
            if (end <= first) continue;
            for (let i = 0; i < oh; i++) {
              const row = i * stride[0] - padding[0] + u * dilation[0];
              if (row < 0 || row >= h) continue;
              const start = plane + row * width + first * stride[1] + shift;
              visit(start, stride[1], filter, ((b * o + out) * oh + i) * ow + first, end - first);
            }
          }
        }
      }
    }
  }
}

/** Sums run in double precision, so that the definition is the exact result rounded once. */
function store(target: NumericArray, sums: Float64Array): void {
  target.set(sums);
}

export const convolutionOp: OpDefinition<ConvolutionAttributes> = {
  name: 'convolution',
  infer(inputs, attributes) {
    const [x, w, b] = expectInputs('convolution', inputs, 2, 3);
    const shape = convolutionOutputShape((x as TensorType).shape, (w as TensorType).shape, attributes);
    if (b !== undefined && (b.shape.length !== 1 || b.shape[0] !== shape[1])) {
      throw new Error(
        `convolution got a bias of shape ${formatShape(b.shape)}, expected ${shape[1]} numbers.`,
      );
    }
    return [{ shape, precision: 'compute' }];
  },
  evaluate({ attributes, inputs, inputShapes, outputs, outputShapes }) {
    const [x, w, b] = inputs as [NumericArray, NumericArray, NumericArray?];
    const y = outputShapes[0] as Shape;
    const sums = new Float64Array((outputs[0] as NumericArray).length);
    if (b !== undefined) {
      const plane = (y[2] as number) * (y[3] as number);
      for (let i = 0; i < sums.length; i++) sums[i] = b[Math.floor(i / plane) % b.length] as number;
    }
    forEachRow(inputShapes[0] as Shape, inputShapes[1] as Shape, y, attributes, (i, step, f, o, count) => {
      const weight = w[f] as number;
      for (let k = 0; k < count; k++)
        sums[o + k] = (sums[o + k] as number) + (x[i + k * step] as number) * weight;
    });
    store(outputs[0] as NumericArray, sums);
  },
  gradient({ node, outputGradients: [dy], wanted }) {
    if (dy === undefined) return [];
    const [x, w, b] = node.inputs as [Value, Value, Value?];
    const dx = wanted[0]
      ? emitOne(convolutionBackwardDataOp, { ...node.attributes, inputShape: x.shape }, [dy, w])
      : undefined;
    if (!wanted[1] && !wanted[2]) return [dx];
    const attributes = { ...node.attributes, weightShape: w.shape, bias: b !== undefined };
    return [dx, ...emit(convolutionBackwardWeightsOp, attributes, [x, dy])];
  },
  macs([, w], [y]) {
    const [, channels, kh, kw] = w as [number, number, number, number];
    return (y as Shape).reduce((product, size) => product * size, channels * kh * kw);
  },
  window([, w], { stride, padding, dilation }) {
    const [, , kh, kw] = w as [number, number, number, number];
    return { kernel: [(kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1], stride, padding };
  },
};

/** (dy, w) -> dx */
export const convolutionBackwardDataOp: OpDefinition<ConvolutionBackwardDataAttributes> = {
  name: 'convolutionBackwardData',
  infer(inputs, attributes) {
    const [dy, w] = expectInputs('convolutionBackwardData', inputs, 2) as [TensorType, TensorType];
    const expected = convolutionOutputShape(attributes.inputShape, w.shape, attributes);
    expectShape('convolutionBackwardData', 'a gradient', dy.shape, expected);
    return [{ shape: attributes.inputShape, precision: 'compute' }];
  },
  evaluate({ attributes, inputs, inputShapes, outputs }) {
    const [dy, w] = inputs as [NumericArray, NumericArray];
    const sums = new Float64Array((outputs[0] as NumericArray).length);
    const [dyShape, wShape] = inputShapes as [Shape, Shape];
    forEachRow(attributes.inputShape, wShape, dyShape, attributes, (i, step, f, o, count) => {
      const weight = w[f] as number;
      for (let k = 0; k < count; k++) {
        sums[i + k * step] = (sums[i + k * step] as number) + (dy[o + k] as number) * weight;
      }
    });
    store(outputs[0] as NumericArray, sums);
  },
};

/** (x, dy) -> dw, and db if the convolution has a bias */
export const convolutionBackwardWeightsOp: OpDefinition<ConvolutionBackwardWeightsAttributes> = {
  name: 'convolutionBackwardWeights',
  infer(inputs, attributes) {
    const { weightShape, bias } = attributes;
    const [x, dy] = expectInputs('convolutionBackwardWeights', inputs, 2) as [TensorType, TensorType];
    const expected = convolutionOutputShape(x.shape, weightShape, attributes);
    expectShape('convolutionBackwardWeights', 'a gradient', dy.shape, expected);
    const weights = { shape: weightShape, precision: 'full' } as const;
    return bias ? [weights, { shape: [weightShape[0] as number], precision: 'full' }] : [weights];
  },
  evaluate({ attributes, inputs, inputShapes, outputs }) {
    const [x, dy] = inputs as [NumericArray, NumericArray];
    const [dw, db] = outputs as [NumericArray, NumericArray?];
    const [xShape, dyShape] = inputShapes as [Shape, Shape];
    const sums = new Float64Array(dw.length);
    forEachRow(xShape, attributes.weightShape, dyShape, attributes, (i, step, f, o, count) => {
      let sum = sums[f] as number;
      for (let k = 0; k < count; k++) sum += (x[i + k * step] as number) * (dy[o + k] as number);
      sums[f] = sum;
    });
    store(dw, sums);
    if (db === undefined) return;
    const plane = (dyShape[2] as number) * (dyShape[3] as number);
    const biasSums = new Float64Array(db.length);
    for (let i = 0; i < dy.length; i++) {
      const channel = Math.floor(i / plane) % db.length;
      biasSums[channel] = (biasSums[channel] as number) + (dy[i] as number);
    }
    store(db, biasSums);
  },
};

export interface ConvolutionOptions {
  readonly stride?: number | Pair;
  readonly padding?: number | Pair;
  readonly dilation?: number | Pair;
  readonly groups?: number;
}

/** One number for height and width, or the two. */
export function pair(value: number | Pair): Pair {
  return typeof value === 'number' ? [value, value] : value;
}

/** `x`: NxCxHxW, `w`: OxC/groupsxKHxKW, `b`: O or absent. */
export function convolution(
  x: Value,
  w: Value,
  b: Value | undefined,
  options: ConvolutionOptions = {},
): Value {
  const attributes: ConvolutionAttributes = {
    stride: pair(options.stride ?? 1),
    padding: pair(options.padding ?? 0),
    dilation: pair(options.dilation ?? 1),
    groups: options.groups ?? 1,
  };
  return emitOne(convolutionOp, attributes, b === undefined ? [x, w] : [x, w, b]);
}
