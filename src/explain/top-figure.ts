// Figure 2 of the ZFNet paper as a sheet: per feature map a block of projections and, beside it, the parts of the
// pictures that caused them, place by place. A box that a border of the picture cut is drawn where the uncut one would
// have it, so that the unit's own position stays in the middle of its cell.
import sharp from 'sharp';
import { ink } from '../figures/colour.ts';
import { heading, margin } from '../figures/heading.ts';
import { type Drawing, embed, rect, sharpness } from '../figures/svg.ts';
import { drawText, fitText } from '../figures/text.ts';
import { type PictureShape, signedPicture } from './colours.ts';
import { interleave } from './interleave.ts';
import type { Box } from './layer.ts';
import { sizeOf } from './stack.ts';
import type { ProjectedEntry, ProjectedUnit } from './top.ts';
import { tightWindows } from './top-window.ts';

export interface TopBlock {
  readonly unit: number;
  /** Side of each of the two squares of cells, px of the figure. */
  readonly side: number;
  readonly projections: Uint8Array;
  readonly patches: Uint8Array;
  readonly lines: readonly string[];
}

export interface TopSheetOptions {
  readonly title: string;
  readonly subtitle: string;
  readonly footnote: readonly string[];
  readonly columns: number;
}

const cell = 72;
const seam = 2;
const gap = 30;
const lineHeight = 17;
const textSize = 12.5;

/** Size of the input and order of its channels, for drawing what happens in it. */
export interface Canvas {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly order?: 'RGB' | 'BGR';
}

export interface BlockContext {
  /** Pictures that were scanned. */
  readonly pictures: number;
  /** Pictures per unit. */
  readonly size: number;
  /** The class of each picture. */
  readonly labels?: readonly string[] | undefined;
  /** Draw the whole receptive field (default), or the part of it that holds most of the projection's energy. */
  readonly window?: WindowKind | undefined;
}

export type WindowKind = 'field' | 'energy';

/** The picture that a projection inside a box is. */
export function boxShape({ channels, order }: Canvas, { top, left, bottom, right }: Box): PictureShape {
  return { channels, height: bottom - top, width: right - left, order };
}

/** A unit's two squares as PNGs, with a line on its strength and one on what the pictures are. */
export async function drawTopBlock(
  { unit, active, entries }: ProjectedUnit,
  canvas: Canvas,
  context: BlockContext,
): Promise<TopBlock> {
  const across = Math.ceil(Math.sqrt(context.size));
  const side = across * cell + (across - 1) * seam;
  // The contrast is that of the whole projection, whatever part of it is drawn.
  const cells = entries.map(({ box, pixels, patch }) => ({
    box,
    projection: signedPicture(pixels, boxShape(canvas, box)).rgb,
    patch: interleave(patch, sizeOf(box)),
  }));
  const windows = context.window === 'energy' ? tightWindows(entries) : entries.map(({ box }) => box);
  const reach = Math.max(1, ...windows.map((box) => Math.max(box.bottom - box.top, box.right - box.left)));
  const place = { canvas, across, side, reach };
  const projections = await square(
    cells.map(({ box, projection }, i) => ({ rgb: projection, box, window: windows[i] as Box })),
    place,
  );
  const patches = await square(
    cells.map(({ box, patch }, i) => ({ rgb: patch, box, window: windows[i] as Box })),
    place,
  );
  return { unit, side, projections, patches, lines: describeUnit(unit, active, entries, context) };
}

interface Cell {
  /** Interleaved bytes of the box. */
  readonly rgb: Uint8Array;
  readonly box: Box;
  /** The part of it that is drawn. */
  readonly window: Box;
}

async function square(
  cells: readonly Cell[],
  { canvas, across, side, reach }: { canvas: Canvas; across: number; side: number; reach: number },
): Promise<Uint8Array> {
  const room = cell * sharpness;
  const overlays = cells.map(async ({ rgb, box, window }, place) => {
    const [height, width] = [window.bottom - window.top, window.right - window.left];
    const scale = room / reach;
    const size = {
      width: Math.max(1, Math.min(room, Math.round(width * scale))),
      height: Math.max(1, Math.min(room, Math.round(height * scale))),
    };
    const raw = { width: box.right - box.left, height: box.bottom - box.top, channels: 3 as const };
    const input = await sharp(rgb, { raw })
      .extract({ left: window.left - box.left, top: window.top - box.top, width, height })
      .resize({ ...size, fit: 'fill', kernel: scale >= 8 ? 'nearest' : 'cubic' })
      .png()
      .toBuffer();
    const step = (cell + seam) * sharpness;
    const [row, column] = [Math.floor(place / across), place % across];
    return {
      input,
      top: row * step + offset(room - size.height, window.top === 0, window.bottom === canvas.height),
      left: column * step + offset(room - size.width, window.left === 0, window.right === canvas.width),
    };
  });
  const full = side * sharpness;
  const background = ink.empty;
  return sharp({ create: { width: full, height: full, channels: 3, background } })
    .composite(await Promise.all(overlays))
    .png()
    .toBuffer();
}

/** Where a box lies in its cell: what a border cut off is left free on that side. */
function offset(free: number, cutBefore: boolean, cutAfter: boolean): number {
  if (cutBefore === cutAfter) return Math.floor(free / 2);
  return cutBefore ? free : 0;
}

function describeUnit(
  unit: number,
  active: number,
  entries: readonly ProjectedEntry[],
  context: BlockContext,
): string[] {
  const first = entries[0];
  if (first === undefined) return [`map ${unit}: no activation is a number`, ''];
  if (!(first.value > 0)) {
    return [
      `map ${unit}: never above zero in ${context.pictures} pictures`,
      'nothing to project: all is zero',
    ];
  }
  const last = entries[entries.length - 1] as ProjectedEntry;
  const range = entries.length > 1 ? `${short(first.value)} to ${short(last.value)}` : short(first.value);
  const share = Math.round((100 * active) / context.pictures);
  return [`map ${unit}: ${range}, above zero in ${share} % of pictures`, common(entries, context.labels)];
}

/** The classes of the pictures, the most frequent first. */
function common(entries: readonly ProjectedEntry[], labels: readonly string[] = []): string {
  const counts = new Map<string, number>();
  for (const { picture } of entries) {
    const label = labels[picture]?.split(',')[0];
    if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...counts]
    .toSorted((a, b) => b[1] - a[1])
    .map(([label, count]) => (count > 1 ? `${label} ×${count}` : label))
    .join(', ');
}

/** A number as captions have it: three significant digits. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  return size >= 1e5 || size < 1e-3 ? value.toExponential(1) : `${Number(value.toPrecision(3))}`;
}

/** All blocks below each other; the size follows their number. */
export function drawTopSheet(blocks: readonly TopBlock[], options: TopSheetOptions): Drawing {
  const side = blocks[0]?.side ?? 3 * cell;
  const pair = 2 * side + 8;
  const columns = Math.max(1, Math.min(options.columns, blocks.length));
  const width = Math.max(640, 2 * margin + columns * (pair + gap) - gap);
  const head = heading(options.title, options.subtitle, width);
  let body = head.body;
  const step = side + 2 * lineHeight + gap;
  const top = head.bottom + 12;
  for (const [index, block] of blocks.entries()) {
    const x = margin + (index % columns) * (pair + gap);
    const y = top + Math.floor(index / columns) * step;
    body += rect(x, y, pair, side, { fill: ink.empty });
    body += embed(block.projections, x, y, side, side);
    body += embed(block.patches, x + side + 8, y, side, side);
    for (const [line, text] of block.lines.entries()) {
      const style =
        line === 0 ? { size: textSize, weight: 600 as const } : { size: textSize, fill: ink.muted };
      const fitted = fitText(text, pair, textSize, line === 0 ? 600 : 400);
      body += drawText(fitted, x, y + side + 17 + line * lineHeight, style);
    }
  }
  let bottom = top + Math.ceil(blocks.length / columns) * step;
  for (const text of options.footnote) {
    body += drawText(fitText(text, width - 2 * margin, textSize), margin, bottom, {
      size: textSize,
      fill: ink.muted,
    });
    bottom += lineHeight;
  }
  return { width, height: Math.ceil(bottom + margin - 8), body };
}
