// The same numbers in the same row-major order under another shape; flattening pictures into feature vectors
// is the case that networks use.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { elementCount, formatShape, type Shape, type TensorType } from '../tensor.ts';
import { expectInputs } from './checks.ts';

export interface ReshapeAttributes {
  readonly shape: Shape;
}

export const reshapeOp: OpDefinition<ReshapeAttributes> = {
  name: 'reshape',
  infer(inputs, { shape }) {
    const [x] = expectInputs('reshape', inputs, 1) as [TensorType];
    if (elementCount(shape) !== elementCount(x.shape)) {
      throw new Error(
        `reshape got a tensor of shape ${formatShape(x.shape)} and the target ${formatShape(shape)}, ` +
          'expected the same number of elements.',
      );
    }
    return [{ shape, precision: x.precision }];
  },
  evaluate({ inputs: [x], outputs: [y] }) {
    if (x && y) y.set(x);
  },
  gradient: ({ node, outputGradients: [dy] }) => [dy && reshape(dy, (node.inputs[0] as Value).shape)],
};

/** The same numbers in another shape of as many elements, row-major. */
export function reshape(x: Value, shape: Shape): Value {
  return emitOne(reshapeOp, { shape }, [x]);
}

/** NxCxHxW (or any rank) to Nx(C H W). */
export function flatten(x: Value): Value {
  const [n, ...rest] = x.shape as [number, ...number[]];
  return rest.length === 1 ? x : reshape(x, [n, elementCount(rest)]);
}
