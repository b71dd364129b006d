// What the colours of a map mean: a bar with its ends (and a mark on it), or a list of classes.
import { ink, type Rgb } from '../figures/colour.ts';
import { polyline, raster, rect } from '../figures/svg.ts';
import { drawText, fitName, textWidth } from '../figures/text.ts';

/** A place on the bar, 0..1, and what it is. */
export interface Mark {
  readonly at: number;
  readonly label: string;
}

export interface Bar {
  readonly colour: (t: number) => Rgb;
  /** Under the ends and, of three, the middle. */
  readonly labels: readonly string[];
  readonly mark?: Mark;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

const size = 12;

export async function drawBar({ colour, labels, mark, x, y, width }: Bar): Promise<string> {
  const steps = Math.round(width);
  let body = await raster((column) => colour(column / (steps - 1)), steps, 10, { x, y, cell: 1 });
  let busy: [number, number][] = [];
  for (const [i, label] of labels.entries()) {
    const share = labels.length === 1 ? 0 : i / (labels.length - 1);
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    body += drawText(label, x + share * steps, y + 25, { size, anchor, fill: ink.muted });
    const start = x + share * (steps - textWidth(label, size));
    busy = [...busy, [start - 8, start + textWidth(label, size) + 8]];
  }
  if (mark === undefined) return body;
  const at = x + mark.at * steps;
  const triangle = [
    [at, y + 7],
    [at - 4.5, y + 14],
    [at + 4.5, y + 14],
    [at, y + 7],
  ] as const;
  body += polyline(triangle, { stroke: ink.paper, strokeWidth: 3 });
  body += polyline(triangle, { stroke: ink.text, strokeWidth: 1, fill: ink.text });
  // Beside the mark where there is room between the ends, else a line lower.
  const length = textWidth(mark.label, size);
  const left = Math.min(x + steps - length, Math.max(x, at - length / 2));
  const touches = busy.some(([from, to]) => left < to && left + length > from);
  return body + drawText(mark.label, left, y + (touches ? 40 : 25), { size });
}

export interface LegendEntry {
  readonly colour: string;
  readonly name: string;
  /** Of all places. */
  readonly share: number;
}

/** One line for each class, the first line's baseline at `y` + 12. */
export function legend(entries: readonly LegendEntry[], x: number, y: number, width: number): string {
  let body = '';
  for (const [i, { colour, name, share }] of entries.entries()) {
    const top = y + 5 + i * 16;
    const amount = `${(100 * share).toFixed(share < 0.095 || (share > 0.99 && share < 1) ? 1 : 0)} %`;
    body += rect(x, top, 11, 11, { fill: colour });
    const room = width - 17 - textWidth(amount, size) - 10;
    body += drawText(fitName(name, room, size), x + 17, top + 9.5, { size });
    body += drawText(amount, x + width, top + 9.5, { size, anchor: 'end', fill: ink.muted });
  }
  return body;
}
