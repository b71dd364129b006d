// Generated code on sizes drawn at random, run on memory with a margin around the results, against sums in double
// precision. What the library takes for filters in blocks is written here once more.
import { describe, expect, it } from 'vitest';
import { allocateRegion } from '../memory.ts';
import { convolutionCode } from './convolution.ts';
import { besideSums, type ConvolutionSizes, cutOf, fitsTogether, flattened } from './cut.ts';
import { draw, here, random, runs, whyNot } from './testing.ts';

const block = 16;
const margin = 256;

/** One result, straight from the definition. */
function result(sizes: ConvolutionSizes, at: (table: 'source' | 'weights', bytes: number) => number) {
  const { groups, channels, blocks, sets, narrow, h, w, kh, kw, stride, padding, source, weights } = sizes;
  return (n: number, ob: number, y: number, x: number, lane: number): number => {
    let sum = 0;
    const set = Math.floor((ob * sets) / blocks);
    const first = narrow ? lane - (lane % channels) : 0;
    for (let row = 0; row < kh; row++) {
      for (let column = 0; column < kw; column++) {
        const sy = y * stride + row - padding[0];
        const sx = x * stride + column - padding[1];
        if (sy < 0 || sy >= h || sx < 0 || sx >= w) continue;
        for (let group = 0; group < groups; group++) {
          for (let channel = 0; channel < channels; channel++) {
            const pixel =
              n * source.picture +
              set * source.set +
              group * source.group +
              (first + channel) * source.channel +
              sy * source.row +
              sx * source.pixel;
            const weight =
              weights.first +
              set * weights.set +
              (ob % (blocks / sets)) * weights.block +
              group * weights.group +
              row * weights.row +
              column * weights.column +
              channel * weights.channel +
              lane * 4;
            sum += at('source', pixel) * at('weights', weight);
          }
        }
      }
    }
    return sum;
  };
}

describe.skipIf(!runs)(`generated convolutions${whyNot}`, () => {
  it.each(Array.from({ length: 60 }, (_, i) => [draw(i).text, i] as const))('%s', (_, seed) => {
    const { library, natives } = here();
    const { sizes } = draw(seed);
    const next = random(seed + 1);
    const { pictures, groups, channels, blocks, h, w, oh, ow, kh, kw } = sizes;
    const counts = {
      source: pictures * sizes.sets * groups * (sizes.narrow ? block : channels) * h * w,
      weights: blocks * block * groups * channels * kh * kw,
      bias: blocks * block,
      target: pictures * blocks * block * oh * ow,
    };
    const places = new Map<string, number>();
    let bytes = margin;
    for (const [name, count] of Object.entries(counts)) {
      places.set(name, bytes);
      bytes += Math.ceil((count * 4) / 64) * 64 + margin;
    }
    const region = allocateRegion(library, bytes);
    const all = region.floats(0, bytes / 4);
    for (let i = 0; i < all.length; i++) all[i] = Math.fround(next() - 0.5);
    const before = all.slice();
    const offset = (name: string): number => places.get(name) as number;
    const read = (name: string, at: number): number => before[(offset(name) + at) / 4] as number;
    const flat = flattened(sizes, 2);
    // Either order suits every size, and so does fetching ahead, but for narrow groups, which have nothing to come.
    const order = {
      first: seed % 11 < 5 ? 'rows' : 'results',
      ahead: seed % 13 < 8 && !sizes.narrow,
    } as const;
    const cut = { ...cutOf(flat, 2), ...order };
    const address = natives.code(JSON.stringify([flat, cut]), (team) => convolutionCode(flat, cut, team));
    const table = ['source', 'weights', 'bias', 'target'].map(
      (name) => region.address + BigInt(offset(name)),
    );
    natives.runCode(address as bigint, BigUint64Array.from(table));

    const one = result(sizes, read);
    const expected = before.slice();
    for (let n = 0; n < pictures; n++)
      for (let ob = 0; ob < blocks; ob++)
        for (let y = 0; y < oh; y++)
          for (let x = 0; x < ow; x++)
            for (let lane = 0; lane < block; lane++) {
              const at = (((n * blocks + ob) * oh + y) * ow + x) * 64 + lane * 4;
              const sum =
                one(n, ob, y, x, lane) +
                (sizes.bias ? read('bias', (ob * block + lane) * 4) : 0) +
                (sizes.sum ? read('target', at) : 0);
              expected[(offset('target') + at) / 4] = sizes.relu ? Math.max(0, sum) : sum;
            }
    // Everything but the results has to be what it was, bit by bit.
    const [first, end] = [offset('target') / 4, offset('target') / 4 + counts.target];
    expect(all.slice(0, first)).toEqual(before.slice(0, first));
    expect(all.slice(end)).toEqual(before.slice(end));
    const furthest = all
      .slice(first, end)
      .reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[first + i] as number))), 0);
    expect(furthest).toBeLessThan(1e-5 * Math.sqrt(groups * channels * kh * kw));
  });

  it('gives the same bits with one thread and with two', () => {
    const { library, natives } = here();
    const sizes = flattened(draw(10).sizes, 2);
    const address = natives.code(JSON.stringify(sizes), (team) =>
      convolutionCode(sizes, cutOf(sizes, 2), team),
    ) as bigint;
    const { pictures, groups, channels, blocks, h, w, oh, ow, kh, kw } = sizes;
    const counts = [
      pictures * groups * channels * h * w,
      blocks * block * groups * channels * kh * kw,
      blocks * block,
      pictures * blocks * block * oh * ow,
    ];
    const rooms = counts.map((count) => allocateRegion(library, count * 4));
    const next = random(3);
    rooms.forEach((room, i) => {
      const numbers = room.floats(0, counts[i] as number);
      for (let j = 0; j < numbers.length; j++) numbers[j] = next() - 0.5;
    });
    const given = (rooms[3] as (typeof rooms)[number]).floats(0, counts[3] as number);
    const before = given.slice();
    const threads = library.threads(0);
    const results = [1, 2].map((count) => {
      library.threads(count);
      given.set(before);
      natives.runCode(
        address,
        BigUint64Array.from(rooms, (room) => room.address),
      );
      return given.slice();
    });
    library.threads(threads);
    expect(results[1]).toEqual(results[0]);
    expect(results[0]).not.toEqual(before);
  });
});

describe('the way that work is cut', () => {
  it('suits every size: tiles fit into registers, parts and rows cover everything', () => {
    for (let seed = 0; seed < 200; seed++) {
      const sizes = flattened(draw(seed).sizes, 2);
      const { rest, groups, rows, ...tile } = cutOf(sizes, 2);
      expect(rest?.blocks ?? 0).toBe((sizes.blocks / sizes.sets) % tile.blocks);
      for (const each of rest ? [tile, rest] : [tile]) {
        expect(each.pixels * each.blocks + besideSums(each, sizes)).toBeLessThanOrEqual(32);
        expect(each.pixels).toBeLessThanOrEqual(sizes.ow);
      }
      expect(groups).toBeLessThanOrEqual(sizes.groups);
      expect(rows).toBeGreaterThanOrEqual(1);
      expect(rows).toBeLessThanOrEqual(sizes.oh);
    }
  });

  it('has a tile for narrow groups as long as the weights of a row of the window fit into registers', () => {
    const { sizes } = draw(10);
    const narrow = { ...sizes, blocks: 2, sets: 2, narrow: true, groups: 1, channels: 4, stride: 1 };
    const widest = Array.from({ length: 64 }, (_, i) => i + 1).findLast(fitsTogether) as number;
    const tile = cutOf({ ...narrow, kw: widest, ow: 8 }, 2);
    expect(tile.pixels * tile.blocks + besideSums(tile, { kw: widest, narrow: true })).toBe(32);
    expect(widest).toBeLessThan(32);
  });

  it('gives two threads as much of one picture each', () => {
    const { sizes } = draw(10);
    // As ResNet-50 has it at 14x14: bundles of three blocks would leave one thread 9 and the other 7.
    const strided = { ...sizes, pictures: 1, groups: 16, channels: 16, blocks: 16, sets: 1, narrow: false };
    const window = { kh: 3, kw: 3, stride: 2, h: 28, w: 28, oh: 14, ow: 14 };
    expect(16 % (2 * cutOf({ ...strided, ...window }, 2).blocks)).toBe(0);
    expect(cutOf({ ...strided, ...window }, 1).blocks).toBe(3);
  });

  it('takes planes as longer rows for windows of one pixel', () => {
    const { sizes } = draw(10);
    const { source, target } = sizes;
    const square = {
      ...{ ...sizes, h: 7, w: 7, oh: 7, ow: 7, kh: 1, kw: 1, stride: 1, padding: [0, 0] as const },
      source: { ...source, row: 7 * source.pixel },
      target: { ...target, row: 7 * target.pixel },
    };
    expect(flattened({ ...square, blocks: 16 }, 2)).toMatchObject({ h: 1, w: 49, oh: 1, ow: 49 });
    // One bundle of blocks: rows are what two threads share.
    const alone = { ...square, pictures: 1, blocks: 4, h: 14, w: 14, oh: 14, ow: 14 };
    const rows = flattened(
      {
        ...alone,
        source: { ...source, row: 14 * source.pixel },
        target: { ...target, row: 14 * target.pixel },
      },
      2,
    ).oh;
    expect([rows > 1, rows % 2]).toEqual([true, 0]);
    expect(flattened({ ...square, kw: 3, padding: [0, 1] }, 2)).toMatchObject({ h: 7, w: 7 });
    const everySecond = { ...target, row: 28 * target.pixel, pixel: 2 * target.pixel };
    expect(flattened({ ...square, target: everySecond }, 2)).toMatchObject({ h: 7, w: 7 });
  });
});
