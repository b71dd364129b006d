import { describe, expect, it } from 'vitest';
import { rgbToOklab } from '../figures/colour.ts';
import { contrast, diverging, divergingMap, sequentialMap, signedPicture } from './colours.ts';

const shape = { channels: 3, height: 1, width: 2 };

describe('signedPicture', () => {
  it('makes zero mid-grey and the scale symmetric, and says how much it clips', () => {
    const { rgb, scale, clipped } = signedPicture([0, 1, -1, 2, 0.5, -8], shape, { scale: 2 });
    expect(scale).toBe(2);
    expect(clipped).toBeCloseTo(1 / 6);
    // Pixel by pixel: (0, -1, 0.5), (1, 2, -8).
    expect([...rgb]).toEqual([128, 64 + 1, 128 + 32, 128 + 64, 255, 1]);
  });

  it('puts the planes of BGR weights back in order', () => {
    const values = [1, 0, 0, 0, -1, 0];
    const [a, b] = [signedPicture(values, shape), signedPicture(values, { ...shape, order: 'BGR' })];
    expect([...a.rgb.subarray(0, 3)]).toEqual([...b.rgb.subarray(0, 3)].reverse());
  });

  it('draws one channel grey, and zeros as grey without a failure', () => {
    const one = signedPicture([1, -1], { channels: 1, height: 1, width: 2 });
    expect([...one.rgb]).toEqual([255, 255, 255, 1, 1, 1]);
    const zeros = signedPicture(new Float32Array(6), shape);
    expect(new Set(zeros.rgb)).toEqual(new Set([128]));
    expect(zeros).toMatchObject({ scale: 1, clipped: 0 });
  });

  it('chooses a scale that a few outliers do not spoil, from the nonzero values', () => {
    const values = new Float32Array(10_000);
    for (let i = 0; i < 1000; i++) values[i] = (i % 2 ? 1 : -1) * (i / 1000);
    values[5000] = 1e6;
    expect(contrast(values)).toBeGreaterThan(0.98);
    expect(contrast(values)).toBeLessThanOrEqual(1);
  });
});

describe('maps', () => {
  it('diverge from near white at zero to ends of equal weight that differ in hue', () => {
    const lightness = (t: number): number => rgbToOklab(diverging(t))[0];
    expect(lightness(0)).toBeGreaterThan(0.95);
    for (let t = 0.1; t <= 1; t += 0.1) {
      expect(lightness(t)).toBeLessThan(lightness(t - 0.1));
      expect(lightness(-t)).toBeLessThan(lightness(0.1 - t));
      expect(Math.abs(lightness(t) - lightness(-t))).toBeLessThan(0.15);
    }
    const [red, , blue] = diverging(1);
    expect(red).toBeGreaterThan(blue);
    const { rgb, scale } = divergingMap([-4, 0, 2]);
    expect(scale).toBe(4);
    expect([...rgb]).toEqual([...diverging(-1), ...diverging(0), ...diverging(0.5)]);
    expect(divergingMap([0, 0]).scale).toBe(1);
  });

  it('run from the least to the most where values have one sign, also where all are equal', () => {
    const { rgb, min, max } = sequentialMap([1, 2, 3]);
    expect([min, max]).toEqual([1, 3]);
    const light = (pixel: number): number =>
      rgbToOklab([...rgb.subarray(3 * pixel, 3 * pixel + 3)] as unknown as [number, number, number])[0];
    expect(light(0)).toBeGreaterThan(light(1));
    expect(light(1)).toBeGreaterThan(light(2));
    expect(sequentialMap([5, 5])).toMatchObject({ min: 5, max: 5 });
    expect(sequentialMap([1, Number.NaN, 3])).toMatchObject({ min: 1, max: 3 });
  });
});
