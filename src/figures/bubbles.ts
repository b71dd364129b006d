// Bubble charts in panels: one quantity against another on a logarithmic axis, a third as the area of the bubbles.
// Each panel has its own axes and says in its heading what holds for all of its points; groups of points differ
// by colour and by the line around them, and the legend names both.
import { type Axis, linearAxis, logAxis } from './axis.ts';
import { ink, seriesColour } from './colour.ts';
import { heading, margin } from './heading.ts';
import { type Box, placeLabels } from './place-labels.ts';
import { circle, type Drawing, line, rect, writeDrawing } from './svg.ts';
import { drawText, fitText, textWidth, wrapText } from './text.ts';

export interface Bubble {
  readonly name: string;
  /** Above 0. */
  readonly x: number;
  readonly y: number;
  /** What the area stands for, in the unit of `areas`. */
  readonly area: number;
  readonly group: string;
}

export interface BubblePanel {
  readonly title: string;
  readonly yLabel: string;
  readonly bubbles: readonly Bubble[];
}

export interface BubbleOptions {
  readonly title: string;
  readonly subtitle?: string;
  readonly xLabel: string;
  readonly panels: readonly BubblePanel[];
  /** Area of a unit in square px, and the sizes that the legend shows. */
  readonly area: { readonly pxPerUnit: number; readonly legend: readonly { value: number; label: string }[] };
}

const width = 1200;
const nameSize = 12.5;
const gap = 44;
/** Up to so many points a panel takes half the width. */
const smallPanel = 6;
const dashes = [undefined, '4 3', '1.5 2.5'] as const;

/** Draws to `path`, ending in .png or .svg. */
export async function bubbles(path: string, options: BubbleOptions): Promise<void> {
  await writeDrawing(path, drawBubbles(options));
}

/** Panels with many points take the whole width, others half of it. */
export function drawBubbles(options: BubbleOptions): Drawing {
  const head = heading(options.title, options.subtitle, width);
  const groups = [...new Set(options.panels.flatMap(({ bubbles }) => bubbles.map(({ group }) => group)))];
  let { body, bottom: top } = head;
  top += 12;
  const legend = drawLegend(groups, options.area, top);
  body += legend.body;
  top = legend.bottom + 26;
  const rows = rowsOfPanels(options.panels);
  for (const row of rows) {
    const isLarge = (row[0] as BubblePanel).bubbles.length > smallPanel;
    const panelWidth = isLarge ? width - 2 * margin : (width - 2 * margin - gap) / 2;
    const height = isLarge ? 620 : 400;
    row.forEach((panel, column) => {
      const left = margin + column * (panelWidth + gap);
      const box = { left, top, right: left + panelWidth, bottom: top + height };
      body += drawPanel(panel, box, options, groups);
    });
    top += height + 34;
  }
  return { width, height: top + margin - 20, body };
}

function rowsOfPanels(panels: readonly BubblePanel[]): BubblePanel[][] {
  const rows = panels.filter(({ bubbles }) => bubbles.length > smallPanel).map((panel) => [panel]);
  const small = panels.filter(({ bubbles }) => bubbles.length <= smallPanel);
  for (let i = 0; i < small.length; i += 2) rows.push(small.slice(i, i + 2));
  return rows;
}

/** Colour and line of a group. */
function styleOf(group: string, groups: readonly string[]) {
  const index = groups.indexOf(group);
  const colour = seriesColour(index);
  return {
    fill: colour,
    fillOpacity: 0.3,
    stroke: colour,
    strokeWidth: 1.8,
    strokeDasharray: dashes[index % 3],
  };
}

function drawLegend(
  groups: readonly string[],
  { pxPerUnit, legend }: BubbleOptions['area'],
  top: number,
): { body: string; bottom: number } {
  const size = 14;
  let body = '';
  let x = margin;
  let y = top + 12;
  const radii = legend.map(({ value }) => radiusOf(value, pxPerUnit));
  const largest = Math.max(...radii);
  for (const group of groups) {
    const needed = 22 + textWidth(group, size) + 26;
    if (x + needed > width - margin && x > margin) [x, y] = [margin, y + 26];
    body += circle(x + 8, y, 8, styleOf(group, groups));
    body += drawText(group, x + 22, y, { size, vertical: 'middle' });
    x += needed;
  }
  [x, y] = [margin, y + 14 + largest];
  for (const [i, { label }] of legend.entries()) {
    const radius = radii[i] as number;
    body += circle(x + radius, y, radius, { fill: 'none', stroke: ink.muted, strokeWidth: 1.2 });
    body += drawText(label, x + 2 * radius + 7, y, { size, vertical: 'middle', fill: ink.muted });
    x += 2 * radius + textWidth(label, size) + 30;
  }
  return { body, bottom: y + Math.max(12, largest) };
}

function radiusOf(area: number, pxPerUnit: number): number {
  return Math.max(2.5, Math.sqrt((area * pxPerUnit) / Math.PI));
}

function drawPanel(panel: BubblePanel, box: Box, options: BubbleOptions, groups: readonly string[]): string {
  let body = '';
  let titleTop = box.top + 14;
  for (const text of wrapText(panel.title, box.right - box.left, 2, 15, 600)) {
    body += drawText(text, box.left, titleTop, { size: 15, weight: 600 });
    titleTop += 20;
  }
  const frame: Box = {
    left: box.left + 46,
    right: box.right - 4,
    top: titleTop + 22,
    bottom: box.bottom - 48,
  };
  body += drawText(panel.yLabel, box.left, titleTop + 4, { size: 13, fill: ink.muted });
  const radii = panel.bubbles.map(({ area }) => radiusOf(area, options.area.pxPerUnit));
  const largest = Math.max(...radii);
  const xs = panel.bubbles.map(({ x }) => x);
  const ys = panel.bubbles.map(({ y }) => y);
  const xAxis = tightLogAxis(xs, frame.left + largest + 20, frame.right - largest - 20);
  const yAxis = linearAxis(
    Math.min(...ys),
    Math.max(...ys),
    frame.bottom - largest - 6,
    frame.top + largest + 6,
    {
      ticks: 6,
    },
  );
  for (const { value, label } of yAxis.ticks) {
    const at = yAxis.place(value);
    body += line(frame.left, at, frame.right, at, { stroke: ink.grid, strokeWidth: 1 });
    body += drawText(label, frame.left - 10, at, {
      size: 13,
      anchor: 'end',
      vertical: 'middle',
      fill: ink.muted,
    });
  }
  for (const { value, label } of xAxis.ticks) {
    const at = xAxis.place(value);
    if (at < frame.left || at > frame.right) continue;
    body += line(at, frame.top, at, frame.bottom, { stroke: ink.grid, strokeWidth: 1 });
    body += drawText(label, at, frame.bottom + 19, { size: 13, anchor: 'middle', fill: ink.muted });
  }
  body += rect(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top, {
    fill: 'none',
    stroke: ink.axis,
    strokeWidth: 1,
  });
  const xLabel = fitText(options.xLabel, frame.right - frame.left, 13);
  const centre = (frame.left + frame.right) / 2;
  body += drawText(xLabel, centre, frame.bottom + 40, { size: 13, anchor: 'middle', fill: ink.muted });
  const places = panel.bubbles.map(({ x, y }) => [xAxis.place(x), yAxis.place(y)] as const);
  const bySize = [...panel.bubbles.keys()].sort((a, b) => (radii[b] as number) - (radii[a] as number));
  for (const index of bySize) {
    const [x, y] = places[index] as readonly [number, number];
    body += circle(x, y, radii[index] as number, styleOf((panel.bubbles[index] as Bubble).group, groups));
    body += circle(x, y, 1.6, { fill: ink.text });
  }
  return body + drawNames(panel.bubbles, places, radii, frame);
}

/** Ticks as `logAxis` has them, or round ones where the values are too close, from the smallest value to the largest. */
function tightLogAxis(values: readonly number[], from: number, to: number): Pick<Axis, 'ticks' | 'place'> {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const decades = logAxis(low, high, from, to).ticks.filter(({ value }) => value >= low && value <= high);
  const ticks = decades.length > 1 ? decades : linearAxis(low, high, from, to, { ticks: 3 }).ticks;
  const place = (value: number): number =>
    high > low ? from + (Math.log(value / low) / Math.log(high / low)) * (to - from) : (from + to) / 2;
  return { ticks, place };
}

function drawNames(
  list: readonly Bubble[],
  places: readonly (readonly [number, number])[],
  radii: readonly number[],
  frame: Box,
): string {
  const labels = placeLabels(
    list.map(({ name }, i) => {
      const [x, y] = places[i] as readonly [number, number];
      return { x, y, radius: radii[i] as number, width: textWidth(name, nameSize), height: nameSize };
    }),
    frame,
  );
  let lines = '';
  let names = '';
  labels.forEach((box, i) => {
    const [x, y] = places[i] as readonly [number, number];
    const nearX = Math.max(box.left, Math.min(x, box.right));
    const nearY = Math.max(box.top, Math.min(y, box.bottom));
    const distance = Math.hypot(nearX - x, nearY - y);
    if (distance > (radii[i] as number) + 8) {
      lines += line(x, y, nearX, nearY, { stroke: ink.muted, strokeWidth: 0.8 });
    }
    const middle = (box.top + box.bottom) / 2;
    names += drawText((list[i] as Bubble).name, box.left, middle, { size: nameSize, vertical: 'middle' });
  });
  return lines + names;
}
