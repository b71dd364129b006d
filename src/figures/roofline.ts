// The roofline (Williams, Waterman and Patterson, CACM 2009): operations a second against operations per byte, under
// the two limits of the machine, its multiply-adds and its memory. What multiplies nothing has no place in that plane
// and stands below, a row per op, bytes a second against the copy.
import { linearAxis, logAxis, valueText } from './axis.ts';
import { ink, seriesColour } from './colour.ts';
import { heading, margin } from './heading.ts';
import { type Box, placeLabels, type Surroundings } from './place-labels.ts';
import { circle, type Drawing, line, polyline, rect, writeDrawing } from './svg.ts';
import { drawText, fitName, fitText, textWidth } from './text.ts';

export interface RooflinePoint {
  readonly name: string;
  /** What the colour tells apart, e.g. forward and the two gradients. */
  readonly group: string;
  readonly flops: number;
  readonly bytes: number;
  /** Above 0. */
  readonly ms: number;
}

export interface RooflineOptions {
  readonly title: string;
  readonly subtitle?: string;
  /** Measured limits: 10^9 operations a second, by name, and 10^9 bytes a second. */
  readonly roofs: readonly { readonly name: string; readonly gflops: number }[];
  readonly copyGBs: number;
  readonly points: readonly RooflinePoint[];
}

const width = 1200;
const planeHeight = 600;
const rowHeight = 34;
const labelled = 12;
const maxRows = 10;
const leftOfPlane = margin + 70;
const leftOfRows = margin + 210;
const right = width - margin;

/** Draws to `path`, ending in .png or .svg. The area of a point is its time. */
export async function roofline(path: string, options: RooflineOptions): Promise<void> {
  await writeDrawing(path, drawRoofline(options));
}

export function drawRoofline(options: RooflineOptions): Drawing {
  const head = heading(options.title, options.subtitle, width);
  const total = options.points.reduce((sum, { ms }) => sum + ms, 0);
  const radius = (ms: number): number => Math.max(2.5, 46 * Math.sqrt(total > 0 ? ms / total : 0));
  const computing = options.points.filter(({ flops, bytes }) => flops > 0 && bytes > 0);
  const moving = options.points.filter(({ flops, bytes }) => flops === 0 && bytes > 0);
  let { body } = head;
  let top = head.bottom + 10;
  if (computing.length > 0) {
    const groups = [...new Set(computing.map(({ group }) => group))];
    body += drawLegend(groups, top);
    const frame = { left: leftOfPlane, right, top: top + 34, bottom: top + 34 + planeHeight };
    body += drawPlane(options, computing, groups, frame, radius);
    top = frame.bottom + 64;
  }
  if (moving.length > 0) {
    const rows = drawRows(options.copyGBs, moving, top, radius);
    body += rows.body;
    top = rows.bottom + 20;
  }
  return { width, height: Math.ceil(top + margin - 12), body };
}

function drawLegend(groups: readonly string[], top: number): string {
  let x = margin;
  let body = '';
  for (const [i, group] of groups.entries()) {
    body += circle(x + 8, top + 10, 8, styleOf(i));
    body += drawText(group, x + 23, top + 10, { size: 14, vertical: 'middle' });
    x += 23 + textWidth(group, 14) + 26;
  }
  return body + drawText('area: time', x, top + 10, { size: 14, vertical: 'middle', fill: ink.muted });
}

function styleOf(group: number) {
  const colour = seriesColour(group);
  return { fill: colour, fillOpacity: 0.3, stroke: colour, strokeWidth: 1.5 };
}

function drawPlane(
  { roofs, copyGBs }: RooflineOptions,
  points: readonly RooflinePoint[],
  groups: readonly string[],
  frame: Box,
  radius: (ms: number) => number,
): string {
  const intensity = ({ flops, bytes }: RooflinePoint): number => flops / bytes;
  const gflops = ({ flops, ms }: RooflinePoint): number => flops / ms / 1e6;
  const ridges = roofs.map((roof) => roof.gflops / copyGBs);
  const xs = [...points.map(intensity), ...ridges.flatMap((ridge) => [ridge / 3, ridge * 3])];
  const ys = [...points.map(gflops), ...roofs.map((roof) => roof.gflops * 1.3)];
  const xAxis = logAxis(Math.min(...xs), Math.max(...xs), frame.left, frame.right);
  const yAxis = logAxis(Math.min(...ys) * 0.8, Math.max(...ys), frame.bottom, frame.top);
  let body = drawGrid(xAxis, yAxis, frame);
  const label = 'floating-point operations per byte read or written';
  body += drawText(label, (frame.left + frame.right) / 2, frame.bottom + 44, {
    size: 14,
    anchor: 'middle',
    fill: ink.muted,
  });
  body += drawText('GFLOP/s', frame.left - 58, (frame.top + frame.bottom) / 2, {
    size: 14,
    anchor: 'middle',
    rotateDeg: -90,
    fill: ink.muted,
  });
  const [from, to] = xAxis.range;
  const floor = yAxis.range[0];
  const taken: Box[] = [];
  for (const roof of roofs) {
    const ridge = Math.min(to, roof.gflops / copyGBs);
    const start = Math.max(from, floor / copyGBs);
    const corners = [
      [start, start * copyGBs],
      [ridge, ridge * copyGBs],
      [to, roof.gflops],
    ] as const;
    const places = corners.map(([x, y]) => [xAxis.place(x), yAxis.place(y)] as const);
    body += polyline(places, { stroke: ink.text, strokeWidth: 2 });
    const text = `${roof.name} peak, ${valueText(roof.gflops)} GFLOP/s`;
    const y = yAxis.place(roof.gflops);
    const end = frame.right - 8;
    body += drawText(text, end, y - 8, { size: 13, weight: 600, anchor: 'end' });
    const top = y - 8 - 13;
    taken.push({ left: end - textWidth(text, 13, 600), right: end, top, bottom: y });
    taken.push({ left: xAxis.place(ridge), right: frame.right, top: y - 1, bottom: y + 1 });
  }
  body += drawSlope(copyGBs, Math.min(...ridges), xAxis, yAxis);
  const marks = points.map((point) => ({
    point,
    x: xAxis.place(intensity(point)),
    y: yAxis.place(gflops(point)),
    radius: radius(point.ms),
  }));
  for (const { point, x, y, radius: r } of [...marks].sort((a, b) => b.radius - a.radius))
    body += circle(x, y, r, styleOf(groups.indexOf(point.group)));
  const named = costliest(marks);
  const others = marks.filter((mark) => named.every(({ point }) => point !== mark.point));
  return body + drawNames(named, frame, { boxes: taken, marks: others });
}

function drawGrid(xAxis: ReturnType<typeof logAxis>, yAxis: ReturnType<typeof logAxis>, frame: Box): string {
  let body = '';
  for (const { value, label } of xAxis.ticks) {
    const x = xAxis.place(value);
    body += line(x, frame.top, x, frame.bottom, { stroke: ink.grid, strokeWidth: 1 });
    body += drawText(label, x, frame.bottom + 20, { size: 13, anchor: 'middle', fill: ink.muted });
  }
  for (const { value, label } of yAxis.ticks) {
    const y = yAxis.place(value);
    body += line(frame.left, y, frame.right, y, { stroke: ink.grid, strokeWidth: 1 });
    body += drawText(label, frame.left - 10, y, {
      size: 13,
      anchor: 'end',
      vertical: 'middle',
      fill: ink.muted,
    });
  }
  return (
    body +
    rect(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top, {
      fill: 'none',
      stroke: ink.axis,
      strokeWidth: 1,
    })
  );
}

/** The name of the slanted limit, along it, in the middle of what is seen of it. */
function drawSlope(
  copyGBs: number,
  ridge: number,
  xAxis: ReturnType<typeof logAxis>,
  yAxis: ReturnType<typeof logAxis>,
): string {
  const start = Math.max(xAxis.range[0], yAxis.range[0] / copyGBs);
  if (ridge <= start) return '';
  const [x1, y1] = [xAxis.place(start), yAxis.place(start * copyGBs)];
  const [x2, y2] = [xAxis.place(ridge), yAxis.place(ridge * copyGBs)];
  const turn = Math.atan2(y2 - y1, x2 - x1);
  const text = `copy, ${valueText(copyGBs)} GB/s`;
  if (Math.hypot(x2 - x1, y2 - y1) < textWidth(text, 13, 600) + 20) return '';
  const [x, y] = [(x1 + x2) / 2 + 8 * Math.sin(turn), (y1 + y2) / 2 - 8 * Math.cos(turn)];
  return drawText(text, x, y, {
    size: 13,
    weight: 600,
    anchor: 'middle',
    rotateDeg: (turn * 180) / Math.PI,
  });
}

interface Mark {
  readonly point: RooflinePoint;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly label: string;
}

/** The most costly points that get a name; those that lie on one of them are counted behind its name. */
function costliest(marks: readonly Omit<Mark, 'label'>[]): Mark[] {
  const chosen: { mark: Omit<Mark, 'label'>; hidden: number }[] = [];
  for (const mark of [...marks].sort((a, b) => b.point.ms - a.point.ms)) {
    const under = chosen.find(
      ({ mark: other }) =>
        Math.hypot(other.x - mark.x, other.y - mark.y) < Math.max(other.radius, 8) &&
        other.point.group === mark.point.group,
    );
    if (under !== undefined) under.hidden++;
    else if (chosen.length < labelled) chosen.push({ mark, hidden: 0 });
  }
  return chosen.map(({ mark, hidden }) => ({
    ...mark,
    label: hidden === 0 ? mark.point.name : `${mark.point.name} and ${hidden} more`,
  }));
}

function drawNames(marks: readonly Mark[], frame: Box, around: Surroundings): string {
  const size = 12.5;
  const boxes = placeLabels(
    marks.map(({ label, x, y, radius }) => ({
      x,
      y,
      radius,
      width: textWidth(label, size),
      height: size,
    })),
    frame,
    around,
  );
  let lines = '';
  let names = '';
  boxes.forEach((box, i) => {
    const { label, x, y, radius } = marks[i] as Mark;
    const nearX = Math.max(box.left, Math.min(x, box.right));
    const nearY = Math.max(box.top, Math.min(y, box.bottom));
    if (Math.hypot(nearX - x, nearY - y) > radius + 8)
      lines += line(x, y, nearX, nearY, { stroke: ink.muted, strokeWidth: 0.8 });
    names += drawText(label, box.left, (box.top + box.bottom) / 2, { size, vertical: 'middle' });
  });
  return lines + names;
}

/** A row for each op that only moves bytes, the most costly first; the rest in one row. */
function drawRows(
  copyGBs: number,
  points: readonly RooflinePoint[],
  top: number,
  radius: (ms: number) => number,
): { body: string; bottom: number } {
  const time = (list: readonly RooflinePoint[]): number => list.reduce((sum, { ms }) => sum + ms, 0);
  const rows = [...Map.groupBy(points, ({ group }) => group)].sort((a, b) => time(b[1]) - time(a[1]));
  if (rows.length > maxRows) {
    const rest = rows.splice(maxRows - 1);
    rows.push(['others', rest.flatMap(([, list]) => list)]);
  }
  const gbs = ({ bytes, ms }: RooflinePoint): number => bytes / ms / 1e6;
  const fastest = Math.max(copyGBs, ...points.map(gbs));
  const axis = linearAxis(0, fastest * 1.02, leftOfRows, right - 10, { ticks: 8 });
  let body = drawText('What multiplies nothing: GB/s read and written', margin, top + 8, {
    size: 15,
    weight: 600,
  });
  const first = top + 44;
  const bottom = first + rows.length * rowHeight;
  for (const { value, label } of axis.ticks) {
    const x = axis.place(value);
    body += line(x, first, x, bottom, { stroke: ink.grid, strokeWidth: 1 });
    body += drawText(label, x, bottom + 20, { size: 13, anchor: 'middle', fill: ink.muted });
  }
  const limit = axis.place(copyGBs);
  body += line(limit, first - 4, limit, bottom, { stroke: ink.text, strokeWidth: 2 });
  body += drawText(fitText(`copy, ${valueText(copyGBs)} GB/s`, 300, 13, 600), limit, first - 11, {
    size: 13,
    weight: 600,
    anchor: limit > right - 120 ? 'end' : 'middle',
  });
  for (const [i, [group, list]] of rows.entries()) {
    const y = first + (i + 0.5) * rowHeight;
    body += drawText(fitName(group, leftOfRows - margin - 16, 13), leftOfRows - 12, y, {
      size: 13,
      anchor: 'end',
      vertical: 'middle',
    });
    for (const point of [...list].sort((a, b) => b.ms - a.ms))
      body += circle(axis.place(gbs(point)), y, Math.min(radius(point.ms), rowHeight / 2), styleOf(2));
  }
  return { body, bottom: bottom + 24 };
}
