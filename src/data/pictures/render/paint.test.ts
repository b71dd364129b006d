import { describe, expect, it } from 'vitest';
import { randomStream } from '../../random.ts';
import { type Interpolation, resample, type Size } from '../../resample.ts';
import { madeUpPixels } from '../loader-testing.ts';
import { type PixelBytes, paintPart, type Target } from './paint.ts';
import { paintFast } from './paint-fast.ts';
import { createPaintKernel } from './paint-kernel.ts';

function pixels(width: number, height: number, channels: 1 | 3): PixelBytes {
  const rgb = madeUpPixels(width, height, 5);
  const data = channels === 3 ? rgb : rgb.filter((_, i) => i % 3 === 0);
  return { data, channels, height, width };
}

function paintBy(
  painter: typeof paintPart,
  source: PixelBytes,
  part: Size & { top: number; left: number },
  cutFirst: boolean,
  size: Size,
  interpolation: Interpolation = 'bilinear',
  change: Partial<Target> = {},
): Float32Array {
  const output = new Float32Array(3 * size.height * size.width + 1);
  painter(source, part, cutFirst, interpolation, {
    output,
    offset: 1,
    size,
    channels: [0, 1, 2],
    scale: [1, 1, 1],
    shift: [0, 0, 0],
    mirror: false,
    ...change,
  });
  expect(output[0]).toBe(0);
  return output.subarray(1);
}

type Paint = (
  ...rest: Parameters<typeof paintBy> extends [unknown, ...infer Rest] ? Rest : never
) => Float32Array;

/** Interleaved bytes as planes. */
function planes(bytes: Uint8Array, { height, width }: Size): number[] {
  const count = height * width;
  return Array.from(
    { length: 3 * count },
    (_, i) => bytes[(i % count) * 3 + Math.floor(i / count)] as number,
  );
}

function resampled(source: PixelBytes, size: Size, interpolation: Interpolation): number[] {
  const { width, channels } = source;
  const steps = { rowStep: width * channels, pixelStep: channels, planeStep: 1 };
  return planes(resample({ ...source, ...steps }, size, interpolation), size);
}

/** Two roundings to bytes lie between the two; cubic weights make more of the first. */
function expectNear(got: Float32Array, wanted: readonly number[], most = 1.2): void {
  expect(got.length).toBe(wanted.length);
  for (let i = 0; i < got.length; i++) {
    const clamped = Math.min(255, Math.max(0, got[i] as number));
    expect(Math.abs(clamped - (wanted[i] as number))).toBeLessThan(most);
  }
}

describe.each([
  ['paintPart', paintPart],
  ['paintFast', paintFast],
] as const)('%s', (_, painter) => {
  const paint: Paint = (...rest) => paintBy(painter, ...rest);

  it.each([
    ['bilinear', 20, 16],
    ['bilinear', 61, 90],
    ['bilinear', 60, 7],
    ['bicubic', 20, 16],
    ['bicubic', 61, 90],
  ] as const)('resizes as resample.ts does: %s to %ix%i', (interpolation, width, height) => {
    const source = pixels(60, 45, 3);
    const size = { height, width };
    const whole = { top: 0, left: 0, height: 45, width: 60 };
    expectNear(paint(source, whole, false, size, interpolation), resampled(source, size, interpolation));
    const part = { top: 5, left: 9, height: 31, width: 40 };
    const cut = Uint8Array.from({ length: 31 * 40 * 3 }, (_, i) => {
      const [y, x, c] = [Math.floor(i / 120), Math.floor(i / 3) % 40, i % 3];
      return source.data[((5 + y) * 60 + 9 + x) * 3 + c] as number;
    });
    const wanted = resampled({ data: cut, channels: 3, height: 31, width: 40 }, size, interpolation);
    expectNear(paint(source, part, true, size, interpolation), wanted);
  });

  it('looks beyond the part as if the whole had been resized', () => {
    const source = pixels(60, 45, 3);
    const scaled = { height: 30, width: 40 };
    const whole = resampled(source, scaled, 'bilinear');
    const part = { top: 4 * 1.5, left: 11 * 1.5, height: 16 * 1.5, width: 20 * 1.5 };
    const wanted = Array.from({ length: 3 * 16 * 20 }, (_, i) => {
      const [c, y, x] = [Math.floor(i / 320), Math.floor(i / 20) % 16, i % 20];
      return whole[(c * 30 + 4 + y) * 40 + 11 + x] as number;
    });
    expectNear(paint(source, part, false, { height: 16, width: 20 }), wanted);
  });

  it('copies bytes where nothing is resized', () => {
    const source = pixels(12, 9, 3);
    const got = paint(source, { top: 0, left: 0, height: 9, width: 12 }, true, source);
    expect([...got]).toEqual(planes(source.data, source));
  });

  it('mirrors, orders, scales and shifts planes', () => {
    const source = pixels(12, 9, 3);
    const whole = { top: 0, left: 0, height: 9, width: 12 };
    const change = { channels: [2, 1, 0], scale: [2, 3, 4], shift: [5, 6, 7], mirror: true } as const;
    const got = paint(source, whole, true, source, 'bilinear', change);
    for (let i = 0; i < got.length; i++) {
      const [p, y, x] = [Math.floor(i / 108), Math.floor(i / 12) % 9, i % 12];
      const byte = source.data[(y * 12 + 11 - x) * 3 + 2 - p] as number;
      expect(got[i]).toBe(byte * (2 + p) + 5 + p);
    }
  });

  it('shows grey pictures in all planes', () => {
    const source = pixels(12, 9, 1);
    const got = paint(source, { top: 2, left: 3, height: 5, width: 6 }, true, { height: 10, width: 12 });
    const colour = Uint8Array.from(
      { length: 3 * source.data.length },
      (_, i) => source.data[Math.floor(i / 3)] as number,
    );
    const same = paint(
      { ...source, data: colour, channels: 3 },
      { top: 2, left: 3, height: 5, width: 6 },
      true,
      {
        height: 10,
        width: 12,
      },
    );
    expectNear(got, [...same], 1e-3);
  });
});

describe('the vector kernel', () => {
  it('exists where tests run, and agrees with the definition for parts and sizes of all kinds', () => {
    expect(createPaintKernel()).toBeDefined();
    const random = randomStream(3);
    const drawn = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1));
    for (let round = 0; round < 60; round++) {
      const source = pixels(drawn(1, 70), drawn(1, 70), 3);
      const [height, width] = [drawn(1, source.height), drawn(1, source.width)];
      const part = {
        top: drawn(0, source.height - height),
        left: drawn(0, source.width - width),
        height,
        width,
      };
      const size = { height: drawn(1, 40), width: drawn(1, 40) };
      const interpolation = random() < 0.5 ? 'bilinear' : 'bicubic';
      const change = {
        channels: random() < 0.5 ? ([0, 1, 2] as const) : ([2, 1, 0] as const),
        scale: [0.01, 0.02, 0.03] as const,
        shift: [-1, 0, 2] as const,
        mirror: random() < 0.5,
      };
      const [wanted, got] = [paintPart, paintFast].map((painter) =>
        paintBy(painter, source, part, round % 2 === 0, size, interpolation, change),
      ) as [Float32Array, Float32Array];
      for (let i = 0; i < wanted.length; i++) expect(got[i]).toBeCloseTo(wanted[i] as number, 4);
    }
  });
});
