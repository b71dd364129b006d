// Curves over steps or epochs (loss, error, learning rate): one glance should show where each run went and ended.
// Each line carries its name and its last value at its end, so that no eye travels to a legend and back.
import { type Axis, linearAxis, logAxis, valueText } from './axis.ts';
import { ink, seriesColour, seriesRound } from './colour.ts';
import { heading, margin } from './heading.ts';
import { circle, type Drawing, line, polyline, writeDrawing } from './svg.ts';
import { drawText, fitName, fitText, textWidth } from './text.ts';

export type Series = {
  name: string;
  /** (x, y) in the order of the line. Points that are not finite, or not positive on a log axis, are skipped. */
  points: readonly (readonly [number, number])[];
  dashed?: boolean;
};

export type CurvesOptions = {
  title: string;
  subtitle?: string;
  series: readonly Series[];
  xLabel: string;
  yLabel: string;
  /** The y axis starts here (and clips what lies below) instead of where the data do. */
  yMin?: number;
  logY?: boolean;
  /** px; default 1200x720. */
  size?: { width: number; height: number };
};

const nameSize = 15;
const lineHeight = 22;
/** The piece of line before a name, which shows its colour and dashes. */
const sampleWidth = 26;
/** More points than a line has pixels are thinned to the extremes of each stretch. */
const maxPoints = 4000;

/** Draws to `path`, ending in .png (twice as many pixels as px) or .svg. */
export async function curves(path: string, options: CurvesOptions): Promise<void> {
  await writeDrawing(path, drawCurves(options));
}

type Curve = { name: string; colour: string; dash: string | undefined; points: [number, number][] };

/** The drawing alone, to be a panel of a larger one. */
export function drawCurves(options: CurvesOptions): Drawing {
  const { series, logY = false, yMin, size = { width: 1200, height: 720 } } = options;
  const { width, height } = size;
  const floor = logY ? Math.max(0, yMin ?? 0) : Number.NEGATIVE_INFINITY;
  const all: Curve[] = series.map(({ name, points, dashed }, index) => ({
    name,
    colour: seriesColour(index),
    dash: dashed ? '7 6' : [undefined, '2 5', '12 5 2 5'][seriesRound(index) % 3],
    points: thin(points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y) && (!logY || y > floor))),
  }));
  const head = heading(options.title, options.subtitle, width);
  const labels = endLabels(all);
  const frame = {
    left: margin + 66,
    right: width - margin - (labels.width > 0 ? labels.width + 22 : 0),
    top: head.bottom + 30,
    bottom: height - margin - 50,
  };
  const xs = all.flatMap(({ points }) => points.map(([x]) => x));
  const ys = all.flatMap(({ points }) => points.map(([, y]) => y));
  const [xLow, xHigh] = extent(xs);
  const [yLow, yHigh] = extent(ys);
  const x = linearAxis(xLow, xHigh, frame.left, frame.right, {
    ticks: width < 900 ? 5 : 10,
    whole: xs.every(Number.isInteger),
  });
  const y = logY
    ? logAxis(yMin !== undefined && yMin > 0 ? yMin : yLow, yHigh, frame.bottom, frame.top)
    : linearAxis(yMin ?? yLow, Math.max(yHigh, yMin ?? yHigh), frame.bottom, frame.top, {
        ticks: 6,
        round: true,
      });
  let body = head.body + drawAxes(options, x, y, frame);
  for (const curve of all) body += drawCurve(curve, x, y, frame.bottom);
  body += drawEndLabels(labels.entries, x, y, frame);
  if (ys.length === 0) {
    const centre = (frame.left + frame.right) / 2;
    body += drawText('No data', centre, (frame.top + frame.bottom) / 2, {
      size: 20,
      anchor: 'middle',
      fill: ink.muted,
    });
  }
  return { width, height, body };
}

function extent(values: readonly number[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

/** Keeps the lowest and the highest point of each stretch, in their order, and both ends. */
function thin(points: (readonly [number, number])[]): [number, number][] {
  if (points.length <= maxPoints) return points.map(([x, y]) => [x, y]);
  const kept = new Set([0, points.length - 1]);
  const stretch = points.length / (maxPoints / 2);
  for (let start = 0; start < points.length; start += stretch) {
    let low = Math.floor(start);
    let high = low;
    for (let i = low; i < Math.min(points.length, Math.floor(start + stretch)); i++) {
      if (yAt(points, i) < yAt(points, low)) low = i;
      if (yAt(points, i) > yAt(points, high)) high = i;
    }
    kept.add(low).add(high);
  }
  return [...kept].sort((a, b) => a - b).map((i) => [...(points[i] as readonly [number, number])]);
}

function yAt(points: (readonly [number, number])[], index: number): number {
  return points[index]?.[1] as number;
}

type Frame = { left: number; right: number; top: number; bottom: number };

function drawAxes(options: CurvesOptions, x: Axis, y: Axis, frame: Frame): string {
  let body = '';
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
  const yLabel = fitText(options.yLabel, frame.right - margin, 14, 600);
  body += drawText(yLabel, margin, frame.top - 18, { size: 14, weight: 600, fill: ink.muted });
  const centre = (frame.left + frame.right) / 2;
  const xLabel = fitText(options.xLabel, frame.right - frame.left, 14, 600);
  return (
    body +
    drawText(xLabel, centre, frame.bottom + 50, { size: 14, weight: 600, anchor: 'middle', fill: ink.muted })
  );
}

function drawCurve({ points, colour, dash }: Curve, x: Axis, y: Axis, bottom: number): string {
  const placed = points.map(([px, py]) => [x.place(px), Math.min(bottom, y.place(py))] as const);
  let body = '';
  if (placed.length > 1) {
    const strokeWidth = placed.length > 500 ? 1.8 : 2.5;
    body += polyline(placed, { stroke: colour, strokeWidth, strokeDasharray: dash });
  }
  if (placed.length <= 30) for (const [px, py] of placed) body += circle(px, py, 3.5, { fill: colour });
  const last = placed.at(-1);
  if (last !== undefined) body += circle(last[0], last[1], 4.5, { fill: colour });
  return body;
}

type EndLabel = {
  name: string;
  value: string;
  colour: string;
  dash: string | undefined;
  last: [number, number];
};

/** The names that stand at the ends of the lines, and the room that they need. */
function endLabels(all: readonly Curve[]): { entries: EndLabel[]; width: number } {
  const entries: EndLabel[] = [];
  let widest = 0;
  for (const { name, colour, dash, points } of all) {
    const last = points.at(-1);
    if (last === undefined) continue;
    const value = valueText(last[1]);
    const fitted = fitName(name, 220, nameSize, 600);
    widest = Math.max(
      widest,
      sampleWidth + 16 + textWidth(fitted, nameSize, 600) + textWidth(value, nameSize),
    );
    entries.push({ name: fitted, value, colour, dash, last });
  }
  return { entries, width: widest };
}

/** Labels stand at the height of their line's end, moved apart where they would touch, with a leader to it. */
function drawEndLabels(entries: readonly EndLabel[], x: Axis, y: Axis, frame: Frame): string {
  const room = Math.floor((frame.bottom - frame.top) / lineHeight);
  const shown = entries.length > room ? entries.slice(0, room - 1) : entries;
  const sorted = shown
    .map((entry) => ({ ...entry, end: Math.min(frame.bottom, y.place(entry.last[1])) }))
    .sort((a, b) => a.end - b.end);
  const heights = spread(
    sorted.map(({ end }) => end),
    frame.top,
    frame.bottom,
  );
  const left = frame.right + 22;
  let body = '';
  sorted.forEach(({ name, value, colour, dash, last, end }, index) => {
    const at = heights[index] as number;
    const px = x.place(last[0]);
    if (Math.abs(at - end) > 3 || frame.right - px > 3) {
      const bend = [
        [px + 7, end],
        [frame.right + 6, end],
        [left - 5, at],
      ] as const;
      body += polyline(bend, { stroke: colour, strokeWidth: 1, strokeOpacity: 0.55 });
    }
    const middle = { size: nameSize, vertical: 'middle' } as const;
    body += line(left, at, left + sampleWidth, at, { stroke: colour, strokeWidth: 3, strokeDasharray: dash });
    body += drawText(name, left + sampleWidth + 8, at, { ...middle, weight: 600 });
    const valueLeft = left + sampleWidth + 16 + textWidth(name, nameSize, 600);
    body += drawText(value, valueLeft, at, { ...middle, fill: ink.muted });
  });
  if (shown.length < entries.length) {
    const rest = `and ${entries.length - shown.length} more`;
    body += drawText(rest, left, frame.bottom + 24, { size: 14, fill: ink.muted });
  }
  return body;
}

/** Heights at least a line apart, as near to the wanted (ascending) ones as that allows. */
function spread(wanted: readonly number[], top: number, bottom: number): number[] {
  const heights: number[] = [];
  for (const want of wanted) heights.push(Math.max(want, (heights.at(-1) ?? top - lineHeight) + lineHeight));
  let limit = bottom;
  for (let i = heights.length - 1; i >= 0; i--) {
    heights[i] = Math.min(heights[i] as number, limit);
    limit = (heights[i] as number) - lineHeight;
  }
  return heights;
}
