// What a layer makes of a picture: all its maps, and which of them are worth showing when there are too many for a
// page. A unit of a fully connected layer counts as a map of one value.
import type { ComputeType, Engine } from '../engines/engine.ts';
import { writeWeights } from '../evaluate/model.ts';
import { markOutput } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';
import type { Layer } from './layer.ts';

export interface ActivationMap {
  readonly unit: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** height x width of the layer. */
  readonly values: Float32Array;
}

/** N x units x height x width: what `layer` gives for `images` (as many as the network's batch). */
export function layerActivations(
  engine: Engine,
  network: Network,
  tensors: ReadonlyMap<string, Float32Array>,
  layer: Layer,
  images: Float32Array,
  { dtype }: { readonly dtype: ComputeType },
): Float32Array {
  markOutput('activations', layer.value);
  const program = engine.compile(network.graph, { dtype });
  try {
    writeWeights(program, tensors);
    return Float32Array.from(program.run({ images }).activations as Float32Array);
  } finally {
    program.dispose();
  }
}

/** The maps of one picture, in the order of their units. */
export function activationMaps(activations: Float32Array, layer: Layer): ActivationMap[] {
  const plane = layer.height * layer.width;
  return Array.from({ length: layer.units }, (_, unit) => {
    const values = activations.subarray(unit * plane, (unit + 1) * plane);
    let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
    for (const value of values) {
      min = Math.min(min, value);
      max = Math.max(max, value);
      sum += value;
    }
    return { unit, min, max, mean: sum / plane, values };
  });
}

/** At most `count` maps: those with the largest values of either sign, put back into the order of their units. */
export function strongestMaps(maps: readonly ActivationMap[], count: number): ActivationMap[] {
  const strength = ({ min, max }: ActivationMap): number => Math.max(Math.abs(min), Math.abs(max));
  return maps
    .toSorted((a, b) => strength(b) - strength(a) || a.unit - b.unit)
    .slice(0, count)
    .sort((a, b) => a.unit - b.unit);
}

/** Smallest and largest value of some maps; zeros of none. */
export function rangeOf(maps: readonly Pick<ActivationMap, 'min' | 'max'>[]): { min: number; max: number } {
  if (maps.length === 0) return { min: 0, max: 0 };
  const reduce = (pick: (...values: number[]) => number, key: 'min' | 'max'): number =>
    maps.reduce((so, map) => pick(so, map[key]), maps[0]?.[key] as number);
  return { min: reduce(Math.min, 'min'), max: reduce(Math.max, 'max') };
}
