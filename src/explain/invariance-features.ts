// Features of several layers and class probabilities from one program, for measures that compare pictures.
import type { ComputeType, Engine } from '../engines/engine.ts';
import { writeWeights } from '../evaluate/model.ts';
import { markOutput } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';
import { softmaxOf } from './grad-cam.ts';
import { featureLayers, type LayerChoice } from './invariance-layers.ts';

export interface FeatureRequest {
  /** The network in inference form for so many pictures; its graph gets nodes. */
  build(batch: number): Network;
  readonly tensors: ReadonlyMap<string, Float32Array>;
  readonly engine: Engine;
  /** Default f32. */
  readonly dtype?: ComputeType;
  /** Default: the first and the last layer of features. */
  readonly layers?: LayerChoice | undefined;
  /** Pictures per run, at most; default 16. */
  readonly batch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What the network makes of one picture; overwritten by the next run. */
export interface Seen {
  /** One array for each layer. */
  readonly features: readonly ArrayLike<number>[];
  readonly probabilities: Float64Array;
}

const largestBatch = 16;

/** Paths of the layers, and the size of what the network is shown. Throws a UserError for a path that is not there. */
export function describeFeatures({ build, layers }: FeatureRequest) {
  const network = build(1);
  const [, channels, height, width] = network.images.shape as [number, number, number, number];
  return {
    size: { channels, height, width },
    layers: featureLayers(network, layers).map(({ path, units, height: h, width: w }) => ({
      path,
      elements: units * h * w,
    })),
  };
}

/**
 * Shows the network `total` pictures, each written by `prepare` into its place, and hands over what it makes of each,
 * in order.
 */
export async function forEachSeen(
  request: FeatureRequest,
  total: number,
  prepare: (index: number, images: Float32Array, offset: number) => void,
  look: (index: number, seen: Seen) => void,
): Promise<void> {
  const { build, tensors, engine, dtype = 'f32', signal, onProgress } = request;
  const batch = Math.ceil(total / Math.ceil(total / (request.batch ?? largestBatch)));
  const network = build(batch);
  const layers = featureLayers(network, request.layers);
  markOutput('logits', network.logits);
  for (const [i, { value }] of layers.entries()) markOutput(`features${i}`, value);
  const size = network.images.shape.slice(1).reduce((product, side) => product * side, 1);
  const images = new Float32Array(batch * size);
  const program = engine.compile(network.graph, { dtype });
  try {
    writeWeights(program, tensors);
    for (let first = 0; first < total; first += batch) {
      signal?.throwIfAborted();
      const count = Math.min(batch, total - first);
      for (let slot = 0; slot < count; slot++) prepare(first + slot, images, slot * size);
      const outputs = program.run({ images });
      const part = (name: string, slot: number) => {
        const all = outputs[name] as Float32Array;
        return all.subarray((slot * all.length) / batch, ((slot + 1) * all.length) / batch);
      };
      for (let slot = 0; slot < count; slot++) {
        look(first + slot, {
          features: layers.map((_, i) => part(`features${i}`, slot)),
          probabilities: softmaxOf(part('logits', slot)),
        });
      }
      onProgress?.(first + count, total);
      // Signals and timers get their turn between the engine's long calls.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    program.dispose();
  }
}
