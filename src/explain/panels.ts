// Small pictures side by side, each with its caption, over a bar that says what the colours mean: the form of every
// figure here that is a grid. A picture of few pixels is enlarged by whole factors without smoothing, so that every
// pixel of the data is one square.
import sharp from 'sharp';
import { ink, type Rgb } from '../figures/colour.ts';
import { heading, margin } from '../figures/heading.ts';
import { type Drawing, embed, raster, rect, sharpness } from '../figures/svg.ts';
import { drawText, fitText, wrapText } from '../figures/text.ts';

export interface Panel {
  /** Interleaved bytes, height x width x 3. */
  readonly rgb: Uint8Array;
  readonly height: number;
  readonly width: number;
  /** The first line is the panel's name, the others say more. */
  readonly caption: readonly string[];
  /** A frame in pixels of the panel's own picture. */
  readonly frame?: {
    readonly top: number;
    readonly left: number;
    readonly bottom: number;
    readonly right: number;
  };
  /** Photographs and overlays are enlarged smoothly. */
  readonly smooth?: boolean;
}

/** A bar of colours with what its ends (and its middle) stand for. */
export interface ColourBar {
  readonly colour: (t: number) => Rgb;
  readonly labels: readonly string[];
  readonly name: string;
}

export interface PanelSheet {
  readonly title: string;
  readonly subtitle?: string;
  readonly panels: readonly Panel[];
  readonly columns: number;
  /** Side of the square that a picture is fitted into, px. */
  readonly cell: number;
  /** Space between cells, px; default 18. */
  readonly gap?: number;
  readonly bar?: ColourBar;
  readonly footnote?: readonly string[];
}

const size = 12.5;
const lineHeight = 17;

export async function drawPanels(sheet: PanelSheet): Promise<Drawing> {
  const { panels, cell, gap = 18, bar, footnote = [] } = sheet;
  const columns = Math.max(1, Math.min(sheet.columns, panels.length));
  const width = Math.max(640, 2 * margin + columns * (cell + gap) - gap);
  const head = heading(sheet.title, sheet.subtitle, width);
  let body = head.body;
  let top = head.bottom + 12;
  for (let start = 0; start < panels.length; start += columns) {
    const row = panels.slice(start, start + columns);
    // Lines of text are worth their room only where there is some.
    const lines = row.map(({ caption: [name = '', ...more] }) => [
      ...(name === '' ? [] : [{ text: fitText(name, cell, size, 600), weight: 600 as const }]),
      ...more
        .flatMap((text) => wrapText(text, cell, 3, size))
        .map((text) => ({ text, weight: 400 as const })),
    ]);
    const most = Math.max(...lines.map(({ length }) => length));
    for (const [column, panel] of row.entries()) {
      const x = margin + column * (cell + gap);
      body += await drawPanel(panel, x, top, cell);
      for (const [i, { text, weight }] of (lines[column] ?? []).entries()) {
        const fill = weight === 600 ? ink.text : ink.muted;
        body += drawText(text, x, top + cell + 17 + i * lineHeight, { size, weight, fill });
      }
    }
    top += cell + most * lineHeight + gap + (most > 0 ? 4 : 0);
  }
  if (bar !== undefined) {
    body += await drawBar(bar, margin, top + 8, Math.min(360, width - 2 * margin));
    top += 62;
  }
  for (const text of footnote.flatMap((each) => wrapText(each, width - 2 * margin, 3, size))) {
    body += drawText(text, margin, top + 12, { size, fill: ink.muted });
    top += lineHeight;
  }
  return { width, height: Math.ceil(top + margin - 4), body };
}

async function drawPanel(panel: Panel, x: number, y: number, cell: number): Promise<string> {
  const { rgb, height, width, frame, smooth = false } = panel;
  const room = cell * sharpness;
  const ratio = room / Math.max(height, width);
  const factor = !smooth && ratio >= 2 ? Math.floor(ratio) : ratio;
  const pixels = {
    width: Math.max(1, Math.round(width * factor)),
    height: Math.max(1, Math.round(height * factor)),
  };
  const png = await sharp(rgb, { raw: { width, height, channels: 3 } })
    .resize({ ...pixels, fit: 'fill', kernel: Number.isInteger(factor) && !smooth ? 'nearest' : 'lanczos3' })
    .png()
    .toBuffer();
  const [w, h] = [pixels.width / sharpness, pixels.height / sharpness];
  const [left, top] = [x + (cell - w) / 2, y + (cell - h) / 2];
  let body = embed(png, left, top, w, h);
  if (frame !== undefined) {
    const scale = factor / sharpness;
    const inset = 1.5;
    const box = [
      left + frame.left * scale + inset,
      top + frame.top * scale + inset,
      (frame.right - frame.left) * scale - 2 * inset,
      (frame.bottom - frame.top) * scale - 2 * inset,
    ] as const;
    // Two colours, so that the frame shows on light and on dark pictures.
    body += rect(...box, { fill: 'none', stroke: '#000000', strokeWidth: 3, strokeOpacity: 0.55 });
    body += rect(...box, { fill: 'none', stroke: '#ffffff', strokeWidth: 1.5 });
  }
  return body;
}

async function drawBar(
  { colour, labels, name }: ColourBar,
  x: number,
  y: number,
  width: number,
): Promise<string> {
  const steps = Math.round(width);
  let body = await raster((column) => colour(column / (steps - 1)), steps, 12, { x, y, cell: 1 });
  for (const [i, label] of labels.entries()) {
    const share = labels.length === 1 ? 0 : i / (labels.length - 1);
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    body += drawText(label, x + share * steps, y + 28, { size, anchor });
  }
  return body + drawText(name, x + steps + 14, y + 10, { size, fill: ink.muted });
}
