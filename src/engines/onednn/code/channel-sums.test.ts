import { describe, expect, it } from 'vitest';
import { allocateRegion } from '../memory.ts';
import { channelSumsCode } from './channel-sums.ts';
import { halvesOf, here, multipliesBf16, random, randomBf16, runs, whyNot } from './testing.ts';

describe.skipIf(!runs)(`generated sums of channels${whyNot}`, () => {
  it.each([
    [1, 1, 3],
    [2, 3, 8],
    [3, 5, 61],
  ])('%i pictures, %i blocks, %i pixels', (pictures, blocks, pixels) => {
    const { library, natives } = here();
    const count = pictures * blocks * pixels * 16;
    const region = allocateRegion(library, (count + blocks * 16 + 16) * 4);
    const all = region.floats(0, count + blocks * 16 + 16);
    for (let i = 0; i < all.length; i++) all[i] = Math.sin(i);
    const group = pixels * 64;
    const target = { picture: blocks * group, group, row: group, pixel: 64 };
    const address = natives.code(`${pictures} ${blocks} ${pixels}`, (team) =>
      channelSumsCode({ pictures, blocks, oh: 1, ow: pixels, target, pairs: false }, team),
    );
    natives.runCode(address as bigint, BigUint64Array.of(region.address, region.address + BigInt(count * 4)));
    for (let channel = 0; channel < blocks * 16; channel++) {
      let sum = 0;
      for (let n = 0; n < pictures; n++)
        for (let pixel = 0; pixel < pixels; pixel++)
          sum += Math.fround(
            Math.sin(((n * blocks + (channel >> 4)) * pixels + pixel) * 16 + (channel & 15)),
          );
      expect(all[count + channel]).toBeCloseTo(sum, 4);
    }
    // What lies behind stays as it was.
    const behind = count + blocks * 16;
    expect(all[behind]).toBe(Math.fround(Math.sin(behind)));
  });

  it.skipIf(!multipliesBf16)('pairs of bf16, added to what is there (where the CPU multiplies them)', () => {
    const { library, natives } = here();
    const [pictures, blocks, pixels] = [3, 2, 13];
    const before = 0.25;
    const count = pictures * blocks * pixels * 16;
    const region = allocateRegion(library, (count + blocks * 16) * 4);
    const all = region.floats(0, count + blocks * 16);
    const bits = new Uint32Array(all.buffer, all.byteOffset, all.length);
    const next = random(3);
    for (let i = 0; i < count; i++) bits[i] = randomBf16(next) | (randomBf16(next) << 16);
    all.fill(before, count);
    const group = pixels * 64;
    const target = { picture: blocks * group, group, row: group, pixel: 64 };
    const address = natives.code('pairs', (team) =>
      channelSumsCode({ pictures, blocks, oh: 1, ow: pixels, target, pairs: true }, team, true),
    );
    natives.runCode(address as bigint, BigUint64Array.of(region.address, region.address + BigInt(count * 4)));
    const [first, second] = halvesOf(all.slice(0, count));
    for (let channel = 0; channel < blocks * 16; channel++) {
      let sum = before;
      for (let n = 0; n < pictures; n++)
        for (let pixel = 0; pixel < pixels; pixel++) {
          const i = ((n * blocks + (channel >> 4)) * pixels + pixel) * 16 + (channel & 15);
          sum += (first[i] as number) + (second[i] as number);
        }
      expect(all[count + channel]).toBeCloseTo(sum, 4);
    }
  });
});
