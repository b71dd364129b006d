// What a tensor is, as far as a graph knows: a shape and a precision. Numbers live in engines.
// Layout is always plain row-major (pictures NCHW, filters OIHW); engines may keep another one inside.

export type Shape = readonly number[];

/**
 * How exactly a value is kept, whatever an engine computes in:
 * `compute`: activations and their gradients, in the engine's compute type (f32, bf16 or f64);
 * `full`: weights, weight gradients, statistics, losses, never below f32;
 * `index`: labels, switches and counts, exact 32-bit integers.
 */
export type Precision = 'compute' | 'full' | 'index';

export interface TensorType {
  readonly shape: Shape;
  readonly precision: Precision;
}

/** Plain storage: floats (f32, or f64 where an engine offers it) and integers. */
export type NumericArray = Float32Array | Float64Array | Int32Array;

/** Elements of a tensor of that shape; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major strides in elements. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] as number;
  }
  return strides;
}

/** Whether two shapes have the same axes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** `128x3x32x32`; a scalar prints as `scalar`. */
export function formatShape(shape: Shape): string {
  return shape.length === 0 ? 'scalar' : shape.join('x');
}

/** The four sizes of a picture batch, or an error that names the op. */
export function pictureShape(op: string, shape: Shape): [number, number, number, number] {
  if (shape.length !== 4) {
    throw new Error(`${op} got a tensor of shape ${formatShape(shape)}, expected NxCxHxW.`);
  }
  return shape as unknown as [number, number, number, number];
}
