// Generated weight gradients on sizes drawn at random, run on memory with a margin around the results, against sums in double
// precision.
import { describe, expect, it } from 'vitest';
import { allocateRegion } from '../memory.ts';
import { draw, halvesOf, here, multipliesBf16, random, randomBf16, runs, whyNot } from './testing.ts';
import { type GradientSizes, gradientCutOf, weightGradientCode } from './weight-gradient.ts';

const lanes = 16;
const margin = 256;

/** Forward filters: gradients go through none backwards. */
const seeds = Array.from({ length: 56 }, (_, i) => i).filter((seed) => !draw(seed).backwards);

interface Rooms {
  readonly source: Float32Array;
  readonly signal: Float32Array;
  readonly weights: Float32Array;
}

/** Runs the code on numbers of its own and gives them with what came out; `margins`: what lies around the results. */
function run(
  sizes: GradientSizes,
  seed: number,
  adds = false,
): Rooms & { there: Float32Array; margins: Float32Array[] } {
  const { library, natives } = here();
  const { pictures, sets, groups, channels, blocks, narrow, h, w, oh, ow, kh, kw } = sizes;
  const counts = [
    pictures * sets * groups * (narrow ? lanes : channels) * h * w,
    pictures * blocks * lanes * oh * ow,
    (blocks / sets) * sets * groups * channels * kh * kw * lanes,
  ];
  const places: number[] = [];
  let bytes = margin;
  for (const count of counts) {
    places.push(bytes);
    bytes += Math.ceil((count * 4) / 64) * 64 + margin;
  }
  const region = allocateRegion(library, bytes);
  const all = region.floats(0, bytes / 4);
  const next = random(seed + 1);
  const bits = new Uint32Array(all.buffer, all.byteOffset, all.length);
  for (let i = 0; i < all.length; i++) {
    if (sizes.pairs) bits[i] = randomBf16(next) | (randomBf16(next) << 16);
    else all[i] = Math.fround(next() - 0.5);
  }
  const before = all.slice();
  const cut = gradientCutOf(sizes);
  if (cut === undefined) throw new Error('No tile fits.');
  const address = natives.code(JSON.stringify(['gradient', adds, sizes]), (team) =>
    weightGradientCode(sizes, cut, team, adds),
  );
  natives.runCode(
    address as bigint,
    BigUint64Array.from(places, (place) => region.address + BigInt(place)),
  );
  const part = (numbers: Float32Array, i: number): Float32Array =>
    numbers.slice((places[i] as number) / 4, (places[i] as number) / 4 + (counts[i] as number));
  const first = (places[2] as number) / 4;
  const end = first + (counts[2] as number);
  return {
    ...{ source: part(before, 0), signal: part(before, 1), weights: part(all, 2), there: part(before, 2) },
    margins: [all.slice(0, first), before.slice(0, first), all.slice(end), before.slice(end)],
  };
}

/** What `run` should give in the place of each weight: of pairs what both pictures add. */
function expected(sizes: GradientSizes, rooms: Rooms): Float64Array {
  if (!sizes.pairs) return sumsOf(sizes, rooms);
  const [source, signal] = [halvesOf(rooms.source), halvesOf(rooms.signal)];
  const [first, second] = [0, 1].map((half) =>
    sumsOf(sizes, {
      ...rooms,
      source: source[half] as Float32Array,
      signal: signal[half] as Float32Array,
    }),
  ) as [Float64Array, Float64Array];
  return first.map((sum, i) => sum + (second[i] as number));
}

/** Straight from the definition. */
function sumsOf(sizes: GradientSizes, { source: picture, signal }: Rooms): Float64Array {
  const { pictures, sets, groups, channels, narrow, h, w, oh, ow, kh, kw, stride, padding } = sizes;
  const { source, target, weights } = sizes;
  const setBlocks = sizes.blocks / sets;
  const sums = new Float64Array(sizes.blocks * groups * channels * kh * kw * lanes);
  const each = (count: number, visit: (i: number) => void): void => {
    for (let i = 0; i < count; i++) visit(i);
  };
  each(sets, (set) =>
    each(setBlocks, (block) =>
      each(groups, (group) =>
        each(channels, (channel) =>
          each(kh, (row) =>
            each(kw, (column) =>
              each(lanes, (lane) => {
                const first = narrow ? lane - (lane % channels) : 0;
                let sum = 0;
                each(pictures, (n) =>
                  each(oh, (y) =>
                    each(ow, (x) => {
                      const [py, px] = [y * stride + row - padding[0], x * stride + column - padding[1]];
                      if (py < 0 || py >= h || px < 0 || px >= w) return;
                      const from =
                        n * source.picture +
                        set * source.set +
                        group * source.group +
                        (first + channel) * source.channel;
                      const given =
                        n * target.picture +
                        (set * setBlocks + block) * target.group +
                        y * target.row +
                        x * target.pixel;
                      const a = picture[(from + py * source.row + px * source.pixel) / 4] as number;
                      sum += a * (signal[given / 4 + lane] as number);
                    }),
                  ),
                );
                const to =
                  set * weights.set +
                  block * weights.block +
                  group * weights.group +
                  row * weights.row +
                  column * weights.column +
                  channel * weights.channel;
                sums[to / 4 + lane] = sum;
              }),
            ),
          ),
        ),
      ),
    ),
  );
  return sums;
}

describe.skipIf(!runs)(`generated weight gradients${whyNot}`, () => {
  const check = (sizes: GradientSizes, seed: number, adds = false): void => {
    const got = run(sizes, seed, adds);
    const [before, beforeOnce, after, afterOnce] = got.margins;
    // Everything but the results has to be what it was, bit by bit.
    expect(before).toEqual(beforeOnce);
    expect(after).toEqual(afterOnce);
    const sums = expected(sizes, got);
    const wanted = adds ? sums.map((each, i) => each + (got.there[i] as number)) : sums;
    const furthest = got.weights.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (wanted[i] as number))),
      0,
    );
    expect(furthest).toBeLessThan(1e-5 * Math.sqrt(2 * sizes.pictures * sizes.oh * sizes.ow));
  };
  const named = seeds.map((seed) => [draw(seed).text, seed] as const);
  it.each(named)('%s', (_, seed) => check(draw(seed).sizes, seed));
  it.each(named.slice(0, 9))('added to what is there: %s', (_, seed) => check(draw(seed).sizes, seed, true));
  it.skipIf(!multipliesBf16).each(named)('pairs of bf16 (where the CPU multiplies them): %s', (_, seed) =>
    check({ ...draw(seed).sizes, pairs: true }, seed),
  );

  it('goes through long rows in a loop, and through several bands and pictures at a time', () => {
    const { sizes } = draw(2);
    const side = (h: number, w: number, pictures: number): GradientSizes => ({
      ...sizes,
      ...{ pictures, sets: 1, narrow: false, groups: 2, channels: 16, blocks: 2 },
      ...{ h, w, oh: h, ow: w, kh: 3, kw: 3, stride: 1, padding: [1, 1] },
      source: { picture: 2 * h * w * 64, group: h * w * 64, set: 0, channel: 4, row: w * 64, pixel: 64 },
      target: { picture: 2 * h * w * 64, group: h * w * 64, row: w * 64, pixel: 64 },
      weights: {
        set: 0,
        block: 18 * 1024,
        group: 9 * 1024,
        row: 3072,
        column: 1024,
        channel: 64,
        first: 0,
      },
    });
    const long = side(9, 113, 2);
    expect(gradientCutOf(long)).toMatchObject({ blocks: 2, rows: 1, pictures: 1 });
    const small = side(4, 4, 13);
    const { pictures } = gradientCutOf(small) ?? { pictures: 0 };
    expect(13 % pictures).toBeGreaterThan(0);
    for (const each of [long, small]) {
      const got = run(each, 5);
      const wanted = expected(each, got);
      got.weights.forEach((value, i) => {
        expect(Math.abs(value - (wanted[i] as number))).toBeLessThan(3e-4);
      });
    }
  });

  it('gives the same bits with one thread and with two', () => {
    const { sizes } = draw(10);
    const { library } = here();
    const threads = library.threads(0);
    const results = [1, 2].map((count) => {
      library.threads(count);
      return run(sizes, 4).weights;
    });
    library.threads(threads);
    expect(results[1]).toEqual(results[0]);
  });
});

describe('the cut of a weight gradient', () => {
  it('covers all channels with tiles that fit into registers', () => {
    for (const seed of seeds) {
      const { sizes } = draw(seed);
      const cut = gradientCutOf(sizes);
      if (cut === undefined) throw new Error(`No tile for ${draw(seed).text}.`);
      expect(cut.parts.reduce((sum, part) => sum + part, 0)).toBe(sizes.channels);
      expect((sizes.blocks / sizes.sets) % cut.blocks).toBe(0);
      const sums = (cut.parts[0] as number) * cut.blocks * sizes.kw;
      expect(sums + Math.ceil(sizes.kw / sizes.stride) * cut.blocks).toBeLessThan(32);
    }
  });

  it('has none where a row of the window is wider than the registers are many', () => {
    const { sizes } = draw(10);
    expect(gradientCutOf({ ...sizes, kw: 16, ow: 8, stride: 1 })).toBeUndefined();
  });
});
