// How states start, the same in every engine: a function of the state's name, shape, kind and the seed. Each
// name has random numbers of its own, so that adding a layer changes no other layer's start.
import type { Initial } from '../graph/graph.ts';
import { normals, streamOf, uniforms } from '../graph/random.ts';
import { elementCount, type Shape } from '../graph/tensor.ts';

/**
 * The initial values of the state `name`, row-major: constant, N(0, deviation^2) or U(-bound, bound). They are written
 * into `values`, where it is given.
 */
export function initialValues(
  name: string,
  shape: Shape,
  initial: Initial,
  seed: number,
  values: Float32Array = new Float32Array(elementCount(shape)),
): Float32Array {
  switch (initial.kind) {
    case 'constant':
      return values.fill(initial.value);
    case 'normal':
      return draw(values, normals, [seed, streamOf(name)], (z) => z * initial.deviation);
    case 'uniform':
      return draw(values, uniforms, [seed, streamOf(name)], (u) => (2 * u - 1) * initial.bound);
  }
}

/** Numbers that are drawn at a time: VGG's largest layer has a hundred million, which would take 0.8 GB by the side. */
const piece = 1 << 16;

/** A plain loop: `Float32Array.from` walks an iterator, which takes seconds for the millions of a network. */
function draw(
  values: Float32Array,
  numbersOf: typeof normals,
  [seed, stream]: readonly [seed: number, stream: number],
  shape: (number: number) => number,
): Float32Array {
  const numbers = new Float64Array(Math.min(piece, values.length));
  for (let first = 0; first < values.length; first += piece) {
    const count = Math.min(piece, values.length - first);
    numbersOf(seed, stream, count, first, numbers);
    for (let i = 0; i < count; i++) values[first + i] = shape(numbers[i] as number);
  }
  return values;
}
