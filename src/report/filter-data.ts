// The first-layer filters as one sheet on a shared scale and one with a scale for each filter.

import { reportFilters } from '../explain/filters-report.ts';
import type { Spectrum } from '../explain/filters-spectrum.ts';
import type { Subject } from '../explain/scan.ts';
import { sequential } from '../figures/colour.ts';
import { dataAddress, type Site } from './site.ts';

export interface FilterSheet {
  readonly own: string;
  readonly shared: string;
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  /** Side of a filter with its gap, px of the sheet. */
  readonly pitch: readonly [height: number, width: number];
  readonly layer: string;
  readonly count: number;
  readonly channels: number;
  readonly stride: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly scale: number;
  readonly clipped: number;
  readonly range: readonly [min: number, max: number];
  readonly rms: readonly number[];
  readonly dead: readonly number[];
  /** Energy by radius, cycles per px, and the mean spectrum as a picture, frequency 0 in the middle. */
  readonly spectrum: {
    readonly edges: readonly number[];
    readonly shares: readonly number[];
    readonly picture: string;
    readonly npy: string;
  };
  readonly bands: { readonly low: number; readonly middle: number; readonly high: number };
  readonly npy: string;
}

/** Puts `filters`; nothing where the network has no convolution on its pixels. */
export async function putFilters(site: Site, { build, tensors, preprocessing }: Subject): Promise<boolean> {
  const network = build(1);
  if (!network.graph.nodes.some(({ op }) => op.name === 'convolution')) return false;
  const { order } = preprocessing;
  const shared = reportFilters(network, tensors, { scale: 'shared', order });
  const own = reportFilters(network, tensors, { scale: 'own', order });
  const { layer, weights, rms, dead, bands, min, max } = shared;
  const { count, channels, height, width, stride, path } = layer;
  const columns = Math.min(count, Math.max(8, Math.ceil(Math.sqrt(2 * count))));
  const size = { height, width, count, columns };
  const sheet: FilterSheet = {
    own: await dataAddress(sheetOf(own.colours, size)),
    shared: await dataAddress(sheetOf(shared.colours, size)),
    width: columns * (width + 1) - 1,
    height: Math.ceil(count / columns) * (height + 1) - 1,
    columns,
    pitch: [height + 1, width + 1],
    layer: path,
    count,
    channels,
    stride,
    kernel: [height, width],
    scale: shared.scale ?? 0,
    clipped: shared.clipped,
    range: [min, max],
    rms: Array.from(rms, (value) => Number(value.toPrecision(4))),
    dead,
    bands,
    spectrum: await spectrumOf(site, shared.spectrum),
    npy: site.array('filters', [count, channels, height, width], weights),
  };
  site.put('filters', sheet);
  return true;
}

async function spectrumOf(site: Site, { side, power, shares, edges }: Spectrum) {
  const strongest = power.reduce((most, value) => Math.max(most, value), 1e-300);
  const bytes = new Uint8Array(3 * side * side);
  for (const [i, value] of power.entries()) bytes.set(sequential(Math.sqrt(value / strongest)), 3 * i);
  const short = (values: Float64Array): number[] =>
    Array.from(values, (value) => Number(value.toPrecision(4)));
  return {
    edges: short(edges),
    shares: short(shares),
    picture: await dataAddress({ bytes, height: side, width: side }),
    npy: site.array('filters-spectrum', [side, side], Float32Array.from(power)),
  };
}

/** Filters in rows with a see-through line between them. */
function sheetOf(
  colours: Uint8Array,
  { height, width, count, columns }: { height: number; width: number; count: number; columns: number },
) {
  const rows = Math.ceil(count / columns);
  const [tall, wide] = [rows * (height + 1) - 1, columns * (width + 1) - 1];
  const bytes = new Uint8Array(tall * wide * 4);
  for (let filter = 0; filter < count; filter++) {
    const [top, left] = [Math.floor(filter / columns) * (height + 1), (filter % columns) * (width + 1)];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = 3 * ((filter * height + y) * width + x);
        const to = 4 * ((top + y) * wide + left + x);
        bytes.set(colours.subarray(from, from + 3), to);
        bytes[to + 3] = 255;
      }
    }
  }
  return { bytes, height: tall, width: wide, channels: 4 as const };
}
