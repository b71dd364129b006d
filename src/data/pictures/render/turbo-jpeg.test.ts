// Whichever decodes a plain JPEG file, the pixels are the same.
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { turboJpeg } from './turbo-jpeg.ts';

const decoder = turboJpeg();
const [height, width] = [61, 83];

async function jpeg(
  grey: boolean,
  options: { quality: number; chromaSubsampling?: string; progressive?: boolean },
) {
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const [y, x] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width];
    return 128 + 60 * Math.sin(x / (3 + (i % 3))) + 60 * Math.cos(y / 5) + ((i * 7919) % 13);
  });
  const image = sharp(data, { raw: { height, width, channels: 3 } });
  return (grey ? image.greyscale() : image).jpeg(options).toBuffer();
}

describe.skipIf(decoder === undefined)('libjpeg-turbo (skipped where it is not installed)', () => {
  it.each([
    [false, { quality: 92 }],
    [false, { quality: 75, chromaSubsampling: '4:4:4' }],
    [false, { quality: 60, progressive: true }],
    [true, { quality: 85 }],
  ])('gives what sharp gives (grey: %s, %o)', async (grey, options) => {
    const bytes = await jpeg(grey, options);
    const pipeline = sharp(bytes, { ignoreIcc: true }).toColourspace(grey ? 'b-w' : 'srgb');
    const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true });
    const components = grey ? 1 : 3;
    expect([info.height, info.width, info.channels]).toEqual([height, width, components]);
    const pixels = decoder?.(bytes, { height, width, components });
    expect(pixels?.channels).toBe(components);
    const differences = Array.from(pixels?.data ?? [], (value, i) => Math.abs(value - (data[i] as number)));
    expect(pixels?.data.length).toBe(data.length);
    expect(Math.max(...differences)).toBe(0);
  });

  it('leaves what is damaged, or of another kind, to another decoder', async () => {
    const bytes = await jpeg(false, { quality: 90 });
    const size = { height, width, components: 3 };
    expect(decoder?.(bytes.subarray(0, bytes.length - 400), size)).toBeUndefined();
    expect(decoder?.(new Uint8Array(100), size)).toBeUndefined();
    expect(decoder?.(bytes, { ...size, components: 4 })).toBeUndefined();
    expect(decoder?.(bytes, size)?.data.length).toBe(height * width * 3);
  });
});
