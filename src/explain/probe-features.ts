// Frozen features as rows of numbers: what a layer gives for each picture, flattened; where that is more than a stated
// number, averaged over a grid of the layer's positions, the finest that stays below it.
import type { ComputeType, Engine } from '../engines/engine.ts';
import { writeWeights } from '../evaluate/model.ts';
import type { PictureSource } from '../evaluate/sources.ts';
import { markOutput, type Value } from '../graph/graph.ts';
import { adaptiveAveragePool, flatten } from '../graph/ops/index.ts';
import type { Network } from '../nets/network.ts';
import { defaultPoints, namedPoints, type ProbePoint } from './probe-layers.ts';
import type { Subject } from './scan.ts';
import { inputBatches } from './scan-input.ts';

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
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The points of a network by their names; without names the default ones. */
export function pointsOf(network: Network, layers?: readonly string[]): ProbePoint[] {
  return layers === undefined ? defaultPoints(network) : namedPoints(network, layers);
}

/** One array for each layer, pictures x features, made in one pass. */
export async function frozenFeatures(request: FeaturesRequest): Promise<Float32Array[]> {
  const { subject, source, limit, engine, dtype, signal, onProgress } = request;
  const batch = Math.min(request.batch, source.length);
  const network = subject.build(batch);
  const rows = namedPoints(network, request.layers).map(({ value }, index) => {
    const shape = rowShape(value, limit);
    const small = shape.averaged ? adaptiveAveragePool(value, [shape.height, shape.width]) : value;
    const name = `features ${index}`;
    markOutput(name, small.shape.length === 2 ? small : flatten(small));
    return { name, shape, values: new Float32Array(source.length * shape.features) };
  });
  const program = engine.compile(network.graph, { dtype });
  try {
    writeWeights(program, subject.tensors);
    for await (const { first, count, images } of inputBatches(
      source,
      subject.preprocessing,
      batch,
      0,
      signal,
    )) {
      const outputs = program.run({ images });
      for (const { name, shape, values } of rows) {
        const output = outputs[name] as Float32Array;
        values.set(output.subarray(0, count * shape.features), first * shape.features);
      }
      onProgress?.(first + count, source.length);
    }
  } finally {
    program.dispose();
  }
  return rows.map(({ values }) => values);
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
