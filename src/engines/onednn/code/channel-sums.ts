// The sum of each channel over all pixels of all pictures, which is a bias's gradient, as AVX-512 code.
import { Assembler, at, type Label, r } from './assembler.ts';
import { type ConvolutionSizes, vectorBytes } from './cut.ts';
import { args, forEachItem, item } from './items.ts';
import type { Team } from './team.ts';

/** Arguments of the code, eight bytes each. */
const slots = { source: 0, sums: 8 } as const;
/** Sums that do not wait for each other; pixels are shared among them. */
const sums = 8;
/** In bf16. */
const pairOfOnes = 0x3f803f80;

/** `target`: what is summed up; `adds`: to what is there already. Every thread has blocks of channels of its own. */
export function channelSumsCode(
  {
    pictures,
    blocks,
    oh,
    ow,
    target,
    pairs,
  }: Pick<ConvolutionSizes, 'pictures' | 'blocks' | 'oh' | 'ow' | 'target' | 'pairs'>,
  team: Team,
  adds = false,
): Uint8Array {
  const [from, picture, left, more] = [r.si, r.r14, r.cx, r.r8] as const;
  const pixels = oh * ow;
  const code = new Assembler();
  const ones: Label = {};
  const one = sums;
  const add = (i: number): void => {
    const place = at(from, i * vectorBytes);
    if (!pairs) {
      code.add(i, i, place);
      return;
    }
    const pair = one + 1 + i;
    code.load(pair, place);
    code.multiplyAddPairs(i, one, pair);
  };
  forEachItem(
    code,
    { count: blocks, team },
    () => {
      if (!pairs) return;
      code.addressOf(from, ones);
      code.broadcast(one, at(from));
    },
    () => {
      code.multiplyBy(picture, item, target.group);
      code.combine('add', picture, at(args, slots.source));
      for (let i = 0; i < sums; i++) code.clear(i);
      code.set(more, pictures);
      const nextPicture = code.here();
      code.move(from, picture);
      if (pixels >= sums) {
        code.set(left, Math.floor(pixels / sums));
        const again = code.here();
        for (let i = 0; i < sums; i++) add(i);
        code.combineWith('add', from, sums * vectorBytes);
        code.combineWith('subtract', left, 1);
        code.jump(again, 'notEqual');
      }
      for (let i = 0; i < pixels % sums; i++) add(i);
      code.combineWith('add', picture, target.picture);
      code.combineWith('subtract', more, 1);
      code.jump(nextPicture, 'notEqual');
      for (let half = sums / 2; half >= 1; half /= 2) for (let i = 0; i < half; i++) code.add(i, i, i + half);
      code.multiplyBy(from, item, vectorBytes);
      code.combine('add', from, at(args, slots.sums));
      if (adds) code.add(0, 0, at(from));
      code.store(at(from), 0);
    },
  );
  if (pairs) {
    code.place(ones);
    code.numbers([pairOfOnes]);
  }
  return code.code();
}
