// The gradient of batch normalisation (Ioffe and Szegedy 2015, section 3) over pictures in blocks of 16 channels as AVX-512
// code, with the gradient of the ReLU behind the norm and the sum of two signals in front of it. With m numbers a channel:
//   g  = (dy + more) where y > 0, else 0;   d = x - mean;   s = 1 / sqrt(variance + epsilon)
//   dbeta = sum g;   dgamma = s sum g d;   dx = gamma s (g - dbeta / m - d s dgamma / m)
// A thread takes a block of channels through all pictures, once for the sums and once, backwards, for dx. Where the ReLU
// follows the norm itself, the sign of y is computed from x again: nothing is kept of y.
import { Assembler, type Memory } from './assembler.ts';
import { addUp, atOnce, type NormSizes, normalised, scaleOf, vectorOf } from './batch-norm.ts';
import { passThroughBlock, read, write } from './channel-passes.ts';
import { forEachItem, item, slotsOf } from './items.ts';
import { numbersBehind } from './numbers.ts';
import type { Team } from './team.ts';

export interface NormGradientSizes extends NormSizes {
  /** What the gradient of a ReLU looks at: y as it is made from x, or the result that it is given; undefined without one. */
  readonly relu: 'computed' | 'given' | undefined;
  /** Whether two signals are added up. */
  readonly sum: boolean;
  /** Whether g is written too, for others. */
  readonly keeps: boolean;
}

/** Behind the sums and what each pixel takes. */
const [mean, scale, shift, zero, sum, products] = [25, 26, 27, 28, 29, 30] as const;
const mask = 1;

/** Arguments: x, gamma, beta (where y is computed), mean, variance, dy, more, y (where it is given); g, dx, dgamma, dbeta. */
export function batchNormGradientCode(sizes: NormGradientSizes, team: Team): Uint8Array {
  const computes = sizes.relu === 'computed';
  const slots = slotsOf(
    ...(['x', 'gamma', computes && 'beta', 'mean', 'variance', 'dy', sizes.sum && 'more'] as const),
    ...([sizes.relu === 'given' && 'y', sizes.keeps && 'g', 'dx', 'dgamma', 'dbeta'] as const),
  );
  const code = new Assembler();
  const numbers = numbersBehind(code);
  const line = { mean, scale, shift };
  const given = [...(sizes.sum ? [slots.more] : []), ...(sizes.relu === 'given' ? [slots.y] : [])];
  /** x - mean in `distance` and g in `signal`; the places follow those of x and dy. */
  const signalOf = (signal: number, distance: number, spare: number, places: readonly Memory[]): void => {
    const [x, dy, ...others] = places as [Memory, Memory, ...Memory[]];
    read(code, sizes, distance, x);
    if (computes) normalised(code, spare, distance, line);
    else code.subtract(distance, distance, mean);
    read(code, sizes, signal, dy);
    if (computes) code.greater(mask, spare, zero);
    if (sizes.sum) {
      read(code, sizes, spare, others[0] as Memory);
      code.add(signal, signal, spare);
    }
    if (sizes.relu === 'given') {
      read(code, sizes, spare, others.at(-1) as Memory);
      code.greater(mask, spare, zero);
    }
    if (sizes.relu !== undefined) code.copyWhere(mask, signal, signal);
  };
  /** Three registers for a pixel, other ones than for the pixel before. */
  const registersOf = (i: number): [number, number, number] => {
    const first = 2 * atOnce + 3 * (i % 3);
    return [first, first + 1, first + 2];
  };

  const sums = (): void => {
    const clear = (): void => {
      for (let i = 0; i < 2 * atOnce; i++) code.clear(i);
    };
    code.clear(sum);
    code.clear(products);
    clear();
    const read = [slots.x, slots.dy, ...given];
    passThroughBlock(code, sizes, {
      tensors: sizes.keeps ? [...read, slots.g] : read,
      atOnce,
      each(i, place) {
        const [signal, distance, spare] = registersOf(i);
        const places = read.map((_, tensor) => place(tensor));
        signalOf(signal, distance, spare, places);
        code.add(i, i, signal);
        code.multiplyAdd(atOnce + i, signal, distance);
        if (sizes.keeps) write(code, sizes, place(read.length), signal);
      },
      afterPicture() {
        addUp(code, 0, sum);
        addUp(code, atOnce, products);
        clear();
      },
    });
  };

  const gradient = (): void => {
    const from = sizes.keeps ? [slots.x, slots.g] : [slots.x, slots.dy, ...given];
    passThroughBlock(code, sizes, {
      tensors: [...from, slots.dx],
      atOnce,
      backwards: true,
      each(i, place) {
        const [signal, distance, spare] = registersOf(i);
        if (sizes.keeps) {
          read(code, sizes, distance, place(0));
          code.subtract(distance, distance, mean);
          read(code, sizes, signal, place(1));
        } else
          signalOf(
            signal,
            distance,
            spare,
            from.map((_, tensor) => place(tensor)),
          );
        code.subtract(signal, signal, sum);
        code.multiplySubtracted(signal, distance, products);
        code.multiply(signal, signal, scale);
        write(code, sizes, place(from.length), signal);
      },
    });
  };

  forEachItem(
    code,
    { count: sizes.blocks, team },
    () => code.clear(zero),
    () => {
      const [inverse, gamma, variance, epsilon, one, part] = [0, 1, 2, 3, 4, 5] as const;
      const deviation = { variance, epsilon };
      const loadDeviation = (): void => {
        code.load(variance, vectorOf(code, slots.variance, item));
        numbers.broadcast(epsilon, sizes.epsilon);
      };
      loadDeviation();
      code.load(mean, vectorOf(code, slots.mean, item));
      code.load(gamma, vectorOf(code, slots.gamma, item));
      scaleOf(code, scale, { gamma, ...deviation });
      if (computes) code.load(shift, vectorOf(code, slots.beta, item));
      sums();
      loadDeviation();
      numbers.broadcast(one, 1);
      scaleOf(code, inverse, { gamma: one, ...deviation });
      code.multiply(products, products, inverse);
      code.store(vectorOf(code, slots.dgamma, item), products);
      code.store(vectorOf(code, slots.dbeta, item), sum);
      numbers.broadcast(part, 1 / (sizes.pictures * sizes.pixels));
      code.multiply(products, products, inverse);
      code.multiply(products, products, part);
      code.multiply(sum, sum, part);
      gradient();
    },
  );
  numbers.place();
  return code.code();
}
