import { describe, expect, it } from 'vitest';
import { renderPicture } from '../data/pictures/render/render.ts';
import { planarRaster } from '../data/raster.ts';
import { isStoredMean, storeMean, unpackMean } from './mean-picture.ts';
import { applyOverrides } from './overrides.ts';
import { decodeModelInfo, encodeModelInfo, type Preprocessing } from './preprocessing.ts';
import { writeView } from './views.ts';

const side = 6;
const mean = {
  side,
  values: Float32Array.from({ length: 3 * side * side }, (_, i) => ((i * 37) % 256) / 255),
};
const stored = storeMean(mean);

const preprocessing: Preprocessing = {
  channels: 3,
  height: 4,
  width: 4,
  pad: 0,
  resize: side,
  normalise: { mean: [120, 110, 100], std: [1, 1, 1] },
  range: 255,
  meanPicture: stored,
};

/** 6x8 pixels, interleaved. */
const size = { height: 6, width: 8 };
const data = Uint8Array.from({ length: 3 * 6 * 8 }, (_, i) => (i * 53) % 256);
const planes = Uint8Array.from(
  { length: data.length },
  (_, i) => data[3 * (i % 48) + Math.floor(i / 48)] as number,
);
const raster = planarRaster(planes, 3, size);

function view(left: number, mirror = false, given: Preprocessing = preprocessing): Float32Array {
  const output = new Float32Array(3 * 16);
  writeView(output, 0, raster, { top: 1, left, height: 4, width: 4, mirror }, { height: 4, width: 4 }, given);
  return output;
}

describe('the mean of each pixel', () => {
  it('is stored as bytes, and comes back as they are', () => {
    expect(stored.side).toBe(side);
    const { values } = unpackMean(stored);
    expect([...values]).toEqual([...mean.values].map((value) => Math.fround(Math.round(255 * value) / 255)));
    expect(values.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(isStoredMean(JSON.parse(JSON.stringify(stored)))).toBe(true);
    expect(isStoredMean({ side: 7, rgb: stored.rgb })).toBe(false);
  });

  it('goes with the weights', () => {
    const info = {
      network: 'x',
      form: 'imagenet',
      classes: ['a', 'b'],
      dataset: 'd',
      preprocessing,
    } as const;
    expect(decodeModelInfo(encodeModelInfo(info))?.preprocessing).toEqual(preprocessing);
  });

  it('is subtracted where the window lies in the central square', () => {
    const { values } = unpackMean(stored);
    // The square begins at column 1; the window at column 2 is the centre.
    const centre = view(2);
    for (let c = 0, at = 0; c < 3; c++) {
      for (let y = 0; y < 4; y++) {
        for (let x = 0; x < 4; x++, at++) {
          const pixel = planes[c * 48 + (1 + y) * 8 + 2 + x] as number;
          const level = values[(c * side + 1 + y) * side + 1 + x] as number;
          expect(centre[at]).toBeCloseTo(pixel - 255 * level, 3);
        }
      }
    }
    // A mirrored view is the mirror of the difference.
    const mirrored = view(2, true);
    for (let i = 0; i < 48; i += 4) {
      expect([...mirrored.subarray(i, i + 4)]).toEqual([...centre.subarray(i, i + 4)].reverse());
    }
    // Beyond the square its edge goes on.
    const beyond = view(4);
    const level = values[1 * side + (side - 1)] as number;
    expect(beyond[3]).toBeCloseTo((planes[1 * 8 + 7] as number) - 255 * level, 3);
  });

  it('is subtracted in training as in a test', async () => {
    const trained = new Float32Array(3 * 16);
    const transform = {
      size: { height: 4, width: 4 },
      train: null,
      resize: side,
      interpolation: 'bilinear',
      normalise: { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
      meanPicture: unpackMean(stored),
    } as const;
    await renderPicture(trained, 0, { kind: 'pixels', data, ...size }, transform, {
      seed: 1,
      epoch: 0,
      picture: 0,
    });
    for (const [i, value] of view(2).entries()) expect(trained[i]).toBeCloseTo(value, 3);
  });

  it('gives way to a mean that the caller names', () => {
    const changed = applyOverrides(preprocessing, { mean: [1, 2, 3] });
    expect(changed).not.toHaveProperty('meanPicture');
    expect(view(2, false, changed)[0]).toBeCloseTo((planes[8 + 2] as number) - 1, 3);
    expect(applyOverrides(preprocessing, { resize: 8 }).meanPicture).toBe(stored);
  });
});
