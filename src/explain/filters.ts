// The filters of a network's first layer, the only ones that can be looked at as pictures, and what section 4.1 of
// the ZFNet paper reads off them: filters that dominate (RMS), that died, and whether the middle of the spectrum is
// covered or only its ends ("a mix of extremely high and low frequency information, with little coverage of the mid
// frequencies"). The layer is found from the graph: the first convolution that sees the pixels.
import { UserError } from '../errors.ts';
import type { Node, Value } from '../graph/graph.ts';
import type { ConvolutionAttributes } from '../graph/ops/convolution.ts';
import type { Network } from '../nets/network.ts';

export interface FirstLayer {
  /** Its module path. */
  readonly path: string;
  /** The name of its weights. */
  readonly name: string;
  readonly count: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Pixels from one position to the next. */
  readonly stride: readonly [height: number, width: number];
}

/** The first convolution on the pixels. Throws a UserError for a network that has none. */
export function firstLayer(network: Network): FirstLayer {
  const seesPixels = new Set<Value>([network.images]);
  for (const node of network.graph.nodes) {
    if (!node.inputs.some((value) => seesPixels.has(value))) continue;
    const filters = filtersOf(node);
    if (filters !== undefined) return filters;
    for (const output of node.outputs) seesPixels.add(output);
  }
  throw new UserError(`${network.name} has no convolution, so it has no filters to show.`, { exitCode: 2 });
}

function filtersOf(node: Node): FirstLayer | undefined {
  const weights = node.inputs[1];
  if (node.op.name !== 'convolution' || weights?.source.kind !== 'state') return undefined;
  const [count, channels, height, width] = weights.shape as [number, number, number, number];
  const { stride } = node.attributes as ConvolutionAttributes;
  return { path: node.path, name: weights.source.name, count, channels, height, width, stride };
}

/** Root mean square of each filter (OIHW, `count` of them). ZFNet scales filters back whose RMS exceeds 0.1. */
export function filterRms(weights: ArrayLike<number>, count: number): Float64Array {
  const size = weights.length / count;
  return Float64Array.from({ length: count }, (_, filter) => {
    let sum = 0;
    for (let i = filter * size; i < (filter + 1) * size; i++) sum += (weights[i] as number) ** 2;
    return Math.sqrt(sum / size);
  });
}

/** A filter counts as dead by its weights where its RMS is below this share of the median filter's. */
export const deadShare = 0.02;

/** Filters with next to no weight, by their RMS. */
export function deadFilters(rms: Float64Array): number[] {
  const median = rms.toSorted()[Math.floor(rms.length / 2)] ?? 0;
  return [...rms.keys()].filter((filter) => (rms[filter] as number) <= deadShare * median);
}
