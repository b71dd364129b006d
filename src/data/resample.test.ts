import { describe, expect, it } from 'vitest';
import { type Interpolation, resample } from './resample.ts';

function row(values: readonly number[], to: number, interpolation: Interpolation): number[] {
  const data = Uint8Array.from(values);
  const size = { height: 1, width: values.length };
  const steps = { rowStep: values.length, pixelStep: 1, planeStep: 0 };
  return [...resample({ ...size, ...steps, channels: 1, data }, { height: 1, width: to }, interpolation)];
}

const edge = [0, 0, 0, 0, 100, 100, 100, 100];

describe('resample', () => {
  // Numbers that PIL 9.4 gave: Image.fromarray(edge).resize((n, 1), BILINEAR or BICUBIC).
  it.each([
    ['bilinear', 16, [0, 0, 0, 0, 0, 0, 0, 25, 75, 100, 100, 100, 100, 100, 100, 100]],
    ['bilinear', 12, [0, 0, 0, 0, 0, 17, 83, 100, 100, 100, 100, 100]],
    ['bicubic', 16, [0, 0, 0, 0, 0, 0, 0, 20, 80, 107, 102, 100, 100, 100, 100, 100]],
    ['bicubic', 12, [0, 0, 0, 0, 0, 12, 88, 106, 100, 100, 100, 100]],
    ['bilinear', 5, [0, 0, 50, 100, 100]],
    ['bilinear', 3, [0, 50, 100]],
    ['bicubic', 5, [0, 0, 50, 105, 100]],
    ['bicubic', 3, [0, 50, 105]],
  ] as const)('%s to %i pixels is what PIL gives', (interpolation, to, expected) => {
    expect(row(edge, to, interpolation)).toEqual(expected);
  });

  it('keeps a picture at its own size, and flat ones flat', () => {
    const values = [3, 141, 59, 26, 53];
    for (const interpolation of ['bilinear', 'bicubic'] as const) {
      expect(row(values, 5, interpolation)).toEqual(values);
      expect(row([77, 77, 77], 7, interpolation)).toEqual(Array(7).fill(77));
    }
  });

  it('reads planar and interleaved pixels alike, rows and columns by the same rule', () => {
    const [height, width] = [3, 4];
    const value = (c: number, y: number, x: number) => (c * 91 + y * 37 + x * x * 11) % 251;
    const at = [0, 1].flatMap((c) =>
      Array.from({ length: height * width }, (_, i) => ({ c, y: Math.floor(i / width), x: i % width })),
    );
    const planar = new Uint8Array(24);
    const mixed = new Uint8Array(24);
    for (const { c, y, x } of at) {
      planar[c * 12 + y * width + x] = value(c, y, x);
      mixed[(y * width + x) * 2 + c] = value(c, y, x);
    }
    const common = { channels: 2, height, width };
    const size = { height: 5, width: 2 };
    const a = resample(
      { ...common, data: planar, rowStep: 4, pixelStep: 1, planeStep: 12 },
      size,
      'bilinear',
    );
    const b = resample({ ...common, data: mixed, rowStep: 8, pixelStep: 2, planeStep: 1 }, size, 'bilinear');
    expect(a).toEqual(b);
    expect(a).toHaveLength(20);
  });
});
