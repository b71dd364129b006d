// The pictures of an index as a test takes them: files by their paths, members of archives and packs through a store
// that stays open for as long as the process needs it.
import sharp from 'sharp';
import type { Dataset } from '../data/dataset.ts';
import { type PictureIndex, pictureName } from '../data/pictures/picture-index.ts';
import { type OpenStore, openStore } from '../data/pictures/picture-store.ts';
import { badPictureError } from '../data/pictures/render/bad-picture.ts';
import { decodeBytes, decodeFile, fileSize, type Raster, type Scaling, scaleRaster } from '../data/raster.ts';
import type { Size } from '../data/resample.ts';
import { UserError } from '../errors.ts';
import { datasetSource, type PictureSource } from './sources.ts';

/** Pictures in memory, or those of an index. */
export type PictureSet = Dataset | PictureIndex;

export function inMemory(set: PictureSet): set is Dataset {
  return 'pixels' in set;
}

/** The pictures of `set` at `indices`, in that order. */
export function sourceOf(set: PictureSet, indices: Uint32Array): PictureSource {
  if (inMemory(set)) return datasetSource(set, indices);
  return set.store.kind === 'files' ? filesOf(set, indices) : storedOf(set, indices);
}

function filesOf(index: PictureIndex, indices: Uint32Array): PictureSource {
  const path = (i: number): string => pictureName(index, indices[i] as number);
  return {
    length: indices.length,
    name: path,
    size: (i) => fileSize(path(i)),
    raster: (i, channels, scaling, original) => decodeFile(path(i), channels, scaling, original),
  };
}

function storedOf(index: PictureIndex, indices: Uint32Array): PictureSource {
  let opened: OpenStore | undefined;
  const name = (i: number): string => pictureName(index, indices[i] as number);
  const raster = async (i: number, channels: number, scaling: Scaling): Promise<Raster> => {
    if (channels !== 1 && channels !== 3) {
      throw new UserError(
        `The network takes pictures of ${channels} channels; files give 1 (grey) or 3 (RGB).`,
      );
    }
    opened ??= openStore(index.store);
    const stored = opened.read(indices[i] as number);
    if (stored.kind === 'pixels') {
      const { data, height, width } = stored;
      const whole: Raster = { channels: 3, height, width, data, pixelStep: 3, planeStep: 1 };
      return scaleRaster(channels === 3 ? whole : grey(whole), scaling);
    }
    try {
      return await decodeBytes(stored.bytes, channels, scaling);
    } catch (error) {
      throw badPictureError(name(i), (error as Error).message.trim().split('\n')[0] as string);
    }
  };
  return {
    length: indices.length,
    name,
    size: async (i): Promise<Size> => {
      const { store } = index;
      const at = indices[i] as number;
      if (store.kind === 'pack') {
        return { height: store.heights[at] as number, width: store.widths[at] as number };
      }
      opened ??= openStore(store);
      const stored = opened.read(at);
      return stored.kind === 'pixels' ? stored : bytesSize(stored.bytes, name(i));
    },
    raster,
  };
}

async function bytesSize(bytes: Uint8Array, name: string): Promise<Size> {
  try {
    const { autoOrient } = await sharp(bytes).metadata();
    return { height: autoOrient.height, width: autoOrient.width };
  } catch (error) {
    throw badPictureError(name, (error as Error).message.trim().split('\n')[0] as string);
  }
}

/** Rec. 601 luma, as sharp and PIL make grey of RGB. */
function grey({ data, height, width }: Raster): Raster {
  const plane = new Uint8Array(height * width);
  for (let i = 0; i < plane.length; i++) {
    const [r, g, b] = [data[3 * i] as number, data[3 * i + 1] as number, data[3 * i + 2] as number];
    plane[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
  }
  return { channels: 1, height, width, data: plane, pixelStep: 1, planeStep: height * width };
}
