// A diagram as a drawing (SVG, PNG). A tall one continues in further columns, each of which begins where the line
// from the end of the one before arrives.
import { ink } from '../figures/colour.ts';
import { heading, margin } from '../figures/heading.ts';
import { type Drawing, element, line, number, rect, writeDrawing } from '../figures/svg.ts';
import { drawText, fitName, fitText, textWidth } from '../figures/text.ts';
import { boxWidth, gapBetween, headingOf, isJoin, nameUnder, type Placed, place, sizes } from './layout.ts';
import type { Block, Layer, LayerKind, Piece, Series } from './pieces.ts';
import { costText, innerPath, notesOf, shapeText, titleOf } from './words.ts';

export interface DiagramText {
  readonly title: string;
  readonly subtitle: string;
}

/** Fill and edge of boxes; the words in a box say the same. */
export const boxColours: Readonly<Record<LayerKind | 'block', readonly [fill: string, stroke: string]>> = {
  input: ['#ffffff', '#5b6776'],
  convolution: ['#e3f0f9', '#0072b2'],
  linear: ['#e0f3ec', '#009e73'],
  pool: ['#fdeadb', '#d55e00'],
  normalisation: ['#f8ebf3', '#b0578a'],
  activation: ['#f8ebf3', '#b0578a'],
  join: ['#fbf1d9', '#b87a00'],
  other: ['#eef0f3', '#5b6776'],
  block: ['#eceef2', '#4d4d4d'],
};

const edge = { stroke: ink.muted, strokeWidth: 1.4 } as const;
const columnGap = 56;
/** How far the line to the next column goes down first, with room for the shape on it. */
const connectorDrop = 26;

/** Draws `whole` to `path`, ending in .png or .svg. */
export async function diagramFigure(path: string, whole: Series, text: DiagramText): Promise<void> {
  await writeDrawing(path, drawDiagram(whole, text));
}

export function drawDiagram(whole: Series, { title, subtitle }: DiagramText): Drawing {
  const width = boxWidth(whole);
  const placed = whole.items.map((item) => place(item, width));
  const columns = splitColumns(placed);
  const totals = columns.map(columnSize);
  const drawn = totals.reduce((sum, each) => sum + each.width, 0) + columnGap * (columns.length - 1);
  const figureWidth = Math.max(640, Math.ceil(drawn + 2 * margin));
  const head = heading(title, subtitle, figureWidth);
  const top = head.bottom + 26;
  let x = margin + (figureWidth - 2 * margin - drawn) / 2;
  let body = head.body;
  let left: { x: number; y: number; label: string } | undefined;
  const tallest = Math.max(...totals.map(({ height }) => height));
  columns.forEach((column, c) => {
    const { width: columnWidth, axis } = totals[c] as ColumnSize;
    const axisX = x + axis;
    if (left !== undefined) body += connector(left, axisX, top, x - columnGap / 2);
    let y = top;
    column.forEach((part, i) => {
      const before = column[i - 1]?.piece as Piece | undefined;
      const piece = part.piece as Piece;
      if (before !== undefined) {
        const gap = gapBetween(before, piece);
        body += between(before, piece, axisX, y, y + gap);
        y += gap;
      }
      body += draw(part, axisX - part.axis, y, '');
      y += part.height;
    });
    const last = column.at(-1)?.piece as Piece;
    left = { x: axisX, y, label: last.kind === 'parallel' ? '' : shapeText(last.shape) };
    x += columnWidth + columnGap;
  });
  return {
    width: figureWidth,
    height: Math.ceil(top + tallest + (columns.length > 1 ? connectorDrop : 0) + margin),
    body,
  };
}

interface ColumnSize {
  readonly width: number;
  readonly height: number;
  readonly axis: number;
}

function columnSize(column: readonly Placed[]): ColumnSize {
  const axis = Math.max(...column.map((part) => part.axis));
  const right = Math.max(...column.map((part) => part.width - part.axis));
  return { width: axis + right, height: heightOf(column), axis };
}

function heightOf(column: readonly Placed[]): number {
  return column.reduce((sum, part, i) => {
    const before = column[i - 1];
    return (
      sum + part.height + (before === undefined ? 0 : gapBetween(before.piece as Piece, part.piece as Piece))
    );
  }, 0);
}

/** As many columns as bring the drawing nearest to the shape of a page, each as low as can be. */
function splitColumns(parts: readonly Placed[]): Placed[][] {
  let best: Placed[][] = [[...parts]];
  let bestMiss = Number.POSITIVE_INFINITY;
  for (let count = 1; count <= Math.min(8, parts.length); count++) {
    const columns = evenColumns(parts, count);
    const width = columns.reduce((sum, column) => sum + columnSize(column).width + columnGap, 0);
    const height = Math.max(...columns.map(heightOf)) + 100;
    const miss = Math.abs(Math.log(width / height / 1.25));
    if (miss < bestMiss) [best, bestMiss] = [columns, miss];
  }
  return best;
}

/** Splits into at most `count` columns, the tallest as low as possible (binary search on its height). */
function evenColumns(parts: readonly Placed[], count: number): Placed[][] {
  const fill = (limit: number): Placed[][] => {
    const columns: Placed[][] = [[]];
    for (const part of parts) {
      const column = columns.at(-1) as Placed[];
      // A join stays with the branches that it joins.
      const belongs = isJoin(part.piece) && column.length > 0;
      if (column.length > 0 && !belongs && heightOf([...column, part]) > limit) columns.push([part]);
      else column.push(part);
    }
    return columns;
  };
  let [low, high] = [Math.max(...parts.map(({ height }) => height)), heightOf(parts)];
  while (high - low > 4) {
    const middle = (low + high) / 2;
    if (fill(middle).length <= count) high = middle;
    else low = middle;
  }
  return fill(high);
}

/** From the end of a column around to the top of the next. */
function connector(
  from: { x: number; y: number; label: string },
  toX: number,
  top: number,
  gutterX: number,
): string {
  const bottom = from.y + connectorDrop;
  const turn = top - 18;
  const d =
    `M${number(from.x)} ${number(from.y)}V${number(bottom - 8)}Q${number(from.x)} ${number(bottom)} ` +
    `${number(from.x + 8)} ${number(bottom)}H${number(gutterX - 8)}Q${number(gutterX)} ${number(bottom)} ` +
    `${number(gutterX)} ${number(bottom - 8)}V${number(turn + 8)}Q${number(gutterX)} ${number(turn)} ` +
    `${number(gutterX + 8)} ${number(turn)}H${number(toX - 8)}Q${number(toX)} ${number(turn)} ${number(toX)} ` +
    `${number(turn + 8)}V${number(top - 2)}`;
  const path = element('path', { d, fill: 'none', ...edge });
  return path + arrow(toX, top) + label(from.label, from.x + 10, bottom - 7);
}

function draw(placed: Placed, x: number, y: number, outer: string): string {
  const { piece } = placed;
  switch (piece.kind) {
    case 'layer':
      return isJoin(piece) ? drawJoin(piece, placed, x, y) : drawBox(piece, placed, x, y, outer);
    case 'block':
      return piece.folded ? drawBox(piece, placed, x, y, outer) : drawFrame(piece, placed, x, y, outer);
    case 'series':
      return drawSeries(placed, piece, x, y, outer);
    case 'parallel':
      return drawParallel(placed, x, y, outer);
  }
}

function drawBox(
  piece: Layer | Block,
  { width, height }: Placed,
  x: number,
  y: number,
  outer: string,
): string {
  const [fill, stroke] = boxColours[piece.kind === 'block' ? 'block' : piece.type];
  const centre = x + width / 2;
  const room = width - 16;
  let body = '';
  // A folded block looks like a pile of sheets.
  if (piece.kind === 'block')
    body += rect(x + 3, y + 3, width, height, { rx: 6, fill: ink.paper, stroke, strokeWidth: 1 });
  body += rect(x, y, width, height, { rx: 6, fill, stroke, strokeWidth: 1.2 });
  const notes = piece.kind === 'block' ? foldedNote(piece) : notesOf(piece);
  const title = piece.kind === 'block' ? headingOf(piece) : titleOf(piece);
  const isAlone = notes === '' && costText(piece) === '' && nameUnder(piece) === '';
  const titleY = isAlone ? y + height / 2 + 4.5 : y + (notes === '' ? 22 : 17);
  body += drawText(fitText(title, room, sizes.title, 600), centre, titleY, {
    size: sizes.title,
    weight: 600,
    anchor: 'middle',
  });
  const small = { size: sizes.text, fill: ink.muted } as const;
  if (notes !== '')
    body += drawText(fitText(notes, room, sizes.text), centre, y + 32, { ...small, anchor: 'middle' });
  const cost = costText(piece);
  const name = innerPath(nameUnder(piece), outer);
  const bottom = y + height - 8;
  if (cost === '' || name === '') {
    const only = fitName(`${cost}${name}`, room, sizes.text);
    return body + drawText(only, centre, bottom, { ...small, anchor: 'middle' });
  }
  const costWidth = textWidth(cost, sizes.text);
  body += drawText(fitName(name, room - costWidth - 8, sizes.text), x + 8, bottom, small);
  return body + drawText(cost, x + width - 8, bottom, { ...small, anchor: 'end' });
}

function foldedNote(piece: Block): string {
  const layers = countLayers(piece.body);
  return [`${layers} ${layers === 1 ? 'layer' : 'layers'}`, notesOf(piece)].filter(Boolean).join(', ');
}

function countLayers(piece: Piece | Series): number {
  if (piece.kind === 'layer') return 1;
  if (piece.kind === 'block') return countLayers(piece.body) * piece.repeats;
  const parts = piece.kind === 'series' ? piece.items : piece.branches;
  return parts.reduce((sum, part) => sum + countLayers(part), 0);
}

function drawJoin(piece: Layer, { width, height }: Placed, x: number, y: number): string {
  const [fill, stroke] = boxColours.join;
  const text = [titleOf(piece), notesOf(piece)].filter(Boolean).join(', ');
  return (
    rect(x, y, width, height, { rx: height / 2, fill, stroke, strokeWidth: 1.2 }) +
    drawText(text, x + width / 2, y + height / 2, {
      size: sizes.text,
      weight: 600,
      anchor: 'middle',
      vertical: 'middle',
    })
  );
}

function drawFrame(piece: Block, placed: Placed, x: number, y: number, outer: string): string {
  const { width, height, axis } = placed;
  const [inside] = placed.parts as readonly [Placed['parts'][number]];
  const dash = piece.repeats > 1 ? undefined : '5 4';
  let body = '';
  if (piece.repeats > 1) {
    body += rect(x + 5, y + 5, width, height, { rx: 10, fill: ink.paper, stroke: ink.axis, strokeWidth: 1 });
  }
  body += rect(x, y, width, height, {
    rx: 10,
    fill: piece.repeats > 1 ? ink.paper : 'none',
    stroke: ink.axis,
    strokeWidth: 1.2,
    strokeDasharray: dash,
  });
  body += drawText(headingOf(piece), x + 10, y + 16, { size: sizes.text, weight: 600, fill: ink.muted });
  const cost = costText(piece);
  body += drawText(cost, x + width - 10, y + 16, { size: sizes.text, anchor: 'end', fill: ink.muted });
  const first = piece.body.items[0];
  const top = y + inside.y;
  const bottom = top + inside.part.height;
  // Lines pass the heading only where they do not cross it.
  const headingRight = x + 10 + textWidth(headingOf(piece), sizes.text, 600) + 5;
  const costLeft = x + width - 10 - textWidth(cost, sizes.text) - 5;
  const axisX = x + axis;
  const isFree = axisX > headingRight && axisX < costLeft;
  const start = isFree ? y : y + sizes.frameHeading - 2;
  body += line(axisX, start, axisX, first?.kind === 'parallel' ? top : top - 2, edge);
  if (first !== undefined && first.kind !== 'parallel') body += arrow(axisX, top);
  body += line(axisX, bottom, axisX, y + height, edge);
  return body + draw(inside.part, x + inside.x, top, piece.path || outer);
}

function drawSeries(placed: Placed, { items }: Series, x: number, y: number, outer: string): string {
  const axisX = x + placed.axis;
  let body = '';
  placed.parts.forEach(({ part, x: dx, y: dy }, i) => {
    const before = placed.parts[i - 1];
    if (before !== undefined) {
      body += between(
        items[i - 1] as Piece,
        items[i] as Piece,
        axisX,
        y + before.y + before.part.height,
        y + dy,
      );
    }
    body += draw(part, x + dx, y + dy, outer);
  });
  return body;
}

/** The line from one piece of a row to the next, with the shape that goes along it. */
function between(before: Piece, after: Piece, x: number, from: number, to: number): string {
  const isArrow = after.kind !== 'parallel';
  let body = line(x, from, x, isArrow ? to - 2 : to, edge);
  if (isArrow) body += arrow(x, to);
  if (before.kind === 'parallel') return body;
  return body + label(shapeText(before.shape), x + 7, (from + to) / 2 + 3);
}

function drawParallel(placed: Placed, x: number, y: number, outer: string): string {
  const axisX = x + placed.axis;
  const bottom = y + placed.height;
  const axes = placed.parts.map(({ part, x: dx }) => x + dx + part.axis);
  const [low, high] = [Math.min(axisX, ...axes), Math.max(axisX, ...axes)];
  let body = line(low, y, high, y, { ...edge, strokeLinecap: 'round' });
  body += line(low, bottom, high, bottom, { ...edge, strokeLinecap: 'round' });
  placed.parts.forEach(({ part, x: dx, y: dy }, i) => {
    const at = axes[i] as number;
    const { items } = part.piece as Series;
    const [first, last] = [items[0], items.at(-1)];
    if (first === undefined || last === undefined) {
      body += line(at, y, at, bottom, edge);
      return;
    }
    const isArrow = first.kind !== 'parallel';
    body += line(at, y, at, isArrow ? y + dy - 2 : y + dy, edge);
    if (isArrow) body += arrow(at, y + dy);
    const end = y + dy + part.height;
    body += line(at, end, at, bottom, edge);
    if (last.kind !== 'parallel') body += label(shapeText(last.shape), at + 7, bottom - 7);
    body += draw(part, x + dx, y + dy, outer);
  });
  return body;
}

function label(text: string, x: number, y: number): string {
  return drawText(text, x, y, { size: sizes.text, fill: ink.muted });
}

/** An arrow head whose point is at (x, y), from above. */
function arrow(x: number, y: number): string {
  const d = `M${number(x - 3.5)} ${number(y - 7)}L${number(x + 3.5)} ${number(y - 7)}L${number(x)} ${number(y)}Z`;
  return element('path', { d, fill: ink.muted });
}
