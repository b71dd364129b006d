import { describe, expect, it } from 'vitest';
import { allocateRegion } from '../memory.ts';
import { batchNormCode, type NormSizes, normalisationCode } from './batch-norm.ts';
import { batchNormGradientCode, type NormGradientSizes } from './batch-norm-gradient.ts';
import { here, multipliesBf16, ofBf16, random, runs, toBf16, whyNot } from './testing.ts';

const lanes = 16;
const margin = 32;
const untouched = 77;

/** Tensors of one kind of numbers each in one region, with a margin behind each that has to stay as it is. */
function roomFor(counts: readonly { readonly count: number; readonly type: 'f32' | 'bf16' }[]) {
  const { library } = here();
  const total = counts.reduce((sum, { count }) => sum + count + margin, 0);
  const region = allocateRegion(library, total * 4);
  let offset = 0;
  return counts.map(({ count, type }) => {
    const floats = region.floats(offset, count + margin);
    const address = region.address + BigInt(offset);
    offset += (count + margin) * 4;
    floats.fill(untouched);
    const halves = new Uint16Array(floats.buffer, floats.byteOffset, 2 * floats.length);
    return {
      address,
      set(values: ArrayLike<number>): void {
        if (type === 'f32') floats.set(values);
        else halves.set(Uint16Array.from(values, toBf16));
      },
      get: (): Float64Array =>
        type === 'f32'
          ? Float64Array.from(floats.subarray(0, count))
          : Float64Array.from(halves.subarray(0, count), ofBf16),
      /** Whether what lies behind is as it was. */
      isWhole: (): boolean =>
        type === 'f32'
          ? floats.subarray(count).every((value) => value === untouched)
          : halves.subarray(count + (count % 2)).every((value, i) => value === (i % 2 ? 0x429a : 0)),
    };
  });
}

interface Drawn {
  readonly sizes: NormSizes;
  readonly values: (scale: number, shift: number) => Float64Array;
  readonly vector: (scale: number, shift: number) => Float64Array;
  readonly count: number;
  readonly channel: (i: number) => number;
}

function draw(seed: number, type: 'f32' | 'bf16'): Drawn {
  const next = random(seed * 6151 + 3);
  const among = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  const [pictures, blocks, pixels] = [among(1, 5), among(1, 5), seed % 4 === 0 ? among(1, 9) : among(10, 90)];
  const count = pictures * blocks * pixels * lanes;
  // Only what bf16 has: rounding then is that of the results alone.
  const exact = (value: number): number => ofBf16(toBf16(value));
  const numbers = (length: number) => (scale: number, shift: number) =>
    Float64Array.from({ length }, () => exact(scale * (next() + next() - 1) + shift));
  return {
    sizes: { pictures, blocks, pixels, type, epsilon: 1e-5 },
    values: numbers(count),
    vector: numbers(blocks * lanes),
    count,
    channel: (i) => (Math.floor(i / (pixels * lanes)) % blocks) * lanes + (i % lanes),
  };
}

function statisticsOf(
  { sizes, count, channel }: Pick<Drawn, 'sizes' | 'count' | 'channel'>,
  x: Float64Array,
) {
  const each = sizes.pictures * sizes.pixels;
  const mean = new Float64Array(sizes.blocks * lanes);
  const variance = new Float64Array(sizes.blocks * lanes);
  for (let i = 0; i < count; i++) add(mean, channel(i), (x[i] as number) / each);
  for (let i = 0; i < count; i++)
    add(variance, channel(i), ((x[i] as number) - (mean[channel(i)] as number)) ** 2 / each);
  return { mean, variance };
}

function add(to: Float64Array, place: number, value: number): void {
  to[place] = (to[place] as number) + value;
}

/** The largest difference over the largest number. */
function distance(got: Float64Array, wanted: Float64Array): number {
  let [most, apart] = [0, 0];
  for (const [i, value] of wanted.entries()) {
    most = Math.max(most, Math.abs(value));
    apart = Math.max(apart, Math.abs((got[i] as number) - value));
  }
  return Number.isFinite(apart) ? apart / (most || 1) : Number.POSITIVE_INFINITY;
}

const near = { f32: 3e-6, bf16: 5e-3 };
const types = multipliesBf16 ? (['f32', 'bf16'] as const) : (['f32'] as const);
const seeds = Array.from({ length: 24 }, (_, seed) => seed);
const cases = types.flatMap((type) => seeds.map((seed) => [seed, type] as const));

describe.skipIf(!runs)(`batch norms by generated code${whyNot}`, () => {
  it.each(cases)('case %i in %s: statistics and results', (seed, type) => {
    const drawn = draw(seed, type);
    const { sizes, count, channel } = drawn;
    const behind = { sum: seed % 2 === 1, relu: seed % 3 > 0 };
    const channels = sizes.blocks * lanes;
    const [x, other] = [drawn.values(2, 5), drawn.values(1, 0)];
    const [gamma, beta] = [drawn.vector(1, 1), drawn.vector(1, 0)];
    const { mean, variance } = statisticsOf(drawn, x);
    const wanted = Float64Array.from(x, (value, i) => {
      const c = channel(i);
      const scale = (gamma[c] as number) / Math.sqrt((variance[c] as number) + sizes.epsilon);
      const y = scale * (value - (mean[c] as number)) + (beta[c] as number);
      const result = y + (behind.sum ? (other[i] as number) : 0);
      return behind.relu ? Math.max(0, result) : result;
    });
    const tensor = { count, type };
    const vector = { count: channels, type: 'f32' } as const;
    const places = roomFor([tensor, tensor, vector, vector, tensor, vector, vector, tensor]);
    const [tx, tother, tgamma, tbeta, ty, tmean, tvariance, tagain] = places as [
      Place,
      Place,
      Place,
      Place,
      Place,
      Place,
      Place,
      Place,
    ];
    tx.set(x);
    tother.set(other);
    tgamma.set(gamma);
    tbeta.set(beta);
    const { natives } = here();
    const key = JSON.stringify([sizes, behind]);
    const all = { ...sizes, ...behind };
    const training = natives.code(`norm ${key}`, (team) => batchNormCode(all, team)) as bigint;
    const more = behind.sum ? [tother.address] : [];
    const inputs = [tx.address, tgamma.address, tbeta.address];
    natives.runCode(
      training,
      BigUint64Array.from([...inputs, ...more, ty.address, tmean.address, tvariance.address]),
    );
    expect(distance(tmean.get(), mean)).toBeLessThan(1e-6);
    expect(distance(tvariance.get(), variance)).toBeLessThan(1e-5);
    // Channels of a few numbers have nearly no variance, which multiplies what rounding does to them.
    const few = sizes.pictures * sizes.pixels < 10 ? 100 : 1;
    expect(distance(ty.get(), wanted)).toBeLessThan(near[type] * few);
    const given = natives.code(`given ${key}`, (team) => normalisationCode(all, team)) as bigint;
    natives.runCode(
      given,
      BigUint64Array.from([...inputs, tmean.address, tvariance.address, ...more, tagain.address]),
    );
    // What is made again from the statistics is the same to the bit.
    expect(tagain.get()).toEqual(ty.get());
    expect(places.every((place) => place.isWhole())).toBe(true);
  });

  it('statistics of large pictures far from zero', () => {
    const sizes: NormSizes = { pictures: 4, blocks: 2, pixels: 112 * 112, type: 'f32', epsilon: 1e-5 };
    const all = { ...sizes, sum: false, relu: false };
    const channels = sizes.blocks * lanes;
    const count = sizes.pictures * sizes.pixels * channels;
    const channel = (i: number) =>
      (Math.floor(i / (sizes.pixels * lanes)) % sizes.blocks) * lanes + (i % lanes);
    const next = random(5);
    // The first number of all is the furthest from the mean.
    const x = Float64Array.from({ length: count }, (_, i) =>
      Math.fround(1000 + (i < lanes ? 8 : next() + next())),
    );
    const { mean, variance } = statisticsOf({ sizes, count, channel }, x);
    const tensor = { count, type: 'f32' } as const;
    const vector = { count: channels, type: 'f32' } as const;
    const places = roomFor([tensor, vector, vector, tensor, vector, vector]);
    const [given, gamma, beta] = places as [Place, Place, Place];
    given.set(x);
    gamma.set(new Float32Array(channels).fill(1));
    beta.set(new Float32Array(channels));
    const { natives } = here();
    const code = natives.code('norm of large pictures', (team) => batchNormCode(all, team)) as bigint;
    natives.runCode(
      code,
      BigUint64Array.from(places, ({ address }) => address),
    );
    const [, , , , gotMean, gotVariance] = places as [Place, Place, Place, Place, Place, Place];
    expect(distance(gotMean.get(), mean)).toBeLessThan(1e-7);
    expect(distance(gotVariance.get(), variance)).toBeLessThan(1e-4);
  });

  it.each(cases)('case %i in %s: the gradient', (seed, type) => {
    const drawn = draw(seed + 100, type);
    const { count, channel } = drawn;
    const relu = (['computed', 'given', undefined] as const)[seed % 3];
    const sizes: NormGradientSizes = {
      ...drawn.sizes,
      ...{ relu, sum: seed % 2 === 1, keeps: seed % 4 > 1 },
    };
    const channels = sizes.blocks * lanes;
    const [x, dy, more, out] = [
      drawn.values(2, 5),
      drawn.values(1, 0.1),
      drawn.values(1, 0),
      drawn.values(1, 0),
    ];
    const [gamma, beta] = [drawn.vector(1, 1), drawn.vector(1, 0)];
    const found = statisticsOf(drawn, x);
    // As the code is given them.
    const [mean, variance] = [
      Float64Array.from(Float32Array.from(found.mean)),
      Float64Array.from(Float32Array.from(found.variance)),
    ];
    const inverse = variance.map((value) => 1 / Math.sqrt(value + sizes.epsilon));
    const each = sizes.pictures * sizes.pixels;
    const g = Float64Array.from(dy, (value, i) => {
      const c = channel(i);
      const y =
        relu === 'given'
          ? (out[i] as number)
          : (gamma[c] as number) * (inverse[c] as number) * ((x[i] as number) - (mean[c] as number)) +
            (beta[c] as number);
      const signal = value + (sizes.sum ? (more[i] as number) : 0);
      return relu === undefined || y > 0 ? signal : 0;
    });
    const [dgamma, dbeta] = [new Float64Array(channels), new Float64Array(channels)];
    for (let i = 0; i < count; i++) {
      const c = channel(i);
      add(dbeta, c, g[i] as number);
      add(dgamma, c, (g[i] as number) * ((x[i] as number) - (mean[c] as number)) * (inverse[c] as number));
    }
    const dx = g.map((value, i) => {
      const c = channel(i);
      const unit = ((x[i] as number) - (mean[c] as number)) * (inverse[c] as number);
      const rest = value - (dbeta[c] as number) / each - (unit * (dgamma[c] as number)) / each;
      return (gamma[c] as number) * (inverse[c] as number) * rest;
    });
    const tensor = { count, type };
    const vector = { count: channels, type: 'f32' } as const;
    const names = [
      'x',
      'gamma',
      'beta',
      'mean',
      'variance',
      'dy',
      'more',
      'out',
      'g',
      'dx',
      'dgamma',
      'dbeta',
    ] as const;
    const isVector = new Set(['gamma', 'beta', 'mean', 'variance', 'dgamma', 'dbeta']);
    const room = roomFor(names.map((name) => (isVector.has(name) ? vector : tensor)));
    const places = Object.fromEntries(names.map((name, i) => [name, room[i]])) as Record<
      (typeof names)[number],
      Place
    >;
    for (const [name, values] of Object.entries({ x, gamma, beta, mean, variance, dy, more, out }))
      places[name as 'x'].set(values);
    const { natives } = here();
    const code = natives.code(`gradient ${JSON.stringify(sizes)}`, (team) =>
      batchNormGradientCode(sizes, team),
    ) as bigint;
    const unused = new Set([
      ...(relu === 'computed' ? [] : ['beta']),
      ...(sizes.sum ? [] : ['more']),
      ...(relu === 'given' ? [] : ['out']),
      ...(sizes.keeps ? [] : ['g']),
    ]);
    const table = names.filter((name) => !unused.has(name)).map((name) => places[name].address);
    natives.runCode(code, BigUint64Array.from(table));
    expect(distance(places.dbeta.get(), dbeta)).toBeLessThan(1e-5);
    expect(distance(places.dgamma.get(), dgamma)).toBeLessThan(1e-5);
    if (sizes.keeps) expect(distance(places.g.get(), g)).toBeLessThan(near[type]);
    const few = each < 10 ? 100 : 1;
    expect(distance(places.dx.get(), dx)).toBeLessThan(near[type] * 3 * few);
    expect(room.every((place) => place.isWhole())).toBe(true);
  });
});

type Place = ReturnType<typeof roomFor>[number];
