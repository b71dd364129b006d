// Pictures of any source as batches of a network's input, prepared as in a test with one view per picture. While the
// engine computes a batch, sharp's threads decode the next; no more than these two are in memory.
import type { Raster } from '../data/raster.ts';
import { windowsOf } from '../evaluate/crops.ts';
import { type Preprocessing, unitNormalisation } from '../evaluate/preprocessing.ts';
import { type Protocol, protocolFor } from '../evaluate/protocol.ts';
import type { PictureSource } from '../evaluate/sources.ts';
import { scalingFor, writeView } from '../evaluate/views.ts';

export interface InputBatch {
  /** Index of the first picture, and how many there are; the rest of `images` is left from before. */
  readonly first: number;
  readonly count: number;
  /** batch x C x H x W; overwritten when the next batch is asked for. */
  readonly images: Float32Array;
}

/** Size of the input that the preparation gives, px, with its padding. */
export function inputSize({ channels, height, width, pad }: Preprocessing): [number, number, number] {
  return [channels, height + 2 * pad, width + 2 * pad];
}

/** Batches of the pictures from `from` on, in order, `step` pictures from one to the next: default all of them. */
export async function* inputBatches(
  source: PictureSource,
  preprocessing: Preprocessing,
  batch: number,
  from = 0,
  signal?: AbortSignal,
  step = batch,
): AsyncGenerator<InputBatch> {
  const protocol = protocolFor({ crops: '1' }, preprocessing);
  const [channels, height, width] = inputSize(preprocessing);
  const size = channels * height * width;
  const images = new Float32Array(batch * size);
  const decode = (first: number): Promise<Raster[]> => {
    const count = Math.max(0, Math.min(batch, source.length - first));
    const rasters = Promise.all(
      Array.from({ length: count }, (_, i) => raster(source, protocol, preprocessing, first + i)),
    );
    // A failure is thrown when its turn comes; until then it is nobody's.
    rasters.catch(() => {});
    return rasters;
  };
  let ahead = decode(from);
  for (let first = from; first < source.length; first += step) {
    signal?.throwIfAborted();
    const rasters = await ahead;
    ahead = decode(first + step);
    for (const [slot, each] of rasters.entries()) {
      writeRaster(images, slot * size, each, protocol, preprocessing);
    }
    // File headers are read, and signals and timers get their turn, before the engine's long call.
    await new Promise((resolve) => setImmediate(resolve));
    yield { first, count: rasters.length, images };
  }
}

/** The pictures `indices` of a source as one input, indices.length x C x H x W. */
export async function inputsOf(
  source: PictureSource,
  preprocessing: Preprocessing,
  indices: readonly number[],
): Promise<Float32Array> {
  const protocol = protocolFor({ crops: '1' }, preprocessing);
  const [channels, height, width] = inputSize(preprocessing);
  const size = channels * height * width;
  const images = new Float32Array(indices.length * size);
  await Promise.all(
    indices.map(async (index, slot) => {
      writeRaster(
        images,
        slot * size,
        await raster(source, protocol, preprocessing, index),
        protocol,
        preprocessing,
      );
    }),
  );
  return images;
}

function raster(
  source: PictureSource,
  protocol: Protocol,
  preprocessing: Preprocessing,
  index: number,
): Promise<Raster> {
  const scaling = scalingFor(protocol, preprocessing, protocol.scales[0]);
  return source.raster(index, preprocessing.channels, scaling);
}

function writeRaster(
  images: Float32Array,
  offset: number,
  each: Raster,
  protocol: Protocol,
  preprocessing: Preprocessing,
): void {
  for (const window of windowsOf(protocol.crops, each, protocol.crop)) {
    writeView(images, offset, each, window, protocol.crop, preprocessing);
  }
}

/**
 * One input (C x H x W) as the picture that it was made from, planar bytes, channels in the order RGB: the preparation
 * undone, padding included.
 */
export function inputPicture(input: Float32Array, preprocessing: Preprocessing): Uint8Array {
  const { channels, order = 'RGB' } = preprocessing;
  const { mean, std } = unitNormalisation(preprocessing);
  const plane = input.length / channels;
  const bytes = new Uint8Array(input.length);
  for (let channel = 0; channel < channels; channel++) {
    const from = (order === 'BGR' ? channels - 1 - channel : channel) * plane;
    // Mean and deviation count planes as the network does.
    const index = from / plane;
    const [centre, deviation] = [mean[index] as number, std[index] as number];
    for (let i = 0; i < plane; i++) {
      const value = 255 * ((input[from + i] as number) * deviation + centre);
      bytes[channel * plane + i] = Math.round(Math.min(255, Math.max(0, value)));
    }
  }
  return bytes;
}
