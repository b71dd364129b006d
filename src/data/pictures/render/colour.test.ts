import { describe, expect, it } from 'vitest';
import { randomStream } from '../../random.ts';
import { distort, drawPhotometric, drawShift, type PhotometricDraw } from './colour.ts';

const neutral: PhotometricDraw = {
  order: ['brightness', 'contrast', 'saturation', 'hue'],
  brightness: 1,
  contrast: 1,
  saturation: 1,
  hue: 0,
};

function changed(pixels: readonly (readonly number[])[], draw: Partial<PhotometricDraw>): number[][] {
  const planes = [0, 1, 2].map((c) => Float32Array.from(pixels, (pixel) => pixel[c] as number));
  distort(planes[0] as Float32Array, planes[1] as Float32Array, planes[2] as Float32Array, {
    ...neutral,
    ...draw,
  });
  return pixels.map((_, i) => planes.map((plane) => Math.round((plane[i] as number) * 100) / 100));
}

describe('drawShift', () => {
  it('moves along the eigenvectors by N(0, deviation) times the eigenvalue', () => {
    const colour = {
      kind: 'pca',
      deviation: 0.1,
      values: [4, 2, 1],
      vectors: [
        [0.6, 0.8, 0],
        [-0.8, 0.6, 0],
        [0, 0, 1],
      ],
    } as const;
    const random = randomStream(3);
    const draws = Array.from({ length: 20_000 }, () => drawShift(colour, random));
    const product = (i: number, j: number): number =>
      draws.reduce((sum, draw) => sum + (draw[i] as number) * (draw[j] as number), 0) / draws.length;
    // The sum of (0.1 value)^2 v v'.
    const wanted = (i: number, j: number): number =>
      [0, 1, 2].reduce(
        (sum, k) =>
          sum +
          (0.1 * (colour.values[k] as number)) ** 2 *
            (colour.vectors[k]?.[i] as number) *
            (colour.vectors[k]?.[j] as number),
        0,
      );
    for (const i of [0, 1, 2]) for (const j of [0, 1, 2]) expect(product(i, j)).toBeCloseTo(wanted(i, j), 2);
  });

  it('shifts channels apart from each other, and not at all for other changes', () => {
    const random = randomStream(3);
    const draws = Array.from({ length: 20_000 }, () => drawShift({ kind: 'shift', deviation: 0.2 }, random));
    const product = (i: number, j: number): number =>
      draws.reduce((sum, draw) => sum + (draw[i] as number) * (draw[j] as number), 0) / draws.length;
    expect(product(0, 0)).toBeCloseTo(0.04, 2);
    expect(product(0, 1)).toBeCloseTo(0, 2);
    expect(drawShift(undefined, random)).toEqual([0, 0, 0]);
  });
});

describe('distort', () => {
  const pixels = [
    [200, 100, 50],
    [10, 20, 30],
  ];

  it('leaves a picture alone with factors of 1 and no turn', () => {
    expect(changed(pixels, {})).toEqual(pixels);
  });

  it('changes brightness within 0..255', () => {
    expect(changed(pixels, { brightness: 1.5 })).toEqual([
      [255, 150, 75],
      [15, 30, 45],
    ]);
  });

  it('changes contrast about the mean grey', () => {
    // Greys are 124.2 and 18.15, their mean 71.175.
    const [first, second] = changed(pixels, { contrast: 0.5 }) as [number[], number[]];
    for (const [i, wanted] of [135.59, 85.59, 60.59].entries()) expect(first[i]).toBeCloseTo(wanted, 1);
    for (const [i, wanted] of [40.59, 45.59, 50.59].entries()) expect(second[i]).toBeCloseTo(wanted, 1);
    for (const value of changed(pixels, { contrast: 0 }).flat()) expect(value).toBeCloseTo(71.175, 1);
  });

  it('changes saturation about each grey', () => {
    expect(changed(pixels, { saturation: 0 })).toEqual([
      [124.2, 124.2, 124.2],
      [18.15, 18.15, 18.15],
    ]);
    expect(changed([[124, 100, 80]], { saturation: 2 })[0]).toEqual([143.1, 95.1, 55.1]);
  });

  it('turns hues around the circle', () => {
    expect(
      changed(
        [
          [200, 0, 0],
          [50, 50, 50],
          [200, 100, 50],
        ],
        { hue: 1 / 3 },
      ),
    ).toEqual([
      [0, 200, 0],
      [50, 50, 50],
      [50, 200, 100],
    ]);
    expect(changed([[200, 100, 50]], { hue: -1 / 3 })[0]).toEqual([100, 50, 200]);
    expect(changed([[200, 100, 50]], { hue: 0.5 })[0]).toEqual([50, 150, 200]);
  });

  it('takes the steps in the order given', () => {
    const first = changed(pixels, {
      order: ['brightness', 'saturation', 'contrast', 'hue'],
      brightness: 2,
      saturation: 0,
    });
    const last = changed(pixels, {
      order: ['saturation', 'brightness', 'contrast', 'hue'],
      brightness: 2,
      saturation: 0,
    });
    expect(first[0]).not.toEqual(last[0]);
  });
});

describe('drawPhotometric', () => {
  it('draws factors of 1 - x to 1 + x, turns within the hue, and every order', () => {
    const random = randomStream(9);
    const colour = { kind: 'photometric', brightness: 0.4, contrast: 0.3, saturation: 2, hue: 0.1 } as const;
    const draws = Array.from({ length: 2000 }, () => drawPhotometric(colour, random));
    const range = (name: 'brightness' | 'contrast' | 'saturation' | 'hue'): [number, number] => [
      Math.min(...draws.map((draw) => draw[name])),
      Math.max(...draws.map((draw) => draw[name])),
    ];
    for (const [name, low, high] of [
      ['brightness', 0.6, 1.4],
      ['contrast', 0.7, 1.3],
      ['saturation', 0, 3],
      ['hue', -0.1, 0.1],
    ] as const) {
      const [least, most] = range(name);
      expect(least).toBeGreaterThanOrEqual(low);
      expect(most).toBeLessThanOrEqual(high);
      expect(most - least).toBeGreaterThan(0.97 * (high - low));
    }
    expect(new Set(draws.map(({ order }) => order.join())).size).toBe(24);
  });
});
