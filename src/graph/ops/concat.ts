// Tensors laid one after another along an axis: the filter concatenation of an inception module (Szegedy et al.
// 2015, figure 2). The gradient of each part is the slice of dy where it lies.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { formatShape, type NumericArray, type Shape } from '../tensor.ts';
import { expectInputs } from './checks.ts';
import { slice } from './slice-pad.ts';

export interface ConcatAttributes {
  readonly axis: number;
}

export const concatOp: OpDefinition<ConcatAttributes> = {
  name: 'concat',
  infer(inputs, { axis }) {
    const [first, ...rest] = expectInputs('concat', inputs, 1, Infinity);
    if (first === undefined) return [];
    if (!Number.isInteger(axis) || axis < 0 || axis >= first.shape.length) {
      throw new Error(
        `concat got axis ${axis}, expected one of the ${first.shape.length} axes of ` +
          `${formatShape(first.shape)}, counted from 0.`,
      );
    }
    for (const { shape, precision } of rest) {
      const fits =
        shape.length === first.shape.length && shape.every((s, i) => i === axis || s === first.shape[i]);
      if (!fits) {
        throw new Error(
          `concat got tensors of shape ${formatShape(first.shape)} and ${formatShape(shape)}, ` +
            `expected the same sizes except along axis ${axis}.`,
        );
      }
      if (precision !== first.precision) {
        throw new Error(`concat got ${first.precision} and ${precision} precision, expected one of them.`);
      }
    }
    const total = inputs.reduce((sum, { shape }) => sum + (shape[axis] as number), 0);
    return [{ shape: first.shape.with(axis, total), precision: first.precision }];
  },
  evaluate({ attributes: { axis }, inputs, inputShapes, outputs, outputShapes }) {
    const y = outputs[0] as NumericArray;
    const run = (outputShapes[0] as Shape).slice(axis).reduce((product, size) => product * size, 1);
    let offset = 0;
    inputs.forEach((x, k) => {
      const part = (inputShapes[k] as Shape).slice(axis).reduce((product, size) => product * size, 1);
      for (let i = 0; i * part < x.length; i++) {
        y.set(x.subarray(i * part, (i + 1) * part), i * run + offset);
      }
      offset += part;
    });
  },
  gradient({ node, outputGradients: [dy], wanted }) {
    if (dy === undefined) return [];
    const { axis } = node.attributes;
    let offset = 0;
    return node.inputs.map((x, k) => {
      const start = x.shape.map((_, i) => (i === axis ? offset : 0));
      offset += x.shape[axis] as number;
      return wanted[k] ? slice(dy, { start, size: x.shape }) : undefined;
    });
  },
};

/** `values`: the same sizes except along `axis` (default 1, channels). */
export function concat(values: readonly Value[], axis = 1): Value {
  return emitOne(concatOp, { axis }, values);
}
