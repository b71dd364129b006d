import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { openPictures } from '../data/pictures/open.ts';
import { packPictures } from '../data/pictures/pack/pack.ts';
import type { PictureIndex } from '../data/pictures/picture-index.ts';
import { noCache, scratchFolder, writeTar, writeTree } from '../data/pictures/sources/testing.ts';
import type { Raster } from '../data/raster.ts';
import { sourceOf } from './index-source.ts';

const scratch = scratchFolder();
const open = async (path: string): Promise<PictureIndex> =>
  (await openPictures(path, 'train', { cache: noCache })) as PictureIndex;
const places: Record<string, string> = {};

beforeAll(async () => {
  const noise = (width: number, height: number): Promise<Buffer> => {
    const data = Buffer.from(Array.from({ length: 3 * width * height }, (_, i) => (i * 7919) % 251));
    return sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
  };
  const [wide, tall] = [await noise(60, 40), await noise(30, 50)];
  places.folder = writeTree(join(scratch, 'folder'), { 'a/1.png': wide, 'b/2.png': tall });
  places.shard = join(scratch, 'shard.tar');
  writeTar(places.shard, { '1.png': wide, '1.cls': 'a', '2.png': tall, '2.cls': 'b' });
  places.pack = join(scratch, 'x.pack');
  await packPictures([await open(places.folder)], { out: places.pack });
});

/** Bytes of a raster in one order, whatever order it has them in. */
function bytesOf({ data, channels, height, width, pixelStep, planeStep }: Raster): number[] {
  return Array.from({ length: channels * height * width }, (_, at) => {
    const [i, c] = [Math.floor(at / channels), at % channels];
    return data[i * pixelStep + c * planeStep] as number;
  });
}

describe('sourceOf', () => {
  it.each(['shard', 'pack'])('gives of a %s the pictures that the folder of files gives', async (kind) => {
    const files = await open(places.folder as string);
    const index = await open(places[kind] as string);
    expect([index.classes, [...index.labels]]).toEqual([
      ['a', 'b'],
      [0, 1],
    ]);
    const indices = Uint32Array.of(1, 0);
    const [expected, source] = [sourceOf(files, indices), sourceOf(index, indices)];
    for (const scaling of [
      { least: { height: 24, width: 24 }, interpolation: 'bilinear' },
      { least: { height: 70, width: 70 }, interpolation: 'bicubic' },
    ] as const) {
      for (let i = 0; i < 2; i++) {
        expect(await source.size(i)).toMatchObject(await expected.size(i));
        const [is, shouldBe] = [await source.raster(i, 3, scaling), await expected.raster(i, 3, scaling)];
        expect([is.height, is.width]).toEqual([shouldBe.height, shouldBe.width]);
        expect(bytesOf(is)).toEqual(bytesOf(shouldBe));
      }
    }
  });
});
