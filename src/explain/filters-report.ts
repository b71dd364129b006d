// What there is to say of a network's first-layer filters, from its weights alone, and the filters as colours.
import type { Network } from '../nets/network.ts';
import { deadFilters, type FirstLayer, filterRms, firstLayer } from './filters.ts';
import { energyBetween, filterSpectrum, highestFrequency, type Spectrum } from './filters-spectrum.ts';

export interface FilterReport {
  /** The network's name. */
  readonly name: string;
  readonly layer: FirstLayer;
  /** OIHW, channels as the network takes them. */
  readonly weights: Float32Array;
  readonly rms: Float64Array;
  /** Filters with next to no weight. */
  readonly dead: readonly number[];
  readonly spectrum: Spectrum;
  /** Shares of the energy below 1/8, from there to 1/4, and above, in cycles per pixel. */
  readonly bands: { readonly low: number; readonly middle: number; readonly high: number };
  /** Share of the energy above what the stride can tell apart, 1 / (2 stride). */
  readonly beyondStride: number;
  readonly min: number;
  readonly max: number;
  /** Value of full contrast; undefined where each filter has its own. */
  readonly scale: number | undefined;
  /** Share of the weights beyond it. */
  readonly clipped: number;
  /** Interleaved bytes, filter by filter, height x width x 3, in the order RGB. */
  readonly colours: Uint8Array;
  /** A sentence on maps that never woke, where a data set was gone through. */
  readonly deadMaps?: string;
}

export interface FilterOptions {
  /** `shared` (default): one symmetric scale for all; `own`: each filter at full contrast. */
  readonly scale?: 'shared' | 'own';
  /** Order of the channels that the weights take; default RGB. */
  readonly order?: 'RGB' | 'BGR';
}

/** One weight in so many may be beyond full contrast, so that a single one does not make all others pale. */
const beyond = 0.005;

/** Throws a UserError for a network without a convolution on its pixels. */
export function reportFilters(
  network: Network,
  tensors: ReadonlyMap<string, Float32Array>,
  { scale: kind = 'shared', order = 'RGB' }: FilterOptions = {},
): FilterReport {
  const layer = firstLayer(network);
  const { count, channels, height, width } = layer;
  const weights = tensors.get(layer.name);
  if (weights === undefined) throw new Error(`The weights lack ${layer.name}.`);
  const rms = filterRms(weights, count);
  const spectrum = filterSpectrum(weights, [count, channels, height, width]);
  const magnitudes = weights.map(Math.abs).sort();
  const most = magnitudes[magnitudes.length - 1] as number;
  const at = Math.min(magnitudes.length - 1, Math.floor((1 - beyond) * magnitudes.length));
  const scale = kind === 'own' ? undefined : (magnitudes[at] as number) || most;
  return {
    name: network.name,
    layer,
    weights,
    rms,
    dead: deadFilters(rms),
    spectrum,
    bands: {
      low: energyBetween(spectrum, 0, 1 / 8),
      middle: energyBetween(spectrum, 1 / 8, 1 / 4),
      high: energyBetween(spectrum, 1 / 4, 2 * highestFrequency),
    },
    beyondStride: energyBetween(spectrum, 0.5 / Math.max(...layer.stride), 2 * highestFrequency),
    min: weights.reduce((so, value) => Math.min(so, value), Number.POSITIVE_INFINITY),
    max: weights.reduce((so, value) => Math.max(so, value), Number.NEGATIVE_INFINITY),
    scale,
    clipped: scale === undefined ? 0 : magnitudes.filter((value) => value > scale).length / magnitudes.length,
    colours: filterColours(weights, layer, scale, order),
  };
}

/** Zero is mid-grey, full contrast at plus and minus the scale; a filter of zeros is grey whatever its scale. */
export function filterColours(
  weights: Float32Array,
  { count, channels, height, width }: Pick<FirstLayer, 'count' | 'channels' | 'height' | 'width'>,
  scale: number | undefined,
  order: 'RGB' | 'BGR',
): Uint8Array {
  const plane = height * width;
  const colours = new Uint8Array(count * plane * 3);
  for (let filter = 0; filter < count; filter++) {
    const start = filter * channels * plane;
    const own = weights.subarray(start, start + channels * plane);
    const full = scale ?? own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < 3; c++) {
        const channel = order === 'BGR' ? 2 - c : c;
        const value = channels === 3 ? (own[channel * plane + i] as number) : meanAt(own, channels, plane, i);
        const share = full === 0 ? 0 : Math.max(-1, Math.min(1, value / full));
        colours[(filter * plane + i) * 3 + c] = Math.round(127.5 + 127.5 * share);
      }
    }
  }
  return colours;
}

function meanAt(planes: Float32Array, channels: number, plane: number, i: number): number {
  let sum = 0;
  for (let channel = 0; channel < channels; channel++) sum += planes[channel * plane + i] as number;
  return sum / channels;
}
