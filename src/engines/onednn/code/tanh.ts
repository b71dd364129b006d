// The hyperbolic tangent as AVX-512 code, over a tensor as a vector: tanh(x) = m / (m + 2) with m = e^2x - 1. With
// 2x = n ln 2 + r, |r| at most half of ln 2, e^r - 1 is a polynomial whose next term is below what f32 tells apart, and
// m = 2^n (e^r - 1) + (2^n - 1) cancels nothing near 0.
import { Assembler, at, r } from './assembler.ts';
import { vectorBytes } from './cut.ts';
import { forEachLine, slotsOf } from './items.ts';
import { numbersBehind } from './numbers.ts';
import type { Team } from './team.ts';

/** Registers that a thread takes at a time: fewer are not worth another thread. */
const pieceLength = 128;
/** From here on f32 has nothing between the result and 1. */
const furthest = 10;
/** Of e^r - 1 = r + r^2/2 + r^3/6 + ..., from the last taken to the first. */
const terms = [5040, 720, 120, 24, 6, 2].map((factorial) => 1 / factorial);

/** `lines`: registers of 16 numbers. Arguments: x, y, which may be the same. */
export function tanhCode(lines: number, team: Team): Uint8Array {
  const [from, to] = [r.si, r.di] as const;
  const slots = slotsOf('x', 'y');
  const constants = { limit: 31, negated: 30, scale: 29, ln2: 28, one: 27, two: 26 } as const;
  const firstTerm = constants.two - terms.length;
  const code = new Assembler();
  const numbers = numbersBehind(code);
  /** So many registers side by side, for each waits for itself. */
  const some = (count: number): void => {
    const each = (visit: (x: number, n: number, sum: number) => void): void => {
      for (let i = 0; i < count; i++) visit(3 * i, 3 * i + 1, 3 * i + 2);
    };
    let i = 0;
    each((x) => code.load(x, at(from, i++ * vectorBytes)));
    // In this order what is not a number stays so.
    each((x) => code.minimum(x, constants.limit, x));
    each((x) => code.maximum(x, constants.negated, x));
    each((x, n) => code.multiply(n, x, constants.scale));
    each((_, n) => code.roundToWhole(n, n));
    each((x) => code.add(x, x, x));
    each((x, n) => code.multiplySubtracted(x, n, constants.ln2));
    each((_x, _n, sum) => code.copy(sum, firstTerm));
    for (let term = 1; term < terms.length; term++)
      each((x, _, sum) => code.multiplyThenAdd(sum, x, firstTerm + term));
    each((x, _, sum) => code.multiplyThenAdd(sum, x, constants.one));
    // x: e^r - 1, n: 2^n, sum: 2^n - 1.
    each((x, _, sum) => code.multiply(x, x, sum));
    each((_, n) => code.scaleByPower(n, constants.one, n));
    each((_, n, sum) => code.subtract(sum, n, constants.one));
    each((x, n, sum) => code.multiplyThenAdd(x, n, sum));
    each((x, n) => code.add(n, x, constants.two));
    each((x, n) => code.quotient(x, x, n));
    i = 0;
    each((x) => code.store(at(to, i++ * vectorBytes), x));
  };
  const pointers = [
    [from, slots.x],
    [to, slots.y],
  ] as const;
  forEachLine(
    code,
    { lines, pieceLength, pointers, team },
    () => {
      numbers.broadcast(constants.limit, furthest);
      numbers.broadcast(constants.negated, -furthest);
      numbers.broadcast(constants.scale, 2 * Math.LOG2E);
      numbers.broadcast(constants.ln2, Math.LN2);
      numbers.broadcast(constants.one, 1);
      numbers.broadcast(constants.two, 2);
      terms.forEach((term, i) => {
        numbers.broadcast(firstTerm + i, term);
      });
    },
    some,
  );
  numbers.place();
  return code.code();
}
