// Winograd's algorithm on whole numbers so small that bf16 and all sums hold them exactly: the results are those of the
// definition, to the bit, whatever the type and the sizes, and nothing else in memory changes.
import { describe, expect, it } from 'vitest';
import { allocateRegion } from '../memory.ts';
import { here, multipliesBf16, ofBf16, random, runs, toBf16, whyNot } from './testing.ts';
import { type WinogradCut, type WinogradSizes, winogradCode, winogradCutOf } from './winograd.ts';
import { winogradFilterBytes, winogradFiltersCode } from './winograd-filters.ts';

const block = 16;
const margin = 256;
/** How numbers lie in memory: as bits of bf16, or as they are. */
const kinds = {
  bf16: { bytes: 2, of: ofBf16, to: toBf16 },
  f32: { bytes: 4, of: (number: number) => number, to: (number: number) => number },
} as const;
type Type = keyof typeof kinds;
const types: readonly Type[] = multipliesBf16 ? ['f32', 'bf16'] : ['f32'];

interface Drawn {
  readonly sizes: WinogradSizes;
  readonly backwards: boolean;
  readonly text: string;
}

function draw(seed: number, type: Type): Drawn {
  const next = random(seed * 6151 + 3);
  const among = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  const [pictures, channels, results] = [among(1, 4), block * among(1, 4), block * among(1, 4)];
  const padding = [among(0, 2), among(0, 2)] as const;
  const [h, w] = [among(3, 11), among(3, 11)];
  const [oh, ow] = [h + 2 * padding[0] - 2, w + 2 * padding[1] - 2];
  const backwards = seed % 2 === 1;
  const sets = seed % 3 === 0 ? among(2, 4) : 1;
  const sizes = {
    ...{ type, pictures, sets, channels, results, h, w, oh, ow, padding },
    ...{ bias: next() < 0.5, sum: next() < 0.5, relu: next() < 0.5 },
  };
  const behind = (['bias', 'sum', 'relu'] as const).filter((name) => sizes[name]);
  const text =
    `${type}, ${pictures}x${sets * channels}x${h}x${w} to ${sets * results}, padding ${padding.join('x')} ` +
    (sets > 1 ? `${sets} groups ` : '') +
    behind.join(', ');
  return { sizes, backwards, text: backwards ? `${text}, backwards` : text };
}

/** Pictures, filters, bias and target in memory with margins between them, and the room that the code works in. */
function placed({ sizes, backwards }: Drawn, cut: WinogradCut, seed: number) {
  const { library } = here();
  const { type, pictures, sets, channels, h, w, oh, ow } = sizes;
  const results = sets * sizes.results;
  const kind = kinds[type];
  const next = random(seed + 5);
  const whole = (most: number): number => Math.floor(next() * (2 * most + 1)) - most;
  const { blocks } = cut;
  const filterBytes = winogradFilterBytes({
    type,
    sets,
    channels,
    results: sizes.results,
    blocks,
    backwards,
  });
  const bytes = {
    source: pictures * sets * channels * h * w * kind.bytes,
    given: channels * results * 9 * 4,
    filters: filterBytes,
    bias: results * 4,
    target: pictures * results * oh * ow * kind.bytes,
    scratch: cut.threads * cut.room,
  };
  const places = new Map<string, number>();
  let size = margin;
  for (const [name, count] of Object.entries(bytes)) {
    places.set(name, size);
    size += Math.ceil(count / 64) * 64 + margin;
  }
  const region = allocateRegion(library, size);
  const all = region.content(size).fill(0x5a);
  const of = (name: keyof typeof bytes) => ({
    halves: new Uint16Array(all.buffer, all.byteOffset + (places.get(name) as number), bytes[name] / 2),
    floats: new Float32Array(all.buffer, all.byteOffset + (places.get(name) as number), bytes[name] / 4),
    address: region.address + BigInt(places.get(name) as number),
  });
  const numbers = (name: keyof typeof bytes) => (type === 'bf16' ? of(name).halves : of(name).floats);
  const source = numbers('source');
  for (let i = 0; i < source.length; i++) source[i] = kind.to(whole(4));
  const target = numbers('target');
  for (let i = 0; i < target.length; i++) target[i] = kind.to(whole(100));
  const { floats: filters } = of('given');
  // Quarters of their sums are whole.
  for (let i = 0; i < filters.length; i++) filters[i] = 4 * whole(2);
  const { floats: bias } = of('bias');
  for (let i = 0; i < bias.length; i++) bias[i] = whole(50);
  return { all, of, source, target, filters, bias };
}

function run({ sizes, backwards }: Drawn, cut: WinogradCut, memory: ReturnType<typeof placed>): void {
  const { natives } = here();
  const { type, sets, channels, results } = sizes;
  const { of } = memory;
  const filters = { type, sets, channels, results, blocks: cut.blocks, backwards };
  const transform = natives.code(`filters ${JSON.stringify(filters)}`, (team) =>
    winogradFiltersCode(filters, team),
  );
  const convolve = natives.code(`winograd ${JSON.stringify([sizes, cut])}`, (team) =>
    winogradCode(sizes, cut, team),
  );
  natives.runCode(transform as bigint, BigUint64Array.of(of('given').address, of('filters').address));
  const names = ['source', 'filters', 'bias', 'target', 'scratch'] as const;
  natives.runCode(
    convolve as bigint,
    BigUint64Array.from(names, (name) => of(name).address),
  );
}

/** The results, straight from the definition. */
function wanted(
  { sizes, backwards }: Drawn,
  { source, filters, bias, target }: ReturnType<typeof placed>,
): Uint16Array | Float32Array {
  const { type, pictures, sets, channels, h, w, oh, ow, padding } = sizes;
  const results = sets * sizes.results;
  const kind = kinds[type];
  const place = (count: number, n: number, c: number, height: number, width: number, y: number, x: number) =>
    (((n * (count / block) + Math.floor(c / block)) * height + y) * width + x) * block + (c % block);
  const filter = (o: number, c: number, row: number, column: number): number => {
    const set = Math.floor(o / sizes.results);
    const [outer, inner, inners] = backwards
      ? [set * channels + c, o % sizes.results, sizes.results]
      : [o, c, channels];
    const element = backwards ? 8 - (row * 3 + column) : row * 3 + column;
    const at = (Math.floor(outer / block) * (inners / block) + Math.floor(inner / block)) * 9 + element;
    return filters[(at * block + (c % block)) * block + (o % block)] as number;
  };
  // Channels side by side, so that what is summed over is two runs of numbers.
  const pixels = new Float32Array(source.length);
  for (let n = 0; n < pictures; n++)
    for (let c = 0; c < sets * channels; c++)
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++)
          pixels[((n * h + y) * w + x) * sets * channels + c] = kind.of(
            source[place(sets * channels, n, c, h, w, y, x)] as number,
          );
  const elements = new Float32Array(filters.length);
  for (let o = 0; o < results; o++)
    for (let c = 0; c < channels; c++)
      for (let element = 0; element < 9; element++)
        elements[(o * 9 + element) * channels + c] = filter(o, c, Math.floor(element / 3), element % 3);
  const product = (pixel: number, element: number): number => {
    let sum = 0;
    for (let c = 0; c < channels; c++)
      sum += (pixels[pixel * channels + c] as number) * (elements[element * channels + c] as number);
    return sum;
  };
  const made = target.slice();
  for (let n = 0; n < pictures; n++)
    for (let o = 0; o < results; o++)
      for (let y = 0; y < oh; y++)
        for (let x = 0; x < ow; x++) {
          const at = place(results, n, o, oh, ow, y, x);
          let sum = (sizes.bias ? (bias[o] as number) : 0) + (sizes.sum ? kind.of(target[at] as number) : 0);
          for (let row = 0; row < 3; row++)
            for (let column = 0; column < 3; column++) {
              const [sy, sx] = [y + row - padding[0], x + column - padding[1]];
              if (sy >= 0 && sy < h && sx >= 0 && sx < w)
                sum += product(
                  ((n * h + sy) * w + sx) * sets + Math.floor(o / sizes.results),
                  o * 9 + row * 3 + column,
                );
            }
          made[at] = kind.to(sizes.relu ? Math.max(0, sum) : sum);
        }
  return made;
}

describe.skipIf(!runs)(`3x3 windows by Winograd's algorithm${whyNot}`, () => {
  const all = types.flatMap((type) =>
    Array.from({ length: 10 }, (_, seed) => ({ drawn: draw(seed, type), seed })),
  );
  it.each(all)('$drawn.text', ({ drawn, seed }) => {
    const cut = winogradCutOf(drawn.sizes, 2);
    const memory = placed(drawn, cut, seed);
    const before = memory.all.slice();
    const expected = wanted(drawn, memory);
    run(drawn, cut, memory);
    expect(memory.target).toEqual(expected);
    for (const name of ['target', 'filters', 'scratch'] as const) {
      const { halves } = memory.of(name);
      const first = halves.byteOffset - memory.all.byteOffset;
      for (const all of [before, memory.all]) all.fill(0, first, first + halves.byteLength);
    }
    expect(Buffer.compare(memory.all, before)).toBe(0);
  });

  it.each(types)('takes no more threads than there is room for: %s', (type) => {
    const { library } = here();
    const drawn = draw(4, type);
    const cut = winogradCutOf(drawn.sizes, 1);
    const memory = placed(drawn, cut, 4);
    const expected = wanted(drawn, memory);
    const threads = library.threads(0);
    library.threads(3);
    run(drawn, cut, memory);
    library.threads(threads);
    expect(memory.target).toEqual(expected);
    const { halves } = memory.of('scratch');
    const end = halves.byteOffset - memory.all.byteOffset + halves.byteLength;
    expect(memory.all.slice(end)).toEqual(new Uint8Array(memory.all.length - end).fill(0x5a));
  });

  it.each(types)('gives the same bits with one thread and with two: %s', (type) => {
    const { library } = here();
    const { sizes, ...rest } = draw(6, type);
    const drawn = { ...rest, sizes: { ...sizes, sum: false } };
    const cut = winogradCutOf(drawn.sizes, 2);
    const memory = placed(drawn, cut, 6);
    // Numbers of which all bits count.
    const next = random(9);
    for (let i = 0; i < memory.source.length; i++) memory.source[i] = kinds[type].to(next() - 0.5);
    for (let i = 0; i < memory.filters.length; i++) memory.filters[i] = next() - 0.5;
    const threads = library.threads(0);
    const results = [1, 2].map((count) => {
      library.threads(count);
      run(drawn, cut, memory);
      return memory.target.slice();
    });
    library.threads(threads);
    expect(results[0]).toEqual(results[1]);
    expect(new Set(results[0]).size).toBeGreaterThan(100);
  });
});
