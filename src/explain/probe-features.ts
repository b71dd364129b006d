// Frozen features as rows of numbers: what a layer gives for each picture, flattened; where that is more than a stated
// number, averaged over a grid of the layer's positions, the finest that stays below it.
import type { ComputeType, Engine } from '../engines/engine.ts';
import { writeWeights } from '../evaluate/model.ts';
import type { PictureSource } from '../evaluate/sources.ts';
import { markOutput, type Value } from '../graph/graph.ts';
import { adaptiveAveragePool, flatten } from '../graph/ops/index.ts';
import type { Network } from '../nets/network.ts';
import { type FeatureKey, type FeatureStore, openFeatureStore } from './feature-store.ts';
import { defaultPoints, namedPoints, type ProbePoint } from './probe-layers.ts';
import type { Subject } from './scan.ts';
import { inputBatches } from './scan-input.ts';
import { weightsChecksum } from './scan-key.ts';

/** How a layer becomes a row. */
export interface RowShape {
  readonly channels: number;
  /** Positions that are kept of a map; fewer than the layer's own where it was averaged. */
  readonly height: number;
  readonly width: number;
  /** Numbers of a row: the product of the three. */
  readonly features: number;
  readonly averaged: boolean;
}

/** The finest grid of at most `limit` numbers; a layer of more channels than that keeps one position. */
export function rowShape({ shape }: Value, limit: number): RowShape {
  const [, channels = 1, height = 1, width = 1] = shape;
  const whole = channels * height * width;
  if (whole <= limit) return { channels, height, width, features: whole, averaged: false };
  let [h, w] = [1, 1];
  for (let side = Math.max(height, width); side >= 1; side--) {
    [h, w] = [scaled(height, side, Math.max(height, width)), scaled(width, side, Math.max(height, width))];
    if (channels * h * w <= limit) break;
  }
  return { channels, height: h, width: w, features: channels * h * w, averaged: h !== height || w !== width };
}

function scaled(length: number, side: number, longest: number): number {
  return Math.max(1, Math.round((length * side) / longest));
}

export interface FeaturesRequest {
  readonly subject: Subject;
  readonly source: PictureSource;
  readonly layers: readonly string[];
  /** Most numbers per row. */
  readonly limit: number;
  readonly engine: Engine;
  readonly dtype: ComputeType;
  readonly batch: number;
  /** Where features are kept, and what tells the pictures apart from others (`dataChecksum`). */
  readonly cache?: { readonly folder: string; readonly data: string } | undefined;
  /** Batches between two writes of what is kept; default 16. */
  readonly saveEvery?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Told of stored features that are not used. */
  readonly onNote?: ((message: string) => void) | undefined;
}

/** The points of a network by their names; without names the default ones. */
export function pointsOf(network: Network, layers?: readonly string[]): ProbePoint[] {
  return layers === undefined ? defaultPoints(network) : namedPoints(network, layers);
}

/** One array for each layer, pictures x features, made in one pass, or read where they were kept. */
export async function frozenFeatures(request: FeaturesRequest): Promise<Float32Array[]> {
  const { subject, source, limit, engine, dtype, saveEvery = 16, signal, onProgress } = request;
  const points = namedPoints(subject.build(1), request.layers);
  const values = points.map(({ value }) => new Float32Array(source.length * rowShape(value, limit).features));
  const stores = storesOf(request, points, values);
  try {
    const from = stores === undefined ? 0 : Math.min(...stores.map(({ done }) => done));
    if (from === source.length) return values;
    const batch = Math.min(request.batch, source.length - from);
    const network = subject.build(batch);
    const rows = namedPoints(network, request.layers).map(({ value }, index) => {
      const shape = rowShape(value, limit);
      const small = shape.averaged ? adaptiveAveragePool(value, [shape.height, shape.width]) : value;
      const name = `features ${index}`;
      markOutput(name, small.shape.length === 2 ? small : flatten(small));
      return { name, shape, values: values[index] as Float32Array, store: stores?.[index] };
    });
    const program = engine.compile(network.graph, { dtype });
    let batches = 0;
    const save = (): void => {
      for (const store of stores ?? []) store.save();
    };
    try {
      writeWeights(program, subject.tensors);
      for await (const part of inputBatches(source, subject.preprocessing, batch, from, signal)) {
        const { first, count, images } = part;
        const outputs = program.run({ images });
        for (const { name, shape, values: own, store } of rows) {
          const output = (outputs[name] as Float32Array).subarray(0, count * shape.features);
          own.set(output, first * shape.features);
          store?.add(output, first);
        }
        onProgress?.(first + count, source.length);
        if (++batches % saveEvery === 0) save();
      }
      save();
    } catch (error) {
      // What was asked to stop keeps what it has; after a failure the last stored state is the one to trust.
      if (signal?.aborted) save();
      throw error;
    } finally {
      program.dispose();
    }
    return values;
  } finally {
    for (const store of stores ?? []) store.close();
  }
}

/** The stores of the layers, with `values` filled as far as they go; nothing where nothing is kept. */
function storesOf(
  { subject, cache, limit, dtype, onNote }: FeaturesRequest,
  points: readonly ProbePoint[],
  values: readonly Float32Array[],
): FeatureStore[] | undefined {
  if (cache === undefined) return undefined;
  const { name, form, options } = subject.build(1);
  const weights = weightsChecksum(subject.tensors);
  return points.map(({ layer, value }, i) => {
    const { channels, height, width } = rowShape(value, limit);
    const key: FeatureKey = {
      network: name,
      form,
      options,
      weights,
      data: cache.data,
      preprocessing: subject.preprocessing,
      dtype,
      layer,
      row: [channels, height, width],
    };
    return openFeatureStore(cache.folder, key, values[i] as Float32Array, onNote);
  });
}

/**
 * Brings each feature to mean 0 and variance 1/features over the training rows, and test rows by the same numbers, so
 * that one learning rate suits every layer: rows have length 1 on average. A feature that never changes becomes 0.
 */
export function standardise(train: Float32Array, test: Float32Array, features: number): void {
  const count = train.length / features;
  const mean = new Float64Array(features);
  const squares = new Float64Array(features);
  for (let at = 0; at < train.length; at += features) {
    for (let i = 0; i < features; i++) mean[i] = (mean[i] as number) + (train[at + i] as number) / count;
  }
  for (let at = 0; at < train.length; at += features) {
    for (let i = 0; i < features; i++) {
      const away = (train[at + i] as number) - (mean[i] as number);
      squares[i] = (squares[i] as number) + (away * away) / count;
    }
  }
  const scale = squares.map((variance, i) => {
    // What rounding makes of a constant is no signal.
    const least = 1e-12 * (mean[i] as number) ** 2;
    return variance > least ? 1 / Math.sqrt(variance * features) : 0;
  });
  for (const rows of [train, test]) {
    for (let at = 0; at < rows.length; at += features) {
      for (let i = 0; i < features; i++) {
        rows[at + i] = ((rows[at + i] as number) - (mean[i] as number)) * (scale[i] as number);
      }
    }
  }
}
