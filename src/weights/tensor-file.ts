// What every weights format is read into: named f32 tensors in the file's order, and its free-text metadata.
import type { StoredType } from './storage.ts';

/** A tensor in plain row-major layout; `data.length` is the product of `shape` (1 for a scalar, shape []). */
export type Tensor = { readonly shape: readonly number[]; readonly data: Float32Array };

/** A weights file in memory. `tensors` keeps the order of the file. */
export type TensorFile = {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** What each tensor was stored as, by name, where the file said it. */
  readonly storedTypes?: ReadonlyMap<string, StoredType>;
};

/** A tensor whose numbers are made when they are asked for, and again once nobody holds them any more. */
export function lazyTensor(shape: readonly number[], make: () => Float32Array): Tensor {
  let held: WeakRef<Float32Array> | undefined;
  return {
    shape,
    get data() {
      const data = held?.deref() ?? make();
      held = new WeakRef(data);
      return data;
    },
  };
}

/** Number of elements of a shape: 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A shape in words: "64x3x7x7", or "scalar". */
export function shapeText(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join('x');
}
