// How states start, the same in every engine: a function of the state's name, shape, kind and the seed. Each
// name has random numbers of its own, so that adding a layer changes no other layer's start.
import type { Initial } from '../graph/graph.ts';
import { normals, streamOf, uniforms } from '../graph/random.ts';
import { elementCount, type Shape } from '../graph/tensor.ts';

/** The initial values of the state `name`, row-major: constant, N(0, deviation^2) or U(-bound, bound). */
export function initialValues(name: string, shape: Shape, initial: Initial, seed: number): Float32Array {
  const count = elementCount(shape);
  switch (initial.kind) {
    case 'constant':
      return new Float32Array(count).fill(initial.value);
    case 'normal':
      return draw(normals(seed, streamOf(name), count), (z) => z * initial.deviation);
    case 'uniform':
      return draw(uniforms(seed, streamOf(name), count), (u) => (2 * u - 1) * initial.bound);
  }
}

/** A plain loop: `Float32Array.from` walks an iterator, which takes seconds for the millions of a network. */
function draw(numbers: Float64Array, shape: (number: number) => number): Float32Array {
  const values = new Float32Array(numbers.length);
  for (let i = 0; i < values.length; i++) values[i] = shape(numbers[i] as number);
  return values;
}
