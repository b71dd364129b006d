import { describe, expect, it } from 'vitest';
import { allocateRegion } from '../memory.ts';
import { here, runs, whyNot } from './testing.ts';
import { zipCode } from './zip.ts';

describe.skipIf(!runs)(`generated pairs of pictures${whyNot}`, () => {
  it.each([
    [1, 16],
    [3, 48],
    [5, 160],
  ])('%i pairs of %i numbers', (pairs, numbers) => {
    const { library, natives } = here();
    const count = pairs * numbers;
    const region = allocateRegion(library, (2 * count + 16) * 4);
    const all = new Uint32Array(
      region.floats(0, 2 * count + 16).buffer,
      region.floats(0, 1).byteOffset,
      2 * count + 16,
    );
    const pictures = new Uint16Array(all.buffer, all.byteOffset, 2 * count);
    for (let i = 0; i < 2 * count; i++) pictures[i] = (i * 40503) & 0xffff;
    all.fill(7, 2 * count);
    const address = natives.code(`zip ${pairs} ${numbers}`, (team) => zipCode({ pairs, numbers }, team));
    natives.runCode(address as bigint, BigUint64Array.of(region.address, region.address + BigInt(4 * count)));
    const wanted = Uint32Array.from({ length: count }, (_, i) => {
      const first = 2 * Math.floor(i / numbers) * numbers + (i % numbers);
      return ((pictures[first] as number) | ((pictures[first + numbers] as number) << 16)) >>> 0;
    });
    expect(all.slice(count, 2 * count)).toEqual(wanted);
    // What lies behind stays as it was.
    expect(all.slice(2 * count)).toEqual(new Uint32Array(16).fill(7));
  });

  it('are not made of pictures that do not fill registers', () => {
    const { natives } = here();
    const make = () => natives.code('zip 10', (team) => zipCode({ pairs: 1, numbers: 10 }, team));
    expect(make).toThrow('Pictures of 10 numbers are no multiple of 16.');
  });
});
