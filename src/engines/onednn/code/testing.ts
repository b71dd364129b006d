// What tests of generated code share: a library and whether code runs here, and sizes of convolutions drawn at random.
import { openLibrary } from '../library.ts';
import { createNatives } from '../natives.ts';
import type { ConvolutionSizes } from './cut.ts';

const found = (() => {
  try {
    const library = openLibrary();
    return { library, natives: createNatives(library) };
  } catch {
    return undefined;
  }
})();
/** One instruction that returns: whether code can run here at all. */
export const runs = found?.natives.code('nothing', () => Uint8Array.of(0xc3)) !== undefined;
/** The library, for tests that are skipped where there is none. */
export function here() {
  if (found === undefined) throw new Error('There is no library here.');
  return found;
}
/** Whether the CPU multiplies bf16. */
export const multipliesBf16 = runs && found?.natives.bf16Units !== 'none';
/** Behind the title of what is skipped otherwise. */
export const whyNot = runs ? '' : ' (skipped: no AVX-512 or no OpenMP here)';

/** Numbers in (0, 1), the same for the same seed. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A number in (-0.5, 0.5) that bf16 has, as its 16 bits. */
export function randomBf16(next: () => number): number {
  return (new Uint32Array(Float32Array.of(next() - 0.5).buffer)[0] as number) >>> 16;
}

/** The 16 bits of a number in bf16, rounded to the nearest, half to even. */
export function toBf16(number: number): number {
  const bits = new Uint32Array(Float32Array.of(number).buffer)[0] as number;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number that 16 bits stand for in bf16. */
export function ofBf16(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0] as number;
}

/** The first and the second of each pair of bf16, in f32. */
export function halvesOf(pairs: Float32Array): [Float32Array, Float32Array] {
  const bits = new Uint32Array(pairs.buffer, pairs.byteOffset, pairs.length);
  return [
    new Float32Array(bits.map((each) => each << 16).buffer),
    new Float32Array(bits.map((each) => each & 0xffff0000).buffer),
  ];
}

const block = 16;

export interface Drawn {
  readonly sizes: ConvolutionSizes;
  readonly backwards: boolean;
  readonly text: string;
}

/**
 * Every third has few channels that lie row-major, every fourth goes through its filters backwards; of seven one has groups
 * narrower than a block, one wider ones.
 */
export function draw(seed: number): Drawn {
  const next = random(seed * 7919 + 1);
  const among = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  const isPlain = seed % 3 === 0;
  const backwards = !isPlain && seed % 4 === 1;
  const isPoint = !isPlain && seed % 5 === 0;
  const pictures = among(1, 3);
  const narrow = !isPlain && seed % 7 === 2;
  const sets = narrow || (!isPlain && seed % 7 === 4) ? among(2, 4) : 1;
  const channels = isPlain ? among(1, 5) : narrow ? 2 ** among(0, 3) : block;
  const groups = isPlain || narrow ? 1 : among(1, isPoint ? 24 : 5);
  const setBlocks = narrow ? 1 : among(1, 6);
  const blocks = sets * setBlocks;
  const [h, w] = [among(1, 17), among(1, 33)];
  const [kh, kw] = isPoint ? [1, 1] : [Math.min(h, among(1, 5)), Math.min(w, among(1, 5))];
  const stride = backwards ? 1 : among(1, 3);
  const padding = isPoint && next() < 0.7 ? ([0, 0] as const) : ([among(0, kh), among(0, kw)] as const);
  const oh = Math.floor((h + 2 * padding[0] - kh) / stride) + 1;
  const ow = Math.floor((w + 2 * padding[1] - kw) / stride) + 1;
  const filter = channels * block * 4;
  const forwards = { row: kw * filter, column: filter, channel: block * 4, first: 0 };
  const sizes: ConvolutionSizes = {
    ...{ pictures, pairs: false, groups, channels, blocks, sets, narrow },
    ...{ h, w, oh, ow, kh, kw, stride, padding },
    source: isPlain
      ? { picture: channels * h * w * 4, group: 0, set: 0, channel: h * w * 4, row: w * 4, pixel: 4 }
      : {
          ...{ picture: sets * groups * h * w * 64, group: h * w * 64, set: groups * h * w * 64 },
          ...{ channel: 4, row: w * 64, pixel: 64 },
        },
    target: { picture: blocks * oh * ow * 64, group: oh * ow * 64, row: ow * 64, pixel: 64 },
    weights: {
      set: setBlocks * groups * kh * kw * filter,
      block: groups * kh * kw * filter,
      group: kh * kw * filter,
      ...(backwards
        ? { row: -kw * filter, column: -filter, channel: block * 4, first: (kh * kw - 1) * filter }
        : forwards),
    },
    ...{ bias: next() < 0.5, sum: next() < 0.5, relu: next() < 0.5 },
  };
  const text =
    `${pictures}x${groups * channels}x${h}x${w}, ${kh}x${kw} to ${blocks * block}, ` +
    `stride ${stride}, padding ${padding.join('x')}${backwards ? ', backwards' : ''}` +
    (narrow ? `, in each of ${(sets * block) / channels} groups` : sets > 1 ? `, ${sets} groups` : '');
  return { sizes, backwards, text };
}
