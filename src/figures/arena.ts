// What lies where in the arena, and when: time from left to right in steps, addresses upwards, a rectangle for each
// stretch that holds something. Where the line of what is alive touches the top, no plan could do with less.
import { linearAxis } from './axis.ts';
import { ink, type Rgb, seriesColour, textOn } from './colour.ts';
import { heading, margin } from './heading.ts';
import { type Drawing, line, polyline, rect, writeDrawing } from './svg.ts';
import { drawText, fitName, textWidth } from './text.ts';

export interface ArenaRectangle {
  readonly offset: number;
  readonly bytes: number;
  /** Steps, ends included. */
  readonly first: number;
  readonly last: number;
  /** What the colour tells apart. */
  readonly group: string;
  readonly name: string;
}

export interface ArenaOptions {
  readonly title: string;
  readonly subtitle?: string;
  readonly rectangles: readonly ArenaRectangle[];
  readonly arenaBytes: number;
  readonly lowerBoundBytes: number;
}

const width = 1200;
const height = 620;
const left = margin + 62;
const right = width - margin - 4;
/** Groups with a colour of their own; grey is for the rest. */
const coloured = 7;
const otherColour = '#c3cad2';
const mebibyte = 2 ** 20;

/** Draws to `path`, ending in .png or .svg. */
export async function arena(path: string, options: ArenaOptions): Promise<void> {
  await writeDrawing(path, drawArena(options));
}

export function drawArena(options: ArenaOptions): Drawing {
  const { rectangles, arenaBytes, lowerBoundBytes } = options;
  const head = heading(options.title, options.subtitle, width);
  const area = ({ bytes, first, last }: ArenaRectangle): number => bytes * (last - first + 1);
  const sizes = [...Map.groupBy(rectangles, ({ group }) => group)].map(
    ([group, list]) => [group, list.reduce((sum, each) => sum + area(each), 0)] as const,
  );
  const groups = sizes.sort((a, b) => b[1] - a[1]).map(([group]) => group);
  const colourOf = (group: string): string => {
    const index = groups.indexOf(group);
    return index < coloured ? seriesColour(index) : otherColour;
  };
  const legend = drawLegend(groups, colourOf, head.bottom + 14);
  const frame = { top: legend.bottom + 30, bottom: legend.bottom + 30 + height };
  const firstStep = Math.min(0, ...rectangles.map(({ first }) => first));
  const lastStep = Math.max(1, ...rectangles.map(({ last }) => last)) + 1;
  const xAxis = linearAxis(firstStep, lastStep, left, right, { ticks: 12, whole: true });
  const yAxis = linearAxis(0, Math.max(arenaBytes, 1) / mebibyte, frame.bottom, frame.top, { ticks: 8 });
  const y = (bytes: number): number => yAxis.place(bytes / mebibyte);
  let body = head.body + legend.body;
  for (const { value, label } of yAxis.ticks) {
    const at = yAxis.place(value);
    body += line(left, at, right, at, { stroke: ink.grid, strokeWidth: 1 });
    body += drawText(label, left - 10, at, { size: 13, anchor: 'end', vertical: 'middle', fill: ink.muted });
  }
  for (const { value, label } of xAxis.ticks) {
    body += drawText(label, xAxis.place(value), frame.bottom + 20, {
      size: 13,
      anchor: 'middle',
      fill: ink.muted,
    });
  }
  // Results in place lie on what they took over.
  let names = '';
  for (const each of [...rectangles].sort((a, b) => a.first - b.first)) {
    const [x1, x2] = [xAxis.place(each.first), xAxis.place(each.last + 1)];
    const [y1, y2] = [y(each.offset + each.bytes), y(each.offset)];
    body += rect(x1, y1, x2 - x1, y2 - y1, {
      fill: colourOf(each.group),
      stroke: ink.paper,
      strokeWidth: Math.min(0.6, (x2 - x1) / 6, (y2 - y1) / 6),
    });
    // What is taken over in place is covered from there on; its name stays clear of that.
    const over = rectangles.find(
      ({ offset, first }) => offset === each.offset && first > each.first && first <= each.last,
    );
    const end = over === undefined ? x2 : xAxis.place(over.first);
    if (y2 - y1 < 13 || (end - x1 < 72 && textWidth(each.name, 11) > end - x1 - 8)) continue;
    names += drawText(fitName(each.name, end - x1 - 8, 11), (x1 + end) / 2, (y1 + y2) / 2, {
      size: 11,
      anchor: 'middle',
      vertical: 'middle',
      fill: textOn(rgbOf(colourOf(each.group))),
    });
  }
  body += names;
  const alive = aliveBytes(rectangles, firstStep, lastStep);
  const steps = alive.flatMap((bytes, i) => [
    [xAxis.place(firstStep + i), y(bytes)] as const,
    [xAxis.place(firstStep + i + 1), y(bytes)] as const,
  ]);
  body += polyline(steps, { stroke: ink.paper, strokeWidth: 4, strokeOpacity: 0.8 });
  body += polyline(steps, { stroke: ink.text, strokeWidth: 1.6 });
  const bound = y(lowerBoundBytes);
  body += line(left, bound, right, bound, { stroke: ink.text, strokeWidth: 1.4, strokeDasharray: '7 4' });
  body += rect(left, frame.top, right - left, frame.bottom - frame.top, {
    fill: 'none',
    stroke: ink.axis,
    strokeWidth: 1,
  });
  body += drawText('address, MiB', margin + 12, (frame.top + frame.bottom) / 2, {
    size: 14,
    anchor: 'middle',
    rotateDeg: -90,
    fill: ink.muted,
  });
  body += drawText('step', (left + right) / 2, frame.bottom + 44, {
    size: 14,
    anchor: 'middle',
    fill: ink.muted,
  });
  return { width, height: frame.bottom + 44 + margin, body };
}

function drawLegend(
  groups: readonly string[],
  colourOf: (group: string) => string,
  top: number,
): { body: string; bottom: number } {
  const shown = groups.slice(0, coloured);
  const entries = shown.map((group) => ({ label: group, colour: colourOf(group) }));
  if (groups.length > coloured) entries.push({ label: 'others', colour: otherColour });
  let [x, y, body] = [margin, top, ''];
  const next = (needed: number): void => {
    if (x + needed > width - margin && x > margin) [x, y] = [margin, y + 24];
  };
  for (const { label, colour } of entries) {
    const needed = 22 + textWidth(label, 14) + 24;
    next(needed);
    body += rect(x, y - 7, 14, 14, { fill: colour });
    body += drawText(label, x + 22, y, { size: 14, vertical: 'middle' });
    x += needed;
  }
  for (const [label, dash] of [
    ['alive', undefined],
    ['lower bound: the most that is alive', '7 4'],
  ] as const) {
    const needed = 36 + textWidth(label, 14) + 24;
    next(needed);
    body += line(x, y, x + 28, y, { stroke: ink.text, strokeWidth: 1.6, strokeDasharray: dash });
    body += drawText(label, x + 36, y, { size: 14, vertical: 'middle' });
    x += needed;
  }
  return { body, bottom: y };
}

function rgbOf(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Bytes in use at each step; what lies on the same place counts once. */
function aliveBytes(rectangles: readonly ArenaRectangle[], firstStep: number, lastStep: number): number[] {
  const sorted = [...rectangles].sort((a, b) => a.offset - b.offset);
  return Array.from({ length: lastStep - firstStep }, (_, i) => {
    const step = firstStep + i;
    let [end, sum] = [0, 0];
    for (const { offset, bytes, first, last } of sorted) {
      if (step < first || step > last) continue;
      sum += Math.max(0, offset + bytes - Math.max(end, offset));
      end = Math.max(end, offset + bytes);
    }
    return sum;
  });
}
