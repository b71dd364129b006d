// The picture of a learning rate range test: every loss as a point, the smoothed curve, and marks at the suggestion, at
// the lowest point and at the recipe's own rate. The rate's axis is logarithmic; losses that have shot up leave the
// picture at its upper edge.
import { join } from 'node:path';
import { linearAxis, logAxis } from '../../figures/axis.ts';
import { ink, right, wrong } from '../../figures/colour.ts';
import { heading, margin } from '../../figures/heading.ts';
import { circle, type Drawing, line, polyline, writeDrawing } from '../../figures/svg.ts';
import { drawText, textWidth } from '../../figures/text.ts';
import type { RateSearch } from './lr-find.ts';

const width = 1200;
const height = 720;

/** Draws `lr-find.png` and `lr-find.svg` into `folder`; gives their paths. */
export async function drawRateSearch(folder: string, search: RateSearch): Promise<string[]> {
  const drawing = rateDrawing(search);
  const paths = ['png', 'svg'].map((ending) => join(folder, `lr-find.${ending}`));
  for (const path of paths) await writeDrawing(path, drawing);
  return paths;
}

function rateDrawing(search: RateSearch): Drawing {
  const { points, from, to } = search;
  const head = heading(
    `${search.network} on ${search.dataset}: loss while the learning rate grows`,
    subtitle(search),
    width,
  );
  // The names of the marks stand above the frame.
  const frame = {
    left: margin + 60,
    right: width - margin - 10,
    top: head.bottom + 72,
    bottom: height - margin - 50,
  };
  const curve = points.map(({ smoothed }) => smoothed);
  const [low, high] = [Math.min(...curve), Math.max(...curve)];
  const room = Math.max(0.1 * (high - low), 0.02 * high);
  const y = linearAxis(Math.max(0, low - room), high + room, frame.bottom, frame.top, {
    ticks: 6,
    round: true,
  });
  const x = logAxis(from, to, frame.left, frame.right);
  let body = head.body;
  for (const { value, label } of y.ticks) {
    const at = y.place(value);
    body += line(frame.left, at, frame.right, at, { stroke: ink.grid, strokeWidth: 1 });
    body += drawText(label, frame.left - 12, at, {
      size: 14,
      anchor: 'end',
      vertical: 'middle',
      fill: ink.muted,
    });
  }
  for (const { value, label } of x.ticks) {
    const at = x.place(value);
    body += line(at, frame.bottom, at, frame.bottom + 6, { stroke: ink.axis, strokeWidth: 1 });
    body += drawText(label, at, frame.bottom + 24, { size: 14, anchor: 'middle', fill: ink.muted });
  }
  body += line(frame.left, frame.bottom, frame.right, frame.bottom, { stroke: ink.axis, strokeWidth: 1.5 });
  body += drawText('loss', margin, frame.top - 14, { size: 14, weight: 600, fill: ink.muted });
  body += drawText('learning rate', (frame.left + frame.right) / 2, frame.bottom + 50, {
    size: 14,
    weight: 600,
    anchor: 'middle',
    fill: ink.muted,
  });
  const clip = (value: number): number => Math.max(frame.top, Math.min(frame.bottom, y.place(value)));
  for (const { rate, loss } of points) body += circle(x.place(rate), clip(loss), 3, { fill: '#b8c1cc' });
  const placed = points.map(({ rate, smoothed }) => [x.place(rate), clip(smoothed)] as const);
  body += polyline(placed, { stroke: right, strokeWidth: 3 });
  body += drawMarks(marksOf(search), x.place, clip, frame);
  return { width, height, body };
}

function subtitle({ batch, recipe, dtype, seed, points, steps, stopped }: RateSearch): string {
  const end = stopped === null ? '' : `; stopped after ${points.length}: ${stopped.reason}`;
  return `${steps} steps of batch ${batch}, recipe ${recipe}, ${dtype}, seed ${seed}; points: each step, line: smoothed${end}`;
}

interface Mark {
  readonly rate: number;
  readonly name: string;
  readonly colour: string;
  readonly dash?: string;
  /** The height of its dot on the curve. */
  readonly loss?: number;
}

function marksOf({ suggestion, lowest, recipeRate, from, to, points, recipe }: RateSearch): Mark[] {
  const marks: Mark[] = [];
  if (suggestion !== null) {
    const nearest = points.reduce((best, point) =>
      Math.abs(Math.log(point.rate / suggestion)) < Math.abs(Math.log(best.rate / suggestion)) ? point : best,
    );
    marks.push({
      rate: suggestion,
      name: `suggestion ${short(suggestion)}`,
      colour: wrong,
      loss: nearest.smoothed,
    });
  }
  if (lowest !== null && suggestion !== null) {
    const name = `lowest at ${short(lowest.rate)}`;
    marks.push({ rate: lowest.rate, name, colour: ink.muted, dash: '2 5', loss: lowest.loss });
  }
  if (recipeRate >= from && recipeRate <= to) {
    marks.push({
      rate: recipeRate,
      name: `recipe ${recipe}: ${short(recipeRate)}`,
      colour: ink.text,
      dash: '8 6',
    });
  }
  return marks.sort((a, b) => a.rate - b.rate);
}

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Upright lines, each with its name to the right of its head; the heads come down like stairs, so that none meet. */
function drawMarks(
  marks: readonly Mark[],
  place: (rate: number) => number,
  clip: (loss: number) => number,
  { right: edge, top, bottom }: Frame,
): string {
  let body = '';
  for (const [i, { rate, name, colour, dash, loss }] of marks.entries()) {
    const at = place(rate);
    const start = Math.min(edge - textWidth(name, 15, 600), at + 7);
    const base = top - 12 - (marks.length - 1 - i) * 20;
    body += line(at, base - 12, at, bottom, { stroke: colour, strokeWidth: 1.5, strokeDasharray: dash });
    body += drawText(name, start, base, { size: 15, weight: 600, fill: colour });
    if (loss !== undefined) body += circle(at, clip(loss), 6, { fill: colour });
  }
  return body;
}

function short(value: number): string {
  return `${Number(value.toPrecision(2))}`;
}
