// Gradients of 1x1 filters on whole numbers so small that bf16 and all sums hold them exactly: they are those of the
// definition, to the bit, however the work is cut, and nothing else in memory changes.
import { describe, expect, it } from 'vitest';
import { allocateRegion } from '../memory.ts';
import { type PointGradientSizes, pointGradientCode, pointGradientCutOf } from './point-gradient.ts';
import { here, multipliesBf16, random, toBf16 } from './testing.ts';

const block = 16;
const whyNot = multipliesBf16 ? '' : ' (skipped: nothing multiplies bf16 here)';

function draw(seed: number): PointGradientSizes {
  const next = random(seed * 7919 + 11);
  const among = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  const stride = seed % 3 === 0 ? 2 : 1;
  const [h, w] = [among(1, 15), among(1, 15)];
  const [oh, ow] = [Math.floor((h - 1) / stride) + 1, Math.floor((w - 1) / stride) + 1];
  return { pairs: among(1, 3), channels: among(1, 4), results: among(1, 6), h, w, oh, ow, stride };
}

const textOf = ({ pairs, channels, results, h, w, stride }: PointGradientSizes): string =>
  `${2 * pairs}x${channels * block}x${h}x${w} to ${results * block}, stride ${stride}`;

const cases = Array.from({ length: 20 }, (_, seed) => {
  const sizes = draw(seed);
  return [textOf(sizes), seed, sizes] as const;
});

describe.skipIf(!multipliesBf16)(`generated gradients of 1x1 filters${whyNot}`, () => {
  it.each(cases)('%s', (_, seed, sizes) => {
    const { library, natives } = here();
    const { pairs, channels, results, h, w, oh, ow, stride } = sizes;
    const next = random(seed + 1);
    const whole = (): number => Math.floor(next() * 17) - 8;
    const [pictures, planes] = [2 * pairs, h * w];
    const x = Float32Array.from({ length: pictures * channels * planes * block }, whole);
    const dy = Float32Array.from({ length: pictures * results * oh * ow * block }, whole);
    const wanted = new Float32Array(results * channels * block * block);
    for (let n = 0; n < pictures; n++)
      for (let p = 0; p < oh * ow; p++) {
        const from = Math.floor(p / ow) * stride * w + (p % ow) * stride;
        for (let c = 0; c < channels * block; c++) {
          const [cb, ci] = [Math.floor(c / block), c % block];
          const number = x[((n * channels + cb) * planes + from) * block + ci] as number;
          for (let o = 0; o < results * block; o++) {
            const [ob, oi] = [Math.floor(o / block), o % block];
            const place = ((ob * channels + cb) * block + ci) * block + oi;
            const signal = dy[((n * results + ob) * oh * ow + p) * block + oi] as number;
            wanted[place] = (wanted[place] as number) + number * signal;
          }
        }
      }
    // One thread's share is another's on another machine: cut as for more threads than there are, too.
    for (const threads of [2, 5]) {
      const cut = pointGradientCutOf(sizes, threads);
      if (cut === undefined) throw new Error('There is no cut.');
      const code = natives.code(`points ${JSON.stringify([sizes, cut])}`, (team) =>
        pointGradientCode(sizes, cut, team),
      ) as bigint;
      const bytes = [2 * x.length, 2 * dy.length, 4 * wanted.length, cut.threads * cut.room];
      const margin = 256;
      const region = allocateRegion(
        library,
        bytes.reduce((sum, each) => sum + each + margin, margin),
      );
      const all = region.content(bytes.reduce((sum, each) => sum + each + margin, margin)).fill(0x5a);
      const starts = bytes.map((_, i) =>
        bytes.slice(0, i).reduce((sum, each) => sum + each + margin, margin),
      );
      const [source, signal, weights, room] = starts as [number, number, number, number];
      all.set(new Uint8Array(Uint16Array.from(x, toBf16).buffer), source);
      all.set(new Uint8Array(Uint16Array.from(dy, toBf16).buffer), signal);
      const before = all.slice();
      natives.runCode(
        code,
        BigUint64Array.from(starts, (start) => region.address + BigInt(start)),
      );
      expect(
        new Float32Array(
          all.buffer.slice(all.byteOffset + weights, all.byteOffset + weights + 4 * wanted.length),
        ),
      ).toEqual(wanted);
      expect(all.slice(0, weights)).toEqual(before.slice(0, weights));
      expect(all.slice(weights + 4 * wanted.length, room)).toEqual(
        before.slice(weights + 4 * wanted.length, room),
      );
      expect(all.slice(-margin)).toEqual(before.slice(-margin));
    }
  });

  it('are not made for rows that the first cache cannot hold', () => {
    const long = { pairs: 1, channels: 1, results: 1, h: 2, w: 400, oh: 1, ow: 200, stride: 2 };
    expect(pointGradientCutOf(long, 2)).toBeUndefined();
  });
});
