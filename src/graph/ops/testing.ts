// For the ops' tests: runs one definition on plain arrays, as an engine would, in double precision.
import type { OpDefinition } from '../op.ts';
import { elementCount, type NumericArray, type Precision, type Shape, type TensorType } from '../tensor.ts';

export interface TestTensor extends TensorType {
  readonly data: NumericArray;
}

/** A tensor of given numbers. */
export function tensor(shape: Shape, numbers: readonly number[], precision: Precision = 'full'): TestTensor {
  if (numbers.length !== elementCount(shape))
    throw new Error(`${numbers.length} numbers for ${shape.join('x')}`);
  const data = precision === 'index' ? Int32Array.from(numbers) : Float64Array.from(numbers);
  return { shape, precision, data };
}

/** The tensor 1, 2, 3... */
export function counting(...shape: number[]): TestTensor {
  return tensor(
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => i + 1),
  );
}

/** The outputs of an op: shapes by its rule, numbers by its definition. */
export function evaluate<A>(op: OpDefinition<A>, attributes: A, inputs: readonly TestTensor[]): TestTensor[] {
  const types = op.infer(inputs, attributes);
  const outputs = types.map(({ shape, precision }) => {
    const count = elementCount(shape);
    return {
      shape,
      precision,
      data: precision === 'index' ? new Int32Array(count) : new Float64Array(count),
    };
  });
  op.evaluate({
    attributes,
    inputs: inputs.map(({ data }) => data),
    inputShapes: inputs.map(({ shape }) => shape),
    outputs: outputs.map(({ data }) => data),
    outputShapes: outputs.map(({ shape }) => shape),
  });
  return outputs;
}

/** The numbers of the first output. */
export function numbers<A>(op: OpDefinition<A>, attributes: A, inputs: readonly TestTensor[]): number[] {
  return Array.from(evaluate(op, attributes, inputs)[0]?.data ?? []);
}
