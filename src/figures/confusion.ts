// The confusion matrix: rows are true classes, columns predictions, each row shared out to 100 %. Colour follows
// the square root of the share, so that rare confusions show beside a strong diagonal; the bar at its right says so
// with its ticks. Up to 20 classes have numbers, up to about 110 have names, more have index ticks; the order of the
// classes is the caller's. The pairs most often confused are spelt out, since no eye finds them among thousands.
import { UserError } from '../errors.ts';
import { niceTicks, tickLabel } from './axis.ts';
import { hex, ink, type Rgb, sequential, textOn } from './colour.ts';
import { heading, margin } from './heading.ts';
import { type Drawing, line, raster, rect, writeDrawing } from './svg.ts';
import { drawText, fitName, textWidth } from './text.ts';

export type ConfusionOptions = {
  /** counts[true][predicted], whole and not negative. */
  counts: readonly (readonly number[])[];
  /** Names in the order of the counts. */
  classes: readonly string[];
  title: string;
  subtitle?: string;
};

const maxClasses = 4000;
const maxNumbered = 20;
const noCases: Rgb = [225, 229, 234];
const columnWidth = 250;

/** Draws to `path`, ending in .png or .svg; the size follows the number of classes. */
export async function confusionMatrix(path: string, options: ConfusionOptions): Promise<void> {
  await writeDrawing(path, await drawConfusion(options));
}

/** Where the matrix lies, in px, and the size of a cell and of the names. */
type Layout = { left: number; top: number; cell: number; side: number; nameSize: number; names: string[] };

async function drawConfusion(options: ConfusionOptions): Promise<Drawing> {
  const { counts, classes, title, subtitle } = options;
  checkCounts(counts, classes);
  const shares = counts.map((row) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count) => (total === 0 ? Number.NaN : count / total));
  });
  const n = classes.length;
  const cell = cellSize(n);
  const nameSize = n <= maxNumbered ? 14 : Math.min(13, cell * 0.92);
  const named = cell >= 9;
  const names = named
    ? classes.map((name) => fitName(name, n <= maxNumbered ? 200 : nameSize * 13, nameSize))
    : [];
  const nameRoom = named ? Math.max(...names.map((name) => textWidth(name, nameSize))) : 50;
  const slant = n <= maxNumbered ? Math.SQRT1_2 : 1;
  const left = margin + 26 + nameRoom + 10;
  const right = left + cell * n;
  const column = right + 40;
  const overhang = slant < 1 ? nameRoom * slant + 10 : 0;
  const width = Math.ceil(Math.max(560, right + overhang, column + columnWidth) + margin);
  const head = heading(title, subtitle, width);
  const top = head.bottom + 40 + (named ? nameRoom * slant : 12);
  const layout: Layout = { left, top, cell, side: cell * n, nameSize, names };
  let body = head.body;
  body += await drawCells(shares, layout);
  body += named ? drawNames(layout, n <= maxNumbered) : drawIndexTicks(n, layout);
  body += drawSides(layout, head.bottom);
  const bar = drawColourBar(column, top);
  const pairs = drawPairs(counts, shares, classes, column, bar.bottom + 36);
  const bottom = Math.max(top + layout.side, pairs.bottom);
  return { width, height: Math.ceil(bottom + margin), body: body + bar.body + pairs.body };
}

function checkCounts(counts: readonly (readonly number[])[], classes: readonly string[]): void {
  const n = classes.length;
  if (n === 0) throw new Error('a confusion matrix of no classes');
  if (n > maxClasses) {
    throw new UserError(
      `A confusion matrix of ${n} classes cannot be drawn, the limit is ${maxClasses}. Group the classes.`,
    );
  }
  if (counts.length !== n || counts.some((row) => row.length !== n)) {
    throw new Error(`the counts of ${n} classes are not ${n} rows of ${n}`);
  }
  if (counts.some((row) => row.some((count) => !(count >= 0 && Number.isFinite(count))))) {
    throw new Error('a count of the confusion matrix is not a number >= 0');
  }
}

/** A multiple of half a px, so that cells of a PNG have sharp edges. */
function cellSize(classes: number): number {
  if (classes <= 12) return 60;
  if (classes <= maxNumbered) return 48;
  return Math.max(0.5, Math.min(30, Math.floor(2000 / classes) / 2));
}

async function drawCells(shares: number[][], { left, top, cell, side }: Layout): Promise<string> {
  const n = shares.length;
  const colourOf = (share: number): Rgb => (Number.isNaN(share) ? noCases : sequential(Math.sqrt(share)));
  const share = (column: number, row: number): number => shares[row]?.[column] as number;
  let body = await raster((column, row) => colourOf(share(column, row)), n, n, { x: left, y: top, cell });
  const frame = { fill: 'none', stroke: ink.axis, strokeWidth: 1 };
  if (n > maxNumbered) return body + rect(left, top, side, side, frame);
  for (let i = 1; i < n; i++) {
    const at = i * cell;
    const edge = { stroke: ink.paper, strokeWidth: 1.5 };
    body +=
      line(left + at, top, left + at, top + side, edge) + line(left, top + at, left + side, top + at, edge);
  }
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      const value = share(column, row);
      if (!(value > 0)) continue;
      body += drawText(percent(value), left + (column + 0.5) * cell, top + (row + 0.5) * cell, {
        size: cell >= 60 ? 15 : 12.5,
        weight: row === column ? 600 : 400,
        anchor: 'middle',
        vertical: 'middle',
        fill: textOn(colourOf(value)),
      });
    }
  }
  return body + rect(left, top, side, side, frame);
}

/** A share as percent without its sign: "100", "86.3", "<0.1". */
function percent(share: number): string {
  const value = share * 100;
  if (value > 99.95) return value === 100 ? '100' : '99.9';
  return value < 0.05 ? '<0.1' : value.toFixed(1);
}

function drawNames({ left, top, cell, nameSize, names }: Layout, slanted: boolean): string {
  let body = '';
  names.forEach((name, index) => {
    const middle = (index + 0.5) * cell;
    const style = { size: nameSize, vertical: 'middle' } as const;
    body += drawText(name, left - 10, top + middle, { ...style, anchor: 'end' });
    body += drawText(name, left + middle, top - 10, { ...style, rotateDeg: slanted ? -45 : -90 });
  });
  return body;
}

function drawIndexTicks(classes: number, { left, top, cell }: Layout): string {
  let body = '';
  for (const index of niceTicks(0, classes - 1, 10)) {
    const at = (index + 0.5) * cell;
    const label = tickLabel(index, 1);
    const style = { size: 13, fill: ink.muted } as const;
    body += line(left - 6, top + at, left, top + at, { stroke: ink.axis });
    body += line(left + at, top - 6, left + at, top, { stroke: ink.axis });
    body += drawText(label, left - 10, top + at, { ...style, anchor: 'end', vertical: 'middle' });
    body += drawText(label, left + at, top - 12, { ...style, anchor: 'middle' });
  }
  return body;
}

function drawSides({ left, top, side }: Layout, headTop: number): string {
  const style = { size: 14, weight: 600, fill: ink.muted, anchor: 'middle' } as const;
  return (
    drawText('predicted', left + side / 2, headTop + 14, style) +
    drawText('true', margin + 10, top + side / 2, { ...style, rotateDeg: -90 })
  );
}

function drawColourBar(x: number, top: number): { body: string; bottom: number } {
  const [barTop, height, steps] = [top + 16, 180, 90];
  let body = drawText('Share of the true class (%)', x, top + 2, { size: 14, weight: 600, fill: ink.muted });
  for (let step = 0; step < steps; step++) {
    const fill = hex(sequential(1 - (step + 0.5) / steps));
    body += rect(x, barTop + (step * height) / steps, 18, height / steps + 0.5, { fill });
  }
  for (const share of [0, 1, 5, 10, 25, 50, 75, 100]) {
    const at = barTop + height * (1 - Math.sqrt(share / 100));
    body += line(x + 18, at, x + 23, at, { stroke: ink.axis });
    body += drawText(String(share), x + 29, at, { size: 13, vertical: 'middle', fill: ink.muted });
  }
  return {
    body: body + rect(x, barTop, 18, height, { fill: 'none', stroke: ink.axis }),
    bottom: barTop + height,
  };
}

/** The largest off-diagonal shares, in words; of equal shares the one with more cases first. */
function drawPairs(
  counts: readonly (readonly number[])[],
  shares: number[][],
  classes: readonly string[],
  x: number,
  top: number,
): { body: string; bottom: number } {
  const pairs: { row: number; column: number; share: number; count: number }[] = [];
  shares.forEach((values, row) => {
    values.forEach((share, column) => {
      if (row === column || !(share > 0)) return;
      pairs.push({ row, column, share, count: counts[row]?.[column] as number });
      if (pairs.length > 5000) keepLargest(pairs);
    });
  });
  keepLargest(pairs);
  if (pairs.length === 0) return { body: '', bottom: top };
  let body = drawText('Most often confused', x, top, { size: 14, weight: 600, fill: ink.muted });
  let y = top + 24;
  for (const { row, column, share } of pairs.slice(0, Math.min(8, Math.max(3, classes.length)))) {
    body += drawText(percent(share), x + 36, y, { size: 14, weight: 600, anchor: 'end' });
    const [from, to] = [classes[row], `as ${classes[column]}`];
    const room = columnWidth - 46;
    const parts = textWidth(`${from} ${to}`, 14) <= room ? [`${from} ${to}`] : [`${from}`, to];
    for (const part of parts.map((text) => fitName(text, room, 14))) {
      body += drawText(part, x + 46, y, { size: 14 });
      y += 19;
    }
    y += 5;
  }
  return { body, bottom: y - 14 };
}

function keepLargest(pairs: { share: number; count: number }[]): void {
  pairs.sort((a, b) => b.share - a.share || b.count - a.count);
  pairs.length = Math.min(pairs.length, 8);
}
