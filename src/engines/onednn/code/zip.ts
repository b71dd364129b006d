// Pictures in bf16, two by two, as pictures whose every number is a pair: what code reads that multiplies pairs.
import { Assembler, at, r } from './assembler.ts';
import { divisors, lanes, vectorBytes } from './cut.ts';
import { args, forEachItem, item, split } from './items.ts';
import type { Team } from './team.ts';

/** Arguments of the code, eight bytes each. */
const slots = { pictures: 0, pairs: 8 } as const;
const numberBytes = 2;
const mostParts = 16;

/** Pictures of so many numbers, a multiple of 16: the first of a pair comes into the lower halves of 32 bits. */
export function zipCode({ pairs, numbers }: { pairs: number; numbers: number }, team: Team): Uint8Array {
  if (numbers % lanes > 0) throw new Error(`Pictures of ${numbers} numbers are no multiple of ${lanes}.`);
  const [from, to, left] = [r.si, r.r8, r.cx] as const;
  const bytes = numbers * numberBytes;
  // Parts of a picture are pieces of work: there may be no more than one pair.
  const lines = numbers / lanes;
  const parts = Math.max(...divisors(lines).filter((count) => count <= mostParts));
  const code = new Assembler();
  forEachItem(
    code,
    { count: pairs * parts, team },
    () => {},
    () => {
      code.move(r.ax, item);
      split(code, parts);
      code.multiplyBy(from, r.ax, 2 * bytes);
      code.move(to, from);
      code.multiplyBy(r.dx, r.dx, bytes / parts);
      code.combine('add', from, r.dx);
      code.combine('add', to, r.dx);
      code.combine('add', to, r.dx);
      code.combine('add', from, at(args, slots.pictures));
      code.combine('add', to, at(args, slots.pairs));
      code.set(left, lines / parts);
      const again = code.here();
      code.widen(0, at(from));
      code.widen(1, at(from, bytes));
      code.shiftLanes(1, 1, 8 * numberBytes);
      code.or(0, 0, 1);
      code.store(at(to), 0);
      code.combineWith('add', from, lanes * numberBytes);
      code.combineWith('add', to, vectorBytes);
      code.combineWith('subtract', left, 1);
      code.jump(again, 'notEqual');
    },
  );
  return code.code();
}
