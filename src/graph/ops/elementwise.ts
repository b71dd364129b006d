// What the element-by-element ops share: the shape rule and the form of a gradient that is a function of the
// output and the arriving gradient.
import type { OpDefinition } from '../op.ts';
import { formatShape, sameShape, type TensorType } from '../tensor.ts';

/** One output like the first input. */
export function sameAsFirst(inputs: readonly TensorType[]): TensorType[] {
  const [first] = inputs;
  if (first === undefined) throw new Error('expected an input.');
  return [{ shape: first.shape, precision: first.precision }];
}

/** An op (y, dy) -> dx, element by element. */
export function elementwiseBackward(
  name: string,
  rule: (y: number, dy: number) => number,
): OpDefinition<Record<string, never>> {
  return {
    name,
    infer(inputs) {
      const [y, dy] = inputs as [TensorType, TensorType];
      if (!sameShape(y.shape, dy.shape)) {
        throw new Error(
          `${name} got an output of shape ${formatShape(y.shape)} and a gradient of shape ` +
            `${formatShape(dy.shape)}, expected the same shape.`,
        );
      }
      return sameAsFirst(inputs);
    },
    evaluate({ inputs: [y, dy], outputs: [dx] }) {
      if (!y || !dy || !dx) return;
      for (let i = 0; i < dx.length; i++) dx[i] = rule(y[i] as number, dy[i] as number);
    },
  };
}
