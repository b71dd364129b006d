// Checks that the shape rules share. Each failure is one sentence: the op, what it got, what it expected.
import { formatShape, type Shape, sameShape, type TensorType } from '../tensor.ts';

/** The input at `index`, or an error that says how many were expected. */
export function expectInputs(
  op: string,
  inputs: readonly TensorType[],
  least: number,
  most = least,
): readonly TensorType[] {
  if (inputs.length < least || inputs.length > most) {
    const wanted =
      least === most ? `${least}` : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
    throw new Error(`${op} got ${inputs.length} input(s), expected ${wanted}.`);
  }
  return inputs;
}

export function expectShape(op: string, what: string, got: Shape, expected: Shape): void {
  if (!sameShape(got, expected)) {
    throw new Error(`${op} got ${what} of shape ${formatShape(got)}, expected ${formatShape(expected)}.`);
  }
}

/** The sizes of an NxC matrix. */
export function matrixShape(
  op: string,
  what: string,
  shape: Shape,
): readonly [rows: number, columns: number] {
  if (shape.length !== 2) {
    throw new Error(`${op} got ${what} of shape ${formatShape(shape)}, expected two axes (NxC).`);
  }
  return shape as unknown as readonly [number, number];
}

/** The three numbers that per-channel ops need of NxC, NxCxH, NxCxHxW...: `positions` is H*W (1 for NxC). */
export function channelShape(op: string, shape: Shape): { n: number; channels: number; positions: number } {
  if (shape.length < 2) {
    throw new Error(`${op} got a tensor of shape ${formatShape(shape)}, expected NxCxHxW or NxC.`);
  }
  const [n, channels, ...rest] = shape as [number, number, ...number[]];
  return { n, channels, positions: rest.reduce((product, size) => product * size, 1) };
}

export function expectIndex(op: string, what: string, type: TensorType): void {
  if (type.precision !== 'index') {
    throw new Error(`${op} got ${what} in ${type.precision} precision, expected whole numbers ('index').`);
  }
}

export function expectFloat(op: string, what: string, type: TensorType): void {
  if (type.precision === 'index') {
    throw new Error(`${op} got ${what} of whole numbers ('index'), expected a float tensor.`);
  }
}

export function expectAxes(op: string, what: string, got: readonly number[], shape: Shape): void {
  if (got.length !== shape.length) {
    throw new Error(
      `${op} got ${got.length} number(s) for ${what}, expected one per axis of ${formatShape(shape)}.`,
    );
  }
}
