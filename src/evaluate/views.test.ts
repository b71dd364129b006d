import { describe, expect, it } from 'vitest';
import { planarRaster } from '../data/raster.ts';
import { applyOverrides } from './overrides.ts';
import { imagenetPreprocessing, type Preprocessing } from './preprocessing.ts';
import { denseSize, writeView } from './views.ts';

const plain: Preprocessing = {
  channels: 3,
  height: 2,
  width: 2,
  pad: 0,
  normalise: { mean: [0, 0, 0], std: [1, 1, 1] },
};
/** Channel c of pixel (y, x) is 100 c + 10 y + x. */
const raster = planarRaster(
  Uint8Array.from({ length: 27 }, (_, i) => 100 * Math.floor(i / 9) + 10 * (Math.floor(i / 3) % 3) + (i % 3)),
  3,
  { height: 3, width: 3 },
);
const shown = { height: 2, width: 2 };
const window = { top: 1, left: 0, ...shown, mirror: false };

function view(preprocessing: Preprocessing, part = window): number[] {
  const side = 2 + 2 * preprocessing.pad;
  const output = new Float32Array(2 + 3 * side * side).fill(-7);
  writeView(output, 1, raster, part, shown, preprocessing);
  expect([output[0], output.at(-1)]).toEqual([-7, -7]);
  return [...output.subarray(1, -1)].map((value) => Number(value.toFixed(4)));
}

describe('writeView', () => {
  const in255: Preprocessing = { ...plain, range: 255 };

  it('cuts, and mirrors', () => {
    expect(view(in255)).toEqual([10, 11, 20, 21, 110, 111, 120, 121, 210, 211, 220, 221]);
    expect(view(in255, { ...window, left: 1, mirror: true }).slice(0, 4)).toEqual([12, 11, 22, 21]);
  });

  it('normalises in either range, in the order of the weights', () => {
    const normalise = { mean: [10, 110, 210], std: [1, 2, 5] };
    expect(view({ ...in255, normalise })).toEqual([0, 1, 10, 11, 0, 0.5, 5, 5.5, 0, 0.2, 2, 2.2]);
    const unit = { mean: normalise.mean.map((m) => m / 255), std: normalise.std.map((s) => s / 255) };
    expect(view({ ...plain, normalise: unit })).toEqual(view({ ...in255, normalise }));
    const reversed = { mean: [210, 110, 10], std: [5, 2, 1] };
    expect(view({ ...in255, order: 'BGR', normalise: reversed })).toEqual([
      0, 0.2, 2, 2.2, 0, 0.5, 5, 5.5, 0, 1, 10, 11,
    ]);
  });

  it('pads with black, and resizes windows of another size', () => {
    const normalise = { mean: [10, 0, 0], std: [1, 1, 1] };
    const padded = view({ ...in255, pad: 1, normalise }).slice(0, 16);
    expect(padded).toEqual([-10, -10, -10, -10, -10, 0, 1, -10, -10, 10, 11, -10, -10, -10, -10, -10]);
    const whole = { top: 0, left: 0, height: 3, width: 3, mirror: false };
    const [upperLeft = 0, upperRight = 0] = view(in255, whole);
    const mirrored = view(in255, { ...whole, mirror: true });
    expect(upperLeft).toBeLessThan(upperRight);
    expect(mirrored.slice(0, 2)).toEqual([upperRight, upperLeft]);
  });
});

describe('denseSize', () => {
  it('keeps all but less than a step, and cuts panoramas', () => {
    const crop = { height: 224, width: 224 };
    expect(denseSize({ height: 256, width: 341 }, crop)).toEqual({ height: 256, width: 320 });
    expect(denseSize({ height: 224, width: 224 }, crop)).toEqual(crop);
    expect(denseSize({ height: 2560, width: 256 }, crop)).toEqual({ height: 1024, width: 256 });
  });
});

describe('applyOverrides', () => {
  const base = imagenetPreprocessing({ height: 224, width: 224 });

  it('replaces what is said and leaves the rest', () => {
    expect(base.resize).toBe(256);
    expect(applyOverrides(base)).toEqual(base);
    expect(applyOverrides(base, { mean: [0.5], resize: 480, crop: 448, order: 'BGR' })).toEqual({
      ...base,
      height: 448,
      width: 448,
      resize: 480,
      order: 'BGR',
      normalise: { mean: [0.5, 0.5, 0.5], std: base.normalise.std },
    });
  });

  it('refuses what cannot be', () => {
    expect(() => applyOverrides(base, { resize: 200 })).toThrow(
      /short side of 200 px have no crop of 224x224/,
    );
    expect(() => applyOverrides(base, { std: [1, 0, 1] })).toThrow(/numbers above 0/);
    expect(() => applyOverrides(base, { mean: [1, 2] })).toThrow(/2 numbers; expected one for each of the 3/);
  });
});
