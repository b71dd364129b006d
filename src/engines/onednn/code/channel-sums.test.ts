import { describe, expect, it } from 'vitest';
import { allocateRegion } from '../memory.ts';
import { channelSumsCode } from './channel-sums.ts';
import { here, runs, whyNot } from './testing.ts';

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
      channelSumsCode({ pictures, blocks, oh: 1, ow: pixels, target }, team),
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
});
