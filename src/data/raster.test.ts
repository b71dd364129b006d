import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import {
  decodeFile,
  fileSize,
  planarRaster,
  type Raster,
  resizedPart,
  scaledSize,
  scaleRaster,
} from './raster.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-raster-'));
afterAll(() => rmSync(folder, { recursive: true }));

const shortSide = (side: number) =>
  ({ least: { height: side, width: side }, interpolation: 'bilinear' }) as const;

function pixel({ data, width, channels, pixelStep, planeStep }: Raster, y: number, x: number): number[] {
  return Array.from(
    { length: channels },
    (_, c) => data[c * planeStep + (y * width + x) * pixelStep] as number,
  );
}

/** 6 rows of 9: red above, blue below, the left column green. */
const picture = Buffer.from(
  Array.from({ length: 54 }, (_, i) =>
    i % 9 === 0 ? [0, 255, 0] : i < 27 ? [255, 0, 0] : [0, 0, 255],
  ).flat(),
);
const image = () => sharp(picture, { raw: { width: 9, height: 6, channels: 3 } });
const path = (name: string) => join(folder, name);

describe('decodeFile', () => {
  it('brings the short side to a size, smaller or larger, and keeps proportions', async () => {
    await image().png().toFile(path('plain.png'));
    for (const [side, width] of [
      [2, 3],
      [6, 9],
      [12, 18],
    ] as const) {
      const raster = await decodeFile(path('plain.png'), 3, shortSide(side));
      expect(raster).toMatchObject({ height: side, width, channels: 3 });
      expect(scaledSize({ height: 6, width: 9 }, shortSide(side))).toEqual({ height: side, width });
      // Three to one, a filter six rows wide sees a little of the blue half.
      expect(pixel(raster, 0, width - 1)[0]).toBeGreaterThan(side === 2 ? 220 : 254);
    }
    const exact = await decodeFile(path('plain.png'), 3, shortSide(4), { height: 6, width: 9 });
    expect(exact).toMatchObject({ height: 4, width: 6 });
    const wide = { least: { height: 3, width: 8 }, interpolation: 'bilinear' } as const;
    expect(await decodeFile(path('plain.png'), 3, wide)).toMatchObject({ height: 5, width: 8 });
  });

  it('turns pictures upright as EXIF says', async () => {
    await image().withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toFile(path('turned.jpg'));
    const raster = await decodeFile(path('turned.jpg'), 3, shortSide(6));
    expect(raster).toMatchObject({ height: 9, width: 6 });
    expect(await fileSize(path('turned.jpg'))).toEqual({ height: 9, width: 6 });
    // A quarter turn to the right: the upper half is on the right, the left column on top.
    const [red = 0, , blue = 0] = pixel(raster, 7, 5);
    expect(red).toBeGreaterThan(blue + 100);
  });

  it('puts what is transparent on black, and makes RGB of CMYK, of grey and of 16 bits', async () => {
    await sharp({
      create: { width: 4, height: 4, channels: 4, background: { r: 200, g: 100, b: 0, alpha: 0.5 } },
    })
      .png()
      .toFile(path('alpha.png'));
    const [red = 0, green = 0, blue] = pixel(await decodeFile(path('alpha.png'), 3, shortSide(4)), 1, 1);
    expect([Math.abs(red - 100) <= 1, Math.abs(green - 50) <= 1, blue]).toEqual([true, true, 0]);
    const create = { width: 8, height: 8, channels: 3, background: '#ff0000' } as const;
    await sharp({ create }).toColourspace('cmyk').jpeg().toFile(path('cmyk.jpg'));
    const cmyk = await decodeFile(path('cmyk.jpg'), 3, shortSide(8));
    expect(cmyk.channels).toBe(3);
    expect(pixel(cmyk, 4, 4)[0]).toBeGreaterThan(180);
    await sharp({ create: { ...create, background: '#808080' } })
      .toColourspace('b-w')
      .png()
      .toFile(path('grey.png'));
    const grey = await decodeFile(path('grey.png'), 3, shortSide(8));
    expect(new Set(pixel(grey, 3, 3))).toEqual(new Set([128]));
    await image().toColourspace('rgb16').png().toFile(path('deep.png'));
    const deep = await decodeFile(path('deep.png'), 3, shortSide(6));
    expect(deep.data).toHaveLength(6 * 9 * 3);
    expect(pixel(deep, 5, 8)).toEqual([0, 0, 255]);
    expect((await decodeFile(path('plain.png'), 1, shortSide(6))).channels).toBe(1);
  });

  it('names the file that is none, or no picture', async () => {
    writeFileSync(path('text.jpg'), 'no picture');
    await expect(decodeFile(path('text.jpg'), 3, shortSide(4))).rejects.toThrow(/text\.jpg is not a picture/);
    await expect(fileSize(path('text.jpg'))).rejects.toThrow(/text\.jpg is not a picture/);
    await expect(decodeFile(path('none.jpg'), 3, shortSide(4))).rejects.toThrow(
      /There is no file .*none\.jpg/,
    );
    await expect(decodeFile(path('plain.png'), 2, shortSide(4))).rejects.toThrow(
      /takes pictures of 2 channels/,
    );
  });
});

describe('shrinking', () => {
  it.each([
    ['bilinear', 61, 40],
    ['bilinear', 90, 47],
    ['bicubic', 61, 40],
  ] as const)('is PIL’s %s, from %i px to %i', async (interpolation, from, to) => {
    const [height, width] = [from, from + 7];
    const wave = (i: number): number =>
      127 + 100 * Math.sin((i % width) * 0.31) * Math.cos(Math.floor(i / width) * 0.2);
    const data = Uint8Array.from({ length: height * width }, (_, i) => wave(i));
    const raster = planarRaster(data, 1, { height, width });
    const scaling = { least: { height: to, width: to }, interpolation };
    const got = await scaleRaster(raster, scaling);
    const wanted = resizedPart(raster, { top: 0, left: 0, height, width }, got, interpolation).data;
    const differences = wanted.map((value, i) => Math.abs(value - (got.data[i] as number)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(3);
    expect(differences.reduce((sum, d) => sum + d, 0) / differences.length).toBeLessThan(0.6);
  });
});

describe('scaleRaster', () => {
  it('leaves a picture of the right size alone, and scales planes like a file', async () => {
    const planar = new Uint8Array(162);
    for (let i = 0; i < 54; i++)
      for (let c = 0; c < 3; c++) planar[c * 54 + i] = picture[i * 3 + c] as number;
    const raster = planarRaster(planar, 3, { height: 6, width: 9 });
    expect(await scaleRaster(raster, shortSide(6))).toBe(raster);
    for (const side of [4, 12]) {
      const scaled = await scaleRaster(raster, shortSide(side));
      const decoded = await decodeFile(path('plain.png'), 3, shortSide(side));
      expect(scaled.data).toEqual(decoded.data);
    }
  });
});
