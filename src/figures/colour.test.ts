import { describe, expect, it } from 'vitest';
import { hex, type Rgb, rgbToOklab, sequential, seriesColour, seriesRound, textOn } from './colour.ts';

function distance(a: Rgb, b: Rgb): number {
  const [p, q] = [rgbToOklab(a), rgbToOklab(b)];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

function parse(text: string): Rgb {
  const value = Number.parseInt(text.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** What a red-blind, green-blind or blue-blind eye sees (Machado, Oliveira, Fernandes 2009, full severity, on linear light). */
const blindness: Record<string, readonly (readonly number[])[]> = {
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function seen(colour: Rgb, matrix: readonly (readonly number[])[]): Rgb {
  const linear = colour.map((value) => (value / 255) ** 2.2);
  const mixed = matrix.map((row) => row.reduce((sum, share, i) => sum + share * (linear[i] as number), 0));
  return mixed.map((value) => 255 * Math.max(0, Math.min(1, value)) ** (1 / 2.2)) as unknown as Rgb;
}

describe('sequential', () => {
  it('darkens steadily from near white to near black, in equal looking steps', () => {
    const colours = Array.from({ length: 21 }, (_, i) => sequential(i / 20));
    const steps = colours.slice(1).map((colour, i) => distance(colours[i] as Rgb, colour));
    const lightness = colours.map((colour) => rgbToOklab(colour)[0]);
    expect(lightness[0]).toBeGreaterThan(0.97);
    expect(lightness[20]).toBeLessThan(0.3);
    for (const [i, step] of steps.entries()) {
      expect((lightness[i] as number) - (lightness[i + 1] as number)).toBeCloseTo(0.03525, 2);
      expect(step).toBeGreaterThan(0.03);
      expect(step).toBeLessThan(0.055);
    }
  });

  it('stays inside what a screen shows: the lightness asked for is the one that comes out', () => {
    for (let t = 0; t <= 1; t += 1 / 255)
      expect(rgbToOklab(sequential(t))[0]).toBeCloseTo(0.985 - 0.705 * t, 2);
  });

  it('clamps, and takes what is no number for 0', () => {
    expect(sequential(-1)).toEqual(sequential(0));
    expect(sequential(7)).toEqual(sequential(1));
    expect(sequential(Number.NaN)).toEqual(sequential(0));
  });
});

describe('the palette', () => {
  it.each(Object.keys(blindness))(
    'keeps the first four series and right and wrong apart under %s',
    (kind) => {
      const matrix = blindness[kind] as readonly (readonly number[])[];
      const colours = [0, 1, 2, 3].map((i) => seen(parse(seriesColour(i)), matrix));
      for (const [i, a] of colours.entries()) {
        for (const b of colours.slice(i + 1)) expect(distance(a, b)).toBeGreaterThan(0.12);
      }
    },
  );

  it('repeats after seven with another round', () => {
    expect(seriesColour(7)).toBe(seriesColour(0));
    expect([seriesRound(6), seriesRound(7), seriesRound(14)]).toEqual([0, 1, 2]);
  });
});

it('text is dark on light and light on dark', () => {
  expect(textOn([255, 255, 255])).toBe('#1f2933');
  expect(textOn([0, 0, 80])).toBe('#ffffff');
  expect(hex([1, 171, 255])).toBe('#01abff');
});
