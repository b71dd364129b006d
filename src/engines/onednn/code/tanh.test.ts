import { describe, expect, it } from 'vitest';
import { allocateRegion } from '../memory.ts';
import { tanhCode } from './tanh.ts';
import { here, random, runs, whyNot } from './testing.ts';

const margin = 32;

/** What the code makes of numbers; what lies around them has to stay as it was. `inPlace`: over what it reads. */
function computed(values: Float32Array, inPlace: boolean): Float32Array {
  const { library, natives } = here();
  const count = values.length;
  const region = allocateRegion(library, (2 * count + 3 * margin) * 4);
  const all = region.floats(0, 2 * count + 3 * margin).fill(7);
  const [from, to] = [margin, inPlace ? margin : 2 * margin + count];
  all.set(values, from);
  const code = natives.code(`tanh ${count}`, (team) => tanhCode(count / 16, team)) as bigint;
  natives.runCode(
    code,
    BigUint64Array.from([from, to], (place) => region.address + BigInt(4 * place)),
  );
  const result = all.slice(to, to + count);
  if (!inPlace) expect(all.slice(from, from + count)).toEqual(values);
  all.fill(7, from, from + count).fill(7, to, to + count);
  expect(all.every((each) => each === 7)).toBe(true);
  return result;
}

describe.skipIf(!runs)(`generated hyperbolic tangents${whyNot}`, () => {
  it.each([16, 80, 16 * 128, 16 * 131, 16 * 1029])('are as exact as f32, of %i numbers', (count) => {
    const next = random(count);
    // Of all sizes: from where it is x itself to where it is 1.
    const values = Float32Array.from({ length: count }, (_, i) => (next() - 0.5) * 4 ** ((i % 12) - 6));
    for (const inPlace of [false, true]) {
      computed(values, inPlace).forEach((value, i) => {
        const wanted = Math.tanh(values[i] as number);
        expect(Math.abs(value - wanted)).toBeLessThanOrEqual(3e-7 * Math.abs(wanted));
      });
    }
  });

  it('end at 1, and pass on what is not a number', () => {
    const [infinite, tiny] = [Number.POSITIVE_INFINITY, 2 ** -126];
    const given = [0, infinite, -infinite, Number.NaN, 9.5, -40, 3e38, tiny, -tiny, ...Array(7).fill(0)];
    const wanted = [0, 1, -1, Number.NaN, 1, -1, 1, tiny, -tiny, ...Array(7).fill(0)];
    expect([...computed(Float32Array.from(given), false)]).toEqual(wanted);
  });
});
