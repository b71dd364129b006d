// Batch normalisation (Ioffe and Szegedy 2015) of pictures in blocks of 16 channels as AVX-512 code, with the addition and
// the ReLU behind it:
//   y = relu(gamma (x - mean) / sqrt(variance + epsilon) + beta + other)
// In training a thread takes a block of channels through all pictures, once for the statistics and once for the results,
// the second time backwards: what the caches hold of a block is not read from memory again, and nothing is written but y.
import { Assembler, at, type Memory, type Register, r, type Vector } from './assembler.ts';
import {
  type Pictures,
  passThroughBlock,
  passThroughPlane,
  pixelBytes,
  read,
  write,
} from './channel-passes.ts';
import { vectorBytes } from './cut.ts';
import { args, forEachItem, item, slotsOf, split } from './items.ts';
import { type Numbers, numbersBehind } from './numbers.ts';
import type { Team } from './team.ts';

export interface NormSizes extends Pictures {
  readonly epsilon: number;
}

/** What runs behind the norm. */
export interface NormBehind {
  /** The addition of another tensor. */
  readonly sum: boolean;
  readonly relu: boolean;
}

/** Pixels between two jumps: as many sums as hide the time of an addition. */
export const atOnce = 8;

/** Numbers of a channel that tell roughly where all are. */
const firstNumbers = 8;
/** Behind the sums of a pass. */
const [mean, scale, shift, zero, near, one] = [25, 26, 27, 28, 29, 30] as const;
const [sum, squares] = [23, 24] as const;
/** Where no pass is on. */
const gamma = 0;

/** The vector of sixteen channels of `block`, a register that counts blocks; uses up rax. */
export function vectorOf(code: Assembler, slot: number, block: Register): Memory {
  code.multiplyBy(r.ax, block, vectorBytes);
  code.combine('add', r.ax, at(args, slot));
  return at(r.ax);
}

/** gamma / sqrt(variance + epsilon) in a register of its own. */
export function scaleOf(
  code: Assembler,
  to: Vector,
  { gamma, variance, epsilon }: { gamma: Vector; variance: Vector; epsilon: Vector },
): void {
  code.add(to, variance, epsilon);
  code.squareRoot(to, to);
  code.quotient(to, gamma, to);
}

/**
 * In training. Arguments: x, gamma, beta, the other operand of the addition where there is one; y, mean, variance (biased).
 * The variance is that of the distances from the mean of each channel's first numbers, which lies among the others: the
 * difference of squares then cancels no more than the distance of that one from the mean of all.
 */
export function batchNormCode(sizes: NormSizes & NormBehind, team: Team): Uint8Array {
  const slots = slotsOf('x', 'gamma', 'beta', sizes.sum && 'other', 'y', 'mean', 'variance');
  const code = new Assembler();
  const numbers = numbersBehind(code);
  forEachItem(
    code,
    { count: sizes.blocks, team },
    () => {},
    () => {
      statistics(code, numbers, sizes, slots.x);
      numbers.broadcast(one, 1 / (sizes.pictures * sizes.pixels));
      code.multiply(sum, sum, one);
      code.multiply(squares, squares, one);
      code.multiplySubtracted(squares, sum, sum);
      code.clear(zero);
      // In this order what is not a number stays so.
      code.maximum(squares, zero, squares);
      code.add(mean, near, sum);
      code.store(vectorOf(code, slots.mean, item), mean);
      code.store(vectorOf(code, slots.variance, item), squares);
      numbers.broadcast(one, sizes.epsilon);
      code.load(gamma, vectorOf(code, slots.gamma, item));
      scaleOf(code, scale, { gamma, variance: squares, epsilon: one });
      code.load(shift, vectorOf(code, slots.beta, item));
      passThroughBlock(code, sizes, { ...results(code, sizes, slots), backwards: true });
    },
  );
  numbers.place();
  return code.code();
}

/** With statistics that are there. Arguments: x, gamma, beta, mean, variance, the other operand; y. */
export function normalisationCode(sizes: NormSizes & NormBehind, team: Team): Uint8Array {
  const slots = slotsOf('x', 'gamma', 'beta', 'mean', 'variance', sizes.sum && 'other', 'y');
  const code = new Assembler();
  const numbers = numbersBehind(code);
  forEachItem(
    code,
    { count: sizes.pictures * sizes.blocks, team },
    () => {
      numbers.broadcast(one, sizes.epsilon);
      code.clear(zero);
    },
    () => {
      const block = r.dx;
      code.move(r.ax, item);
      split(code, sizes.blocks);
      code.load(mean, vectorOf(code, slots.mean, block));
      code.load(squares, vectorOf(code, slots.variance, block));
      code.load(gamma, vectorOf(code, slots.gamma, block));
      scaleOf(code, scale, { gamma, variance: squares, epsilon: one });
      code.load(shift, vectorOf(code, slots.beta, block));
      passThroughPlane(code, sizes, results(code, sizes, slots));
    },
  );
  numbers.place();
  return code.code();
}

/** The sum and the squares' sum of the distances from the mean of each channel's first numbers, which is left in `near`. */
function statistics(code: Assembler, numbers: Numbers, sizes: NormSizes, x: number): void {
  const distance = 2 * atOnce;
  const clear = (): void => {
    for (let i = 0; i < 2 * atOnce; i++) code.clear(i);
  };
  code.clear(sum);
  code.clear(squares);
  clear();
  const few = Math.min(sizes.pixels, firstNumbers);
  code.multiplyBy(r.si, item, sizes.pixels * pixelBytes(sizes));
  code.combine('add', r.si, at(args, x));
  code.clear(near);
  for (let i = 0; i < few; i++) {
    read(code, sizes, distance, at(r.si, i * pixelBytes(sizes)));
    code.add(near, near, distance);
  }
  numbers.broadcast(distance, 1 / few);
  code.multiply(near, near, distance);
  passThroughBlock(code, sizes, {
    tensors: [x],
    atOnce,
    each(i, place) {
      const own = distance + (i % 4);
      read(code, sizes, own, place(0));
      code.subtract(own, own, near);
      code.add(i, i, own);
      code.multiplyAdd(atOnce + i, own, own);
    },
    // Sums of a picture each, so that few numbers meet a large one.
    afterPicture() {
      addUp(code, 0, sum);
      addUp(code, atOnce, squares);
      clear();
    },
  });
}

/** Adds the sums of the pixels that go side by side to `to`. */
export function addUp(code: Assembler, first: Vector, to: Vector): void {
  for (let half = atOnce / 2; half >= 1; half /= 2)
    for (let i = 0; i < half; i++) code.add(first + i, first + i, first + i + half);
  code.add(to, to, first);
}

/** y of the pixels of a pass. */
function results(
  code: Assembler,
  sizes: NormSizes & NormBehind,
  slots: { readonly x: number; readonly other: number; readonly y: number },
) {
  return {
    tensors: sizes.sum ? [slots.x, slots.y, slots.other] : [slots.x, slots.y],
    atOnce,
    each(i: number, place: (tensor: number) => Memory) {
      const [own, other] = [i, atOnce + i];
      read(code, sizes, own, place(0));
      normalised(code, own, own, { mean, scale, shift });
      if (sizes.sum) {
        read(code, sizes, other, place(2));
        code.add(own, own, other);
      }
      if (sizes.relu) code.maximum(own, zero, own);
      write(code, sizes, place(1), own);
    },
  };
}

/** y of x in the same way for results and for their signs, which have to agree. `distance` gets x - mean. */
export function normalised(
  code: Assembler,
  to: Vector,
  distance: Vector,
  line: { readonly mean: Vector; readonly scale: Vector; readonly shift: Vector },
): void {
  code.subtract(distance, distance, line.mean);
  if (to !== distance) code.copy(to, distance);
  code.multiplyThenAdd(to, line.scale, line.shift);
}
