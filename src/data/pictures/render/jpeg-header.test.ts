import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { madeUpJpeg, madeUpPixels } from '../loader-testing.ts';
import { readJpegHeader } from './jpeg-header.ts';

describe('readJpegHeader', () => {
  it('tells size and components', async () => {
    expect(readJpegHeader(await madeUpJpeg(61, 37, 1))).toEqual({
      height: 37,
      width: 61,
      components: 3,
      orientation: 1,
      complete: true,
    });
    const raw = { width: 20, height: 10, channels: 3 as const };
    const image = () => sharp(madeUpPixels(20, 10, 1), { raw });
    const grey = await image().toColourspace('b-w').jpeg({ progressive: true }).toBuffer();
    expect(readJpegHeader(grey)).toMatchObject({ height: 10, width: 20, components: 1 });
    const cmyk = await image().toColourspace('cmyk').jpeg().toBuffer();
    expect(readJpegHeader(cmyk)).toMatchObject({ height: 10, width: 20, components: 4 });
  });

  it.each([1, 3, 6, 8])('tells EXIF orientation %i', async (orientation) => {
    const turned = await sharp(await madeUpJpeg(61, 37, 1))
      .withMetadata({ orientation })
      .toBuffer();
    expect(readJpegHeader(turned)).toMatchObject({ height: 37, width: 61, orientation });
  });

  it('sees that the end is missing', async () => {
    const bytes = await madeUpJpeg(61, 37, 1);
    expect(readJpegHeader(bytes.subarray(0, bytes.length - 40))?.complete).toBe(false);
  });

  it('gives nothing for other files, whatever follows, and whatever is cut off', async () => {
    const bytes = await madeUpJpeg(61, 37, 1);
    for (let length = 0; length < 150; length++) {
      expect(readJpegHeader(bytes.subarray(0, length))?.width ?? 61).toBe(61);
    }
    expect(readJpegHeader(await sharp(bytes).png().toBuffer())).toBeUndefined();
    expect(readJpegHeader(Uint8Array.of(0xff, 0xd8, 0xff, 0xd9, 0, 0, 0, 0, 0, 0, 0, 0))).toBeUndefined();
    expect(readJpegHeader(new Uint8Array(0))).toBeUndefined();
  });
});
