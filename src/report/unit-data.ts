// A scanned layer as the page takes it: one entry for the layer with the strongest pictures of all its units, one for
// each projected unit with its projections on two scales (each its own, and one for the nine), and small sheets of
// figure 2 for the overview.
import sharp from 'sharp';
import { type SignedPicture, signedPicture } from '../explain/colours.ts';
import { interleave } from '../explain/interleave.ts';
import { type Box, findLayer, type Layer, layerPaths, receptiveBox } from '../explain/layer.ts';
import type { LayerScan, Subject } from '../explain/scan.ts';
import { sizeOf, stack } from '../explain/stack.ts';
import type { ProjectedEntry, ProjectedUnit } from '../explain/top.ts';
import { topEntries } from '../explain/top-list.ts';
import { fileNameOf } from '../explain/top-sheet.ts';
import { tightWindows } from '../explain/top-window.ts';
import type { Network } from '../nets/network.ts';
import { dataAddress, type Site } from './site.ts';

/** top, left, bottom, right; px of the network's input. */
export type BoxList = readonly [number, number, number, number];

/** One of a unit's strongest pictures. */
export interface EntryRecord {
  readonly picture: number;
  readonly value: number;
  readonly position: readonly [row: number, column: number];
  readonly box: BoxList;
}

const list = ({ top, left, bottom, right }: Box): BoxList => [top, left, bottom, right];

/** The strongest pictures of every unit, with what each position sees of them. */
export function entriesOf(network: Network, layer: Layer, { top, units }: LayerScan): EntryRecord[][] {
  const boxes = new Map<string, BoxList>();
  const boxOf = ([row, column]: readonly [number, number]): BoxList => {
    const key = `${row},${column}`;
    const box = boxes.get(key) ?? list(receptiveBox(network, layer, row, column));
    boxes.set(key, box);
    return box;
  };
  return Array.from({ length: units }, (_, unit) =>
    topEntries(top, unit).map(({ picture, value, position }) => ({
      picture,
      value,
      position,
      box: boxOf(position),
    })),
  );
}

/** Receptive field of the position in the middle of a layer's maps. */
export function fieldOf(network: Network, layer: Layer): readonly [height: number, width: number] {
  const box = receptiveBox(network, layer, Math.floor(layer.height / 2), Math.floor(layer.width / 2));
  return [box.bottom - box.top, box.right - box.left];
}

/** What the graph alone says of a layer. */
export interface LayerFacts {
  readonly path: string;
  readonly units: number;
  readonly height: number;
  readonly width: number;
  readonly field: readonly [height: number, width: number];
}

/** Every layer of a network, in the order of the graph. */
export function everyLayer(network: Network): LayerFacts[] {
  return layerPaths(network).map((path) => {
    const layer = findLayer(network, path);
    const { units, height, width } = layer;
    return { path, units, height, width, field: fieldOf(network, layer) };
  });
}

/** A scanned layer. */
export interface LayerSummary extends LayerFacts {
  /** Name of its entries. */
  readonly file: string;
  readonly pictures: number;
  /** Units that were above zero in no picture. */
  readonly dead: number;
  readonly projected: readonly number[];
}

/** Puts a layer's entry; `sheets`: of the projected units. */
export function putLayer(
  site: Site,
  subject: Subject,
  scan: LayerScan,
  sheets: ReadonlyMap<number, UnitSheets>,
): LayerSummary {
  const network = subject.build(1);
  const layer = findLayer(network, scan.layer);
  const entries = entriesOf(network, layer, scan);
  const active = Array.from(scan.top.active);
  const file = fileNameOf(scan.layer);
  const most = Float32Array.from(entries, (each) => each[0]?.value ?? 0);
  const npy = site.array(`${file}/strongest`, [scan.units], most);
  site.put(`${file}/layer`, { entries, active, sheets: Object.fromEntries(sheets), npy });
  return {
    path: scan.layer,
    file,
    units: scan.units,
    height: scan.height,
    width: scan.width,
    field: fieldOf(network, layer),
    pictures: scan.pictures,
    dead: active.filter((count) => count === 0).length,
    projected: [...sheets.keys()].sort((a, b) => a - b),
  };
}

/** Pictures of the overview, as addresses. */
export interface UnitSheets {
  readonly projections: string;
  readonly patches: string;
}

/** Puts a projected unit's entry, and gives its small sheets. */
export async function putUnit(
  site: Site,
  subject: Subject,
  layer: string,
  { unit, entries }: ProjectedUnit,
): Promise<UnitSheets | undefined> {
  if (entries.length === 0) return undefined;
  const { channels, order } = subject.preprocessing;
  const name = `${fileNameOf(layer)}/unit-${unit}`;
  const owns = entries.map(({ pixels, box }) => signedPicture(pixels, { channels, ...sizeOf(box), order }));
  const shared = Math.max(...owns.map(({ scale }) => scale));
  const drawn = [];
  for (const [i, { pixels, box }] of entries.entries()) {
    const shape = { channels, ...sizeOf(box), order };
    const own = owns[i] as SignedPicture;
    const same = signedPicture(pixels, shape, { scale: shared });
    drawn.push({
      own: await dataAddress({ bytes: own.rgb, ...shape, channels: 3 }),
      shared: await dataAddress({ bytes: same.rgb, ...shape, channels: 3 }),
      scale: own.scale,
      clipped: [own.clipped, same.clipped],
      range: rangeOf(pixels),
    });
  }
  const windows = tightWindows(entries);
  const { shape, data } = stack(entries.map(({ pixels, box }) => ({ values: pixels, box })));
  site.put(name, {
    shared,
    drawn: drawn.map((each, i) => ({ ...each, window: list(windows[i] as Box) })),
    npy: site.array(name, shape, data),
  });
  return sheetsOf(entries, windows, subject);
}

export function rangeOf(values: Float32Array): [min: number, max: number] {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return [min, max];
}

const cellPx = 56;
const gapPx = 2;
const perRow = 3;

/** The nine in three rows, cut to their windows: projections, and the same parts of the pictures. */
async function sheetsOf(
  entries: readonly ProjectedEntry[],
  windows: readonly Box[],
  { preprocessing: { channels, order } }: Subject,
): Promise<UnitSheets> {
  const projections: Uint8Array[] = [];
  const patches: Uint8Array[] = [];
  for (const [i, { pixels, patch, box }] of entries.entries()) {
    const size = sizeOf(box);
    const window = windows[i] as Box;
    projections.push(await cell(signedPicture(pixels, { channels, ...size, order }).rgb, size, box, window));
    patches.push(await cell(interleave(patch, size), size, box, window));
  }
  return { projections: await mosaic(projections), patches: await mosaic(patches) };
}

async function cell(
  rgb: Uint8Array,
  size: { height: number; width: number },
  box: Box,
  window: Box,
): Promise<Uint8Array> {
  const cut = { left: window.left - box.left, top: window.top - box.top, ...sizeOf(window) };
  const kernel = Math.max(cut.height, cut.width) * 2 <= cellPx ? 'nearest' : 'lanczos3';
  return sharp(rgb, { raw: { ...size, channels: 3 } })
    .extract(cut)
    .resize(cellPx, cellPx, { fit: 'contain', background: { r: 128, g: 128, b: 128 }, kernel })
    .removeAlpha()
    .raw()
    .toBuffer();
}

async function mosaic(cells: readonly Uint8Array[]): Promise<string> {
  const side = perRow * (cellPx + gapPx) - gapPx;
  const bytes = new Uint8Array(side * side * 4);
  for (const [i, rgb] of cells.entries()) {
    const [top, left] = [Math.floor(i / perRow) * (cellPx + gapPx), (i % perRow) * (cellPx + gapPx)];
    for (let y = 0; y < cellPx; y++) {
      for (let x = 0; x < cellPx; x++) {
        const to = 4 * ((top + y) * side + left + x);
        bytes.set(rgb.subarray(3 * (y * cellPx + x), 3 * (y * cellPx + x) + 3), to);
        bytes[to + 3] = 255;
      }
    }
  }
  return dataAddress({ bytes, height: side, width: side, channels: 4 }, { exact: false });
}
