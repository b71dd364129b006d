// A small chart, several lines over one quantity, for figures that put many beside each other.
import { linearAxis } from '../figures/axis.ts';
import { ink, seriesColour, seriesRound } from '../figures/colour.ts';
import { line, polyline } from '../figures/svg.ts';
import { drawText, fitName } from '../figures/text.ts';

export interface SmallChart {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly xs: readonly number[];
  readonly xLabel: string;
  /** A value of x to mark by an upright line. */
  readonly mark?: number;
  /** In the order of the series' colours. */
  readonly lines: readonly ArrayLike<number>[];
  /** The y axis goes from 0 to this. */
  readonly high: number;
}

const small = 11;

export function drawChart({ x, y, width, height, title, xs, xLabel, mark, lines, high }: SmallChart): string {
  const frame = { left: x + 34, right: x + width, top: y + 22, bottom: y + height };
  const across = linearAxis(Math.min(...xs), Math.max(...xs), frame.left, frame.right, { ticks: 5 });
  const up = linearAxis(0, high > 0 ? high : 1, frame.bottom, frame.top, { ticks: 4, round: true });
  let body = drawText(fitName(title, width, 12.5, 600), x, y + 8, {
    size: 12.5,
    weight: 600,
    fill: ink.muted,
  });
  for (const { value, label } of up.ticks) {
    const at = up.place(value);
    body += line(frame.left, at, frame.right, at, { stroke: ink.grid, strokeWidth: 1 });
    body += drawText(label, frame.left - 7, at, {
      size: small,
      anchor: 'end',
      vertical: 'middle',
      fill: ink.muted,
    });
  }
  for (const { value, label } of across.ticks) {
    const at = across.place(value);
    body += line(at, frame.bottom, at, frame.bottom + 4, { stroke: ink.axis, strokeWidth: 1 });
    body += drawText(label, at, frame.bottom + 17, { size: small, anchor: 'middle', fill: ink.muted });
  }
  body += line(frame.left, frame.bottom, frame.right, frame.bottom, { stroke: ink.axis, strokeWidth: 1.2 });
  if (mark !== undefined) {
    const at = across.place(mark);
    body += line(at, frame.top, at, frame.bottom, {
      stroke: ink.axis,
      strokeWidth: 1,
      strokeDasharray: '2 3',
    });
  }
  // In the order of x, in whatever order the amounts were given.
  const order = [...xs.keys()].sort((a, b) => (xs[a] as number) - (xs[b] as number));
  for (const [i, values] of lines.entries()) {
    const points = order.map(
      (at) => [across.place(xs[at] as number), up.place(values[at] as number)] as const,
    );
    const dash = [undefined, '2 4', '8 4'][seriesRound(i) % 3];
    body += polyline(points, { stroke: seriesColour(i), strokeWidth: 2, strokeDasharray: dash });
  }
  const centre = (frame.left + frame.right) / 2;
  return (
    body + drawText(xLabel, centre, frame.bottom + 33, { size: small, anchor: 'middle', fill: ink.muted })
  );
}
