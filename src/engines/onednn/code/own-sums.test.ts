import { describe, expect, it } from 'vitest';
import { allocateRegion } from '../memory.ts';
import { channelSumsCode } from './channel-sums.ts';
import { addedRoomsCode, codeForOne, type OwnSums, ownSumsCode } from './own-sums.ts';
import { here, random, runs, whyNot } from './testing.ts';

/** Of each piece: a picture of two blocks of 16 channels, nine pixels each. */
const [blocks, pixels, lanes] = [2, 9, 16];
const pieceBytes = blocks * pixels * lanes * 4;
const lineBytes = lanes * 4;

describe.skipIf(!runs)(`sums of each thread's own${whyNot}`, () => {
  it.each([
    [1, 1, 1],
    [2, 1, 1],
    [2, 2, 2],
    [7, 2, 2],
    [7, 2, 1],
    [5, 3, 2],
    [4, 2, 4],
  ])('%i pieces, %i rooms, %i threads', (pieces, rooms, threads) => {
    const { library, natives } = here();
    const before = library.threads(0);
    library.threads(threads);
    const code = (adds: boolean): bigint =>
      codeForOne(natives.code, `sums ${adds}`, (team) => {
        const target = { picture: pieceBytes, group: pixels * lineBytes, row: 0, pixel: lineBytes };
        const sizes = { pictures: 1, blocks, oh: 1, ow: pixels, target, pairs: false };
        return channelSumsCode(sizes, team, adds);
      }) as bigint;
    const room = 64;
    const roomBytes = room + blocks * lineBytes;
    const own: OwnSums = {
      ...{ rooms, pieces, operands: 1, roomBytes },
      steps: [{ address: code(true), first: code(false), arguments: [{ operand: 0, pieceBytes }, { room }] }],
    };
    const numbers = (pieces * pieceBytes) / 4;
    const roomNumbers = (rooms * roomBytes) / 4;
    const region = allocateRegion(library, 4 * (numbers + roomNumbers + blocks * lanes));
    const next = random(pieces);
    const given = region.floats(0, numbers);
    for (let i = 0; i < numbers; i++) given[i] = next() - 0.5;
    // What is there before does not count.
    region.floats(4 * numbers, roomNumbers).fill(1000);
    const [roomsPlace, sumsPlace] = [4 * numbers, 4 * (numbers + roomNumbers)];
    const run = (key: string, make: Parameters<typeof natives.code>[1], places: readonly number[]): void =>
      natives.runCode(
        natives.code(`${key} ${pieces} ${rooms} ${threads}`, make) as bigint,
        BigUint64Array.from(places, (place) => region.address + BigInt(place)),
      );
    run('own', (team) => ownSumsCode(own, team), [0, roomsPlace]);
    const added = { lines: blocks, rooms, roomBytes };
    run('added', (team) => addedRoomsCode(added, team), [roomsPlace + room, sumsPlace]);
    library.threads(before);

    const wanted = Array.from({ length: blocks * lanes }, (_, i) => {
      const [block, lane] = [Math.floor(i / lanes), i % lanes];
      let sum = 0;
      for (let piece = 0; piece < pieces; piece++)
        for (let pixel = 0; pixel < pixels; pixel++)
          sum += given[((piece * blocks + block) * pixels + pixel) * lanes + lane] as number;
      return sum;
    });
    region.floats(sumsPlace, blocks * lanes).forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i] as number, 5);
    });
    const first = Math.floor(room / 4);
    // Nothing but the sums is written, and those of every room.
    for (let i = 0; i < rooms; i++) {
      const own = region.floats(roomsPlace + i * roomBytes, roomBytes / 4);
      expect([...own.slice(0, first)]).toEqual(Array(first).fill(1000));
      expect([...own.slice(first)]).not.toContain(1000);
    }
  });
});
