// Occlusion (Zeiler & Fergus 2014, section 4.2, figure 7): a square slides over the picture and covers a part of it;
// for every place the network says how probable a class still is, which class it takes the picture for, and how active
// the map is that was strongest on the whole picture. "Strongest" is measured by what is recorded, the sum over the map;
// the paper leaves it open. Sums over maps are taken inside the program, so that a large layer costs no copying.
import type { ComputeType, Engine } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import { writeWeights } from '../evaluate/model.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import { markOutput } from '../graph/graph.ts';
import { sumTo } from '../graph/ops/index.ts';
import type { Network } from '../nets/network.ts';
import { softmaxOf } from './grad-cam.ts';
import { checkSeed, findLayer, type Layer } from './layer.ts';
import { copyPart, type Fill, filledPicture, isSame, type PictureSize } from './occlusion-fill.ts';

/** Where the square goes: wholly inside the picture, its upper left corner at (row stride, column stride). */
export interface OcclusionGrid {
  /** Side of the square, px; 0 covers nothing. */
  readonly size: number;
  /** Distance of neighbouring places, px. */
  readonly stride: number;
  readonly rows: number;
  readonly columns: number;
}

/** Places in the order of the maps: rows of the picture first. Throws a UserError where the square does not fit. */
export function occlusionGrid(
  { height, width }: Pick<PictureSize, 'height' | 'width'>,
  size: number,
  stride: number,
): OcclusionGrid {
  if (!Number.isInteger(size) || size < 0 || !Number.isInteger(stride) || stride < 1) {
    throw new UserError(
      `The square got size ${size} and stride ${stride}, expected whole px, at least 0 and 1.`,
      { exitCode: 2 },
    );
  }
  if (size > Math.min(height, width)) {
    throw new UserError(
      `A square of ${size} px does not fit into the picture, which the network sees at ${height}x${width} px. ` +
        `Give a --size of at most ${Math.min(height, width)}.`,
      { exitCode: 2 },
    );
  }
  const places = (side: number): number => Math.floor((side - size) / stride) + 1;
  return { size, stride, rows: places(height), columns: places(width) };
}

/** A square of about a seventh of the picture at about 28 places on the short side: 32 px every 7 px at 224. */
export function defaultSquare({ height, width }: Pick<PictureSize, 'height' | 'width'>): {
  size: number;
  stride: number;
} {
  const side = Math.min(height, width);
  const size = Math.max(1, Math.round(side / 7));
  return { size, stride: Math.max(1, Math.round((side - size) / 27)) };
}

export interface OcclusionRequest {
  /** The network in inference form for so many pictures; its graph gets nodes. */
  build(batch: number): Network;
  readonly tensors: ReadonlyMap<string, Float32Array>;
  readonly engine: Engine;
  /** Default f32. */
  readonly dtype?: ComputeType;
  readonly preprocessing: Preprocessing;
  /** C x H x W, prepared. */
  readonly image: Float32Array;
  /** Side and distance of the squares, px; default `defaultSquare`. */
  readonly size?: number | undefined;
  readonly stride?: number | undefined;
  /** Default gray. */
  readonly fill?: Fill | undefined;
  /** Default: the most probable one of the whole picture. */
  readonly class?: number | undefined;
  /** Path of the layer whose map is watched. */
  readonly layer: string;
  /** Default: the unit with the largest sum on the whole picture, the first of equal ones. */
  readonly unit?: number | undefined;
  /** Pictures per run, at most; default 16. */
  readonly batch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Occlusion {
  readonly grid: OcclusionGrid;
  readonly fill: Fill;
  readonly layer: string;
  readonly unit: number;
  readonly class: number;
  /** Of the whole picture: probabilities of all classes, and the sum over the map. */
  readonly whole: { readonly probabilities: Float64Array; readonly activity: number };
  /** One value per place, row by row: p(class), the sum over the map, and the most probable class. */
  readonly probability: Float32Array;
  readonly activity: Float32Array;
  readonly classes: Float32Array;
}

const largestBatch = 16;

/** Throws a UserError: a square that does not fit, a layer or unit that is not there; or the signal's reason. */
export async function occlude(request: OcclusionRequest): Promise<Occlusion> {
  const { image, fill = 'gray', layer: path, signal, onProgress } = request;
  const probe = request.build(1);
  const [, channels, height, width] = probe.images.shape as [number, number, number, number];
  const picture = { channels, height, width };
  const usual = defaultSquare(picture);
  const grid = occlusionGrid(picture, request.size ?? usual.size, request.stride ?? usual.stride);
  const layer = findLayer(probe, path);
  if (request.unit !== undefined) checkSeed(layer, request.unit);
  const places = grid.rows * grid.columns;
  // The whole picture goes first, in the same run as the first squares.
  const total = places + 1;
  const limit = request.batch ?? largestBatch;
  const batch = Math.ceil(total / Math.ceil(total / limit));
  const runner = createRunner(request, batch);
  try {
    const cover = filledPicture(image, picture, request.preprocessing, fill, grid.size);
    const images = new Float32Array(batch * image.length);
    for (let slot = 0; slot < batch; slot++) images.set(image, slot * image.length);
    const covered: (Square | undefined)[] = new Array(batch).fill(undefined);
    // The same picture gets the same answer; a library may round the rows of a batch in different ways.
    const unchanged: boolean[] = new Array(batch).fill(true);
    const probability = new Float32Array(places);
    const activity = new Float32Array(places);
    const classes = new Float32Array(places);
    let whole: { probabilities: Float64Array; activity: number } | undefined;
    let chosen = { unit: request.unit ?? 0, class: request.class ?? 0 };
    for (let first = 0; first < total; first += batch) {
      signal?.throwIfAborted();
      const count = Math.min(batch, total - first);
      for (let slot = 0; slot < count; slot++) {
        const offset = slot * image.length;
        const before = covered[slot];
        if (before !== undefined) copyPart(images, offset, image, picture, before);
        const square = first + slot === 0 ? undefined : squareAt(grid, first + slot - 1);
        if (square !== undefined) copyPart(images, offset, cover, picture, square);
        covered[slot] = square;
        unchanged[slot] = square === undefined || isSame(image, cover, picture, square);
      }
      const { logits, sums } = runner.run(images);
      for (let slot = 0; slot < count; slot++) {
        const probabilities = softmaxOf(row(logits, slot, probe.classes));
        const activities = row(sums, slot, layer.units);
        if (first + slot === 0) {
          const unit = request.unit ?? largest(activities);
          chosen = { unit, class: request.class ?? largest(probabilities) };
          whole = { probabilities, activity: activities[unit] as number };
          continue;
        }
        const place = first + slot - 1;
        if (whole !== undefined && unchanged[slot]) {
          probability[place] = whole.probabilities[chosen.class] as number;
          activity[place] = whole.activity;
          classes[place] = largest(whole.probabilities);
          continue;
        }
        probability[place] = probabilities[chosen.class] as number;
        activity[place] = activities[chosen.unit] as number;
        classes[place] = largest(probabilities);
      }
      onProgress?.(Math.max(0, first + count - 1), places);
      // Signals and timers get their turn between the engine's long calls.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (whole === undefined) throw new Error('The whole picture was not shown.');
    return { grid, fill, layer: path, ...chosen, whole, probability, activity, classes };
  } finally {
    runner.dispose();
  }
}

export interface Square {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** The square at a place, px of the network's input. */
export function squareAt({ size, stride, columns }: OcclusionGrid, place: number): Square {
  const [top, left] = [Math.floor(place / columns) * stride, (place % columns) * stride];
  return { top, left, bottom: top + size, right: left + size };
}

interface Runner {
  run(images: Float32Array): { logits: ArrayLike<number>; sums: ArrayLike<number> };
  dispose(): void;
}

function createRunner(
  { build, tensors, engine, dtype = 'f32', layer: path }: OcclusionRequest,
  batch: number,
): Runner {
  const network = build(batch);
  const layer: Layer = findLayer(network, path);
  markOutput('logits', network.logits);
  markOutput(
    'sums',
    layer.value.shape.length === 4 ? sumTo(layer.value, [batch, layer.units, 1, 1]) : layer.value,
  );
  const program = engine.compile(network.graph, { dtype });
  try {
    writeWeights(program, tensors);
  } catch (error) {
    program.dispose();
    throw error;
  }
  return {
    run(images) {
      const { logits = [], sums = [] }: Record<string, ArrayLike<number>> = program.run({ images });
      return { logits, sums };
    },
    dispose: () => program.dispose(),
  };
}

function row(values: ArrayLike<number>, index: number, length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => values[index * length + i] as number);
}

/** Index of the largest value, the first of equal ones. */
function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}

/**
 * What each pixel of the picture is worth to the class: the mean, over the squares that cover it, of the probability
 * that they take away. Height x width; 0 where no square lies; below zero where covering helps.
 */
export function importance(
  { grid, probability, whole, class: chosen }: Occlusion,
  { height, width }: Pick<PictureSize, 'height' | 'width'>,
): Float32Array {
  // As the map has it, so that a square that changes nothing is worth nothing.
  const before = Math.fround(whole.probabilities[chosen] as number);
  const sums = new Float64Array(height * width);
  const counts = new Uint32Array(height * width);
  for (let place = 0; place < probability.length; place++) {
    const { top, left, bottom, right } = squareAt(grid, place);
    for (let y = top; y < bottom; y++) {
      for (let at = y * width + left; at < y * width + right; at++) {
        sums[at] = (sums[at] as number) + before - (probability[place] as number);
        counts[at] = (counts[at] as number) + 1;
      }
    }
  }
  return Float32Array.from(sums, (sum, at) => (counts[at] === 0 ? 0 : sum / (counts[at] as number)));
}
