// A sheet of pictures with what a network says of them. Small pictures are enlarged by whole factors without
// smoothing, so that every pixel is the one that the network saw. Right and wrong are told by a colour and by a sign.
import sharp from 'sharp';
import { ink, right, wrong } from './colour.ts';
import { heading, margin } from './heading.ts';
import { circle, type Drawing, embed, rect, sharpness, sign, writeDrawing } from './svg.ts';
import { drawText, fitName, textWidth, wrapText } from './text.ts';

export type SheetItem = {
  /** Planar (channel, row, column) bytes; 1 channel is grey, 3 are red, green, blue. */
  pixels: Uint8Array;
  channels: number;
  height: number;
  width: number;
  caption: string;
  mark?: 'right' | 'wrong';
  /** Top predictions, `value` from 0 to 1; the first five are drawn. */
  bars?: readonly { label: string; value: number }[];
};

export type SheetOptions = {
  title: string;
  subtitle?: string;
  columns: number;
  items: readonly SheetItem[];
};

/** Side of the square that a picture is fitted into, in px: 6 times 28 and 5 times 32 fit. */
const box = 168;
const gap = 26;
const captionSize = 13.5;
const captionLine = 18;
const barHeight = 18;
const maxBars = 5;

/** Draws to `path`, ending in .png or .svg; the size follows the number of items and columns. */
export async function pictureSheet(path: string, options: SheetOptions): Promise<void> {
  await writeDrawing(path, await drawSheet(options));
}

async function drawSheet({ title, subtitle, columns, items }: SheetOptions): Promise<Drawing> {
  if (!Number.isInteger(columns) || columns < 1)
    throw new Error(`${columns} columns, expected a whole number >= 1`);
  const used = Math.max(1, Math.min(columns, items.length));
  const width = Math.max(560, 2 * margin + used * (box + gap) - gap);
  const head = heading(title, subtitle, width);
  let body = head.body;
  let top = head.bottom + 6;
  for (let start = 0; start < items.length; start += used) {
    const row = items.slice(start, start + used);
    const captions = row.map(({ caption }) => wrapText(caption, box, 2, captionSize, 600));
    const captionLines = Math.max(...captions.map((lines) => lines.length));
    const bars = Math.max(...row.map((item) => Math.min(maxBars, item.bars?.length ?? 0)));
    for (const [column, item] of row.entries()) {
      const x = margin + column * (box + gap);
      body += await drawPicture(item, x, top);
      const captionTop = top + box + 22;
      for (const [index, text] of (captions[column] ?? []).entries()) {
        body += drawText(text, x, captionTop + index * captionLine, { size: captionSize, weight: 600 });
      }
      body += drawBars(item, x, captionTop + (captionLines - 1) * captionLine + 9);
    }
    top += box + 22 + captionLines * captionLine + bars * (barHeight + 3) + gap - 6;
  }
  if (items.length === 0) {
    body += drawText('No pictures', margin, top + 16, { size: 16, fill: ink.muted });
    top += 30;
  }
  return { width, height: Math.ceil(top - gap + 14 + margin), body };
}

async function drawPicture(item: SheetItem, x: number, y: number): Promise<string> {
  const { png, width, height } = await enlarge(item);
  const left = x + Math.round((box - width) / 2);
  const top = y + Math.round((box - height) / 2);
  let body = rect(x, y, box, box, { fill: ink.empty }) + embed(png, left, top, width, height);
  if (item.mark === undefined) return body;
  const colour = item.mark === 'right' ? right : wrong;
  body += rect(x, y, box, box, { fill: 'none', stroke: colour, strokeWidth: 4 });
  const badge = { x: x + box - 4, y: y + 4 };
  body += circle(badge.x, badge.y, 15, { fill: ink.paper }) + circle(badge.x, badge.y, 13, { fill: colour });
  return body + sign(item.mark, badge.x, badge.y, 13, ink.paper);
}

/** The picture as PNG at the pixels it will have: whole factors from 3 up, smooth resampling for larger pictures. */
async function enlarge(item: SheetItem): Promise<{ png: Uint8Array; width: number; height: number }> {
  const { pixels, channels, height, width } = item;
  const area = height * width;
  if ((channels !== 1 && channels !== 3) || pixels.length !== channels * area || !(area > 0)) {
    throw new Error(
      `a picture of ${pixels.length} bytes is called ${channels}x${height}x${width}, expected 1 or 3 channels`,
    );
  }
  const interleaved = new Uint8Array(area * 3);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++)
      interleaved[i * 3 + c] = pixels[(channels === 1 ? 0 : c) * area + i] as number;
  }
  const room = box * sharpness;
  const factor = Math.floor(room / Math.max(width, height));
  const exact = factor >= 3;
  const share = exact ? factor : room / Math.max(width, height);
  const size = [width, height].map((side) => Math.max(1, Math.round(side * share))) as [number, number];
  const png = await sharp(interleaved, { raw: { width, height, channels: 3 } })
    .resize(size[0], size[1], { kernel: exact ? 'nearest' : 'lanczos3', fit: 'fill' })
    .png()
    .toBuffer();
  return { png, width: size[0] / sharpness, height: size[1] / sharpness };
}

function drawBars({ bars = [], mark }: SheetItem, x: number, top: number): string {
  let body = '';
  for (const [index, { label, value }] of bars.slice(0, maxBars).entries()) {
    const y = top + index * (barHeight + 3);
    const share = Math.min(1, Math.max(0, Number.isFinite(value) ? value : 0));
    const colour = index > 0 || mark === undefined ? ink.axis : mark === 'right' ? right : wrong;
    const number = Number.isFinite(value) ? `${(value * 100).toFixed(value >= 0.0995 ? 0 : 1)} %` : '?';
    const middle = y + barHeight / 2;
    const style = { size: 11.5, vertical: 'middle' } as const;
    body += rect(x, y, box, barHeight, { fill: ink.empty });
    body += rect(x, y, box * share, barHeight, { fill: colour, fillOpacity: 0.38 });
    const room = box - 18 - textWidth(number, style.size);
    body += drawText(fitName(label, room, style.size), x + 6, middle, style);
    body += drawText(number, x + box - 6, middle, { ...style, anchor: 'end' });
  }
  return body;
}
