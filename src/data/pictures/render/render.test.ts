import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { windowsOf } from '../../../evaluate/crops.ts';
import type { Preprocessing } from '../../../evaluate/preprocessing.ts';
import type { Protocol } from '../../../evaluate/protocol.ts';
import { scalingFor, writeView } from '../../../evaluate/views.ts';
import { decodeFile } from '../../raster.ts';
import { madeUpJpeg, madeUpPixels, smallTransform } from '../loader-testing.ts';
import type { StoredPicture } from '../picture-store.ts';
import { drawPicture } from './draw.ts';
import { paintPart } from './paint.ts';
import { renderPicture } from './render.ts';
import type { PictureTransform, TrainingTransform } from './transform.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-render-'));
afterAll(() => rmSync(folder, { recursive: true }));

const key = { seed: 1, epoch: 2, picture: 3 };
const training = smallTransform.train as TrainingTransform;

async function render(
  stored: StoredPicture | Uint8Array,
  transform: PictureTransform,
  from = key,
): Promise<Float32Array> {
  const { height, width } = transform.size;
  const output = new Float32Array(3 * height * width + 2).fill(99);
  const picture = stored instanceof Uint8Array ? ({ kind: 'encoded', bytes: stored } as const) : stored;
  await renderPicture(output, 1, picture, transform, from);
  expect([output[0], output.at(-1)]).toEqual([99, 99]);
  return output.subarray(1, -1);
}

function pixelsOf(width: number, height: number, seed: number): StoredPicture & { kind: 'pixels' } {
  return { kind: 'pixels', data: madeUpPixels(width, height, seed), height, width };
}

const png = (width: number, height: number, seed: number): Promise<Buffer> =>
  sharp(madeUpPixels(width, height, seed), { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();

function largest(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);
}

function meanDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + Math.abs(x - (b[i] as number)), 0) / a.length;
}

describe('a test picture', () => {
  const testing: PictureTransform = { ...smallTransform, train: null };
  const turned = async () =>
    sharp(await madeUpJpeg(90, 70, 3))
      .withMetadata({ orientation: 6 })
      .toBuffer();
  const grey = async () =>
    sharp(await madeUpJpeg(90, 70, 3))
      .toColourspace('b-w')
      .jpeg()
      .toBuffer();
  it.each([
    ['a JPEG', () => madeUpJpeg(151, 113, 3), testing],
    ['one that grows', () => madeUpJpeg(37, 30, 3), testing],
    ['one turned by EXIF', turned, testing],
    ['a grey one', grey, testing],
    ['a PNG', () => png(90, 70, 3), testing],
    ['bicubic', () => madeUpJpeg(151, 113, 3), { ...testing, interpolation: 'bicubic' as const }],
    [
      'BGR in 0..255',
      () => madeUpJpeg(151, 113, 3),
      {
        ...testing,
        order: 'BGR' as const,
        range: 255 as const,
        normalise: { mean: [104, 117, 123], std: [1, 2, 3] },
      },
    ],
    ['an oblong crop', () => madeUpJpeg(151, 113, 3), { ...testing, size: { height: 24, width: 40 } }],
  ])('is to the bit what src/evaluate makes of it: %s', async (_, make, transform) => {
    const bytes = await make();
    const path = join(folder, 'picture');
    writeFileSync(path, bytes);
    const { size, resize, normalise, interpolation, order, range } = transform as PictureTransform;
    const preprocessing: Preprocessing = {
      channels: 3,
      ...size,
      pad: 0,
      normalise,
      resize,
      interpolation,
      ...(order && { order }),
      ...(range && { range }),
    };
    const scaling = scalingFor({ crop: size } as Protocol, preprocessing, resize);
    const raster = await decodeFile(path, 3, scaling);
    const [window] = windowsOf('1', raster, size);
    if (window === undefined) throw new Error('no window');
    const wanted = new Float32Array(3 * size.height * size.width);
    writeView(wanted, 0, raster, window, size, preprocessing);
    expect(largest(await render(bytes, transform), wanted)).toBe(0);
  });

  it('from packed pixels equals the PNG that holds them', async () => {
    const stored = pixelsOf(60, 40, 8);
    expect(largest(await render(stored, testing), await render(await png(60, 40, 8), testing))).toBe(0);
    const larger = { ...testing, resize: 50 };
    expect(largest(await render(stored, larger), await render(await png(60, 40, 8), larger))).toBe(0);
  });
});

describe('a training picture', () => {
  const jitter: PictureTransform = {
    ...smallTransform,
    train: { scale: { kind: 'short-side', least: 40, most: 60 }, flip: true },
  };

  it.each([
    ['area', smallTransform],
    ['short side', jitter],
    ['bicubic', { ...jitter, interpolation: 'bicubic' as const }],
  ])('cut by the decoder is what is cut from the whole picture: %s', async (_, transform) => {
    const bytes = await madeUpJpeg(113, 80, 4);
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    for (let picture = 0; picture < 12; picture++) {
      const from = { ...key, picture };
      const whole = { kind: 'pixels', data, height: info.height, width: info.width } as const;
      expect(
        largest(await render(bytes, transform, from), await render(whole, transform, from)),
      ).toBeLessThan(1e-5);
    }
  });

  it('shrunk by the decoder is nearly what is made of the whole picture', async () => {
    const bytes = await sharp(await madeUpJpeg(90, 70, 4))
      .resize(900, 700)
      .jpeg()
      .toBuffer();
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    const whole = { kind: 'pixels', data, height: info.height, width: info.width } as const;
    for (const transform of [jitter, smallTransform]) {
      for (let picture = 0; picture < 6; picture++) {
        const from = { ...key, picture };
        // In units of the std, about 57 grey levels; the shift is up to half a pixel of the crop.
        expect(
          meanDifference(await render(bytes, transform, from), await render(whole, transform, from)),
        ).toBeLessThan(0.12);
      }
    }
  });

  it('is the same from a PNG as from its pixels', async () => {
    expect(
      largest(
        await render(await png(60, 44, 5), smallTransform),
        await render(pixelsOf(60, 44, 5), smallTransform),
      ),
    ).toBe(0);
  });

  it('is upright where EXIF turned it', async () => {
    const upright = await madeUpJpeg(90, 70, 6);
    // Lying on its side, with the tag that says so.
    const lying = await sharp(await sharp(upright).rotate(270).png().toBuffer())
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer();
    expect(
      meanDifference(await render(lying, smallTransform), await render(upright, smallTransform)),
    ).toBeLessThan(0.05);
  });

  it('shifts colours, distorts them, and erases', async () => {
    const stored = pixelsOf(60, 44, 5);
    const plain = await render(stored, smallTransform);
    const shifted = await render(stored, {
      ...smallTransform,
      train: { ...training, colour: { kind: 'shift', deviation: 0.1 } },
    });
    for (let c = 0; c < 3; c++) {
      const difference = (shifted[c * 1024] as number) - (plain[c * 1024] as number);
      expect(difference).not.toBe(0);
      for (let i = 0; i < 1024; i++)
        expect((shifted[c * 1024 + i] as number) - (plain[c * 1024 + i] as number)).toBeCloseTo(
          difference,
          5,
        );
    }
    const none = { kind: 'photometric', brightness: 0, contrast: 0, saturation: 0, hue: 0 } as const;
    expect(
      largest(await render(stored, { ...smallTransform, train: { ...training, colour: none } }), plain),
    ).toBeLessThan(1e-5);
    const some = { ...none, brightness: 0.4, hue: 0.1 };
    expect(
      meanDifference(
        await render(stored, { ...smallTransform, train: { ...training, colour: some } }),
        plain,
      ),
    ).toBeGreaterThan(0.02);
    const erased = await render(stored, {
      ...smallTransform,
      train: { ...training, erase: { probability: 1 } },
    });
    const zeros = erased.reduce((sum, x) => sum + (x === 0 ? 1 : 0), 0) / 3072;
    expect(zeros).toBeGreaterThan(0.015);
    for (let i = 0; i < 3072; i++) if (erased[i] !== 0) expect(erased[i]).toBe(plain[i]);
  });

  it.each(['RGB', 'BGR'] as const)('subtracts the window of the mean picture (%s)', async (order) => {
    const side = 40;
    const values = Float32Array.from(madeUpPixels(side, side, 11), (byte) => byte / 255);
    // A picture that is the mean picture itself leaves nothing.
    const data = Uint8Array.from({ length: 3 * side * side }, (_, i) =>
      Math.round(255 * (values[(i % 3) * side * side + Math.floor(i / 3)] as number)),
    );
    const train: TrainingTransform = {
      scale: { kind: 'short-side', least: side, most: side, square: true },
      flip: true,
    };
    for (const each of [train, { ...train, crops: 'ten' as const }, null]) {
      const transform = { ...smallTransform, order, train: each, meanPicture: { side, values } };
      for (let picture = 0; picture < 8; picture++) {
        const got = await render({ kind: 'pixels', data, height: side, width: side }, transform, {
          ...key,
          picture,
        });
        expect(largest(got, new Float32Array(got.length))).toBeLessThan(1e-4);
      }
    }
  });

  it('shows what its draw says', async () => {
    const stored = pixelsOf(60, 44, 5);
    const draw = drawPicture(smallTransform, training, stored, key.seed, key.epoch, key.picture);
    const wanted = new Float32Array(3072);
    const { mean, std } = smallTransform.normalise;
    const scale = std.map((x) => 1 / (255 * x)) as [number, number, number];
    const shift = std.map((x, i) => -(mean[i] as number) / x) as [number, number, number];
    paintPart({ ...stored, channels: 3 }, draw.part, true, 'bilinear', {
      output: wanted,
      offset: 0,
      size: smallTransform.size,
      channels: [0, 1, 2],
      scale,
      shift,
      mirror: draw.mirror,
    });
    expect(largest(await render(stored, smallTransform), wanted)).toBeLessThan(1e-6);
  });
});
