// Packing: every picture decoded once, upright, its short side brought to `side` px, into one file. Training from it
// decodes nothing (raw) or little (jpeg). Pictures are decoded side by side by sharp's threads and written in their
// order; the file gets its name when it is whole, so one that is there is complete.
import { availableParallelism } from 'node:os';
import sharp from 'sharp';
import { UserError } from '../../../errors.ts';
import { nameAt, type PictureIndex, pictureName } from '../picture-index.ts';
import { type OpenStore, openStore } from '../picture-store.ts';
import { badPictureError, badPictureReason } from '../render/bad-picture.ts';
import type { PackFormat } from './file.ts';
import { type PackedPicture, type PackSettings, packPicture } from './picture.ts';
import { checkRoom, createPackWriter, type PackWriter } from './writer.ts';

export interface PackOptions {
  /** The file to write. */
  readonly out: string;
  /** Short side, px; default 256. Smaller pictures keep their size. */
  readonly side?: number;
  /** Default 'raw': three bytes a pixel, nothing left to decode. 'jpeg' takes a seventh of the room. */
  readonly format?: PackFormat;
  /** Of JPEG, 1 to 100; default 95. */
  readonly quality?: number;
  /** What to do with pictures that cannot be decoded: stop (default), or leave out up to 1 % of them. */
  readonly onBadImage?: 'fail' | 'skip';
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number, bytes: number) => void;
  readonly onNote?: (message: string) => void;
}

export interface PackResult {
  readonly out: string;
  readonly format: PackFormat;
  readonly side: number;
  readonly pictures: number;
  readonly skipped: number;
  readonly classes: number;
  readonly bytes: number;
  /** What the packed pictures took before, bytes. */
  readonly sourceBytes: number;
  readonly seconds: number;
}

/**
 * Packs the splits of a data set, which have the same classes, into `out`. Throws a UserError when a picture is bad,
 * the disk has not enough room (before anything is written), or the file cannot be written; nothing is left then, nor
 * when `signal` stops it.
 */
export async function packPictures(
  indices: readonly PictureIndex[],
  options: PackOptions,
): Promise<PackResult> {
  const started = performance.now();
  const { out, side = 256, format = 'raw', quality = 95 } = options;
  const settings = { side, format, quality };
  const total = indices.reduce((sum, { length }) => sum + length, 0);
  const [first] = indices;
  if (first === undefined || total === 0) throw new UserError('There are no pictures to pack.');
  const stores = indices.map(({ store }) => openStore(store));
  const threads = sharp.concurrency();
  // Pictures side by side use the cores better than the stripes of one do.
  sharp.concurrency(1);
  try {
    const needed = await estimate(indices, stores, settings);
    checkRoom(out, needed * total, settings, total);
    const writer = createPackWriter(out, options.onNote);
    try {
      const { skipped, sourceBytes } = await writeAll(indices, stores, settings, writer, options);
      const { name, classes } = first;
      const bytes = writer.finish({
        name,
        classes,
        side,
        format,
        quality: format === 'jpeg' ? quality : undefined,
      });
      return {
        out,
        format,
        side,
        pictures: total - skipped,
        skipped,
        classes: classes.length,
        bytes,
        sourceBytes,
        seconds: (performance.now() - started) / 1000,
      };
    } finally {
      writer.discard();
    }
  } finally {
    sharp.concurrency(threads);
    for (const store of stores) store.close();
  }
}

async function writeAll(
  indices: readonly PictureIndex[],
  stores: readonly OpenStore[],
  settings: PackSettings,
  writer: PackWriter,
  { onBadImage = 'fail', signal, onProgress, onNote }: PackOptions,
): Promise<{ skipped: number; sourceBytes: number }> {
  const total = indices.reduce((sum, { length }) => sum + length, 0);
  let [done, skipped, sourceBytes] = [0, 0, 0];
  for (const [i, index] of indices.entries()) {
    const store = stores[i] as OpenStore;
    const packed = inOrder(index.length, (picture) => attempt(store, picture, settings), signal);
    for await (const [picture, result] of packed) {
      if (typeof result === 'string') {
        const name = pictureName(index, picture);
        if (onBadImage === 'fail') throw badPictureError(name, result);
        onNote?.(`${name} is left out: ${result}.`);
        if (++skipped > Math.max(1, mostSkipped * total)) {
          throw new UserError(
            `${skipped} of ${total} pictures cannot be used, more than 1 %; ${name} is the last: ${result}. ` +
              'Look at the data before packing it.',
          );
        }
      } else {
        writer.add(result, nameAt(index.store, picture), index.labels[picture] as number);
        sourceBytes += result.sourceBytes;
      }
      onProgress?.(++done, total, writer.bytes);
    }
    writer.endSplit(index.undivided ? 'undivided' : index.split);
  }
  return { skipped, sourceBytes };
}

const mostSkipped = 0.01;

/** The packed picture, or the reason why there is none. */
async function attempt(store: OpenStore, i: number, settings: PackSettings): Promise<PackedPicture | string> {
  try {
    return await packPicture(store.read(i), settings);
  } catch (error) {
    const reason = badPictureReason(error);
    if (reason === undefined) throw error;
    return reason;
  }
}

/** Results in their order, with a few more under way than there are cores. */
async function* inOrder<T>(
  length: number,
  run: (i: number) => Promise<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<[number, T], void, undefined> {
  const ahead = 2 * availableParallelism() + 2;
  const running: Promise<T>[] = [];
  for (let i = 0, started = 0; i < length; i++) {
    signal?.throwIfAborted();
    for (; started < length && started < i + ahead; started++) {
      const result = run(started);
      // A failure is thrown when its turn comes; until then it is nobody's.
      result.catch(() => {});
      running.push(result);
    }
    yield [i, await (running.shift() as Promise<T>)];
  }
}

/** Bytes that a packed picture takes on average, from a few of each split; bad ones do not count. */
async function estimate(
  indices: readonly PictureIndex[],
  stores: readonly OpenStore[],
  settings: PackSettings,
): Promise<number> {
  let [pictures, bytes] = [0, 0];
  for (const [s, { length }] of indices.entries()) {
    const few = Math.min(length, sampled);
    for (let k = 0; k < few; k++) {
      const result = await attempt(stores[s] as OpenStore, Math.floor((k * length) / few), settings);
      if (typeof result === 'string') continue;
      pictures++;
      bytes += result.bytes.length;
    }
  }
  return pictures === 0 ? 0 : bytes / pictures;
}

const sampled = 24;
