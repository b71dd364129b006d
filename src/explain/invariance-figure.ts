// Figure 5 of Zeiler & Fergus 2014: for each transformation the strips of transformed pictures, the distances in the
// layers, and the probability of the true class, one line for each picture. Relative distances share one axis, so that
// layers can be compared; raw ones have an axis for each layer.
import { ink, seriesColour } from '../figures/colour.ts';
import { heading, margin } from '../figures/heading.ts';
import { type Drawing, rect } from '../figures/svg.ts';
import { drawText, fitName, wrapText } from '../figures/text.ts';
import type { Invariance, TransformationResult } from './invariance.ts';
import { drawChart } from './invariance-chart.ts';
import { identity, type TransformationKind, transformInto } from './invariance-transform.ts';
import { drawPhoto, type Photo, percent } from './occlusion-pictures.ts';

export interface InvarianceFigure {
  readonly title: string;
  readonly result: Invariance;
  /** One network input after the other, and how it becomes a picture. */
  readonly images: Float32Array;
  readonly size: { readonly channels: number; readonly height: number; readonly width: number };
  photo(input: Float32Array): Photo;
  /** Short names of the pictures and of their classes. */
  readonly names: readonly string[];
  readonly classNames: readonly string[];
  readonly distances: 'raw' | 'relative';
  readonly footnote: readonly string[];
}

const words: Readonly<Record<TransformationKind, { title: string; axis: string }>> = {
  translation: { title: 'Vertical translation', axis: 'px downwards' },
  scale: { title: 'Scale', axis: 'times as large' },
  rotation: { title: 'Rotation', axis: 'degrees counter-clockwise' },
};

const chart = { width: 250, height: 190 };
const gap = 38;
const thumb = 38;
const thumbs = 7;
const strips = 5;
const rowHeight = 274;
const size = 12.5;

export async function drawInvariance(figure: InvarianceFigure): Promise<Drawing> {
  const { result, title, distances } = figure;
  const { layers, transformations } = result;
  const stripWidth = thumbs * (thumb + 2) + 8;
  const width = 2 * margin + stripWidth + (layers.length + 1) * (chart.width + gap);
  const how = distances === 'raw' ? '' : ', relative to the length of those of the untransformed picture';
  const subtitle = `Euclidean distance of the features${how}, and the probability of the class; a line for each picture`;
  const head = heading(title, subtitle, width);
  const pictures = await drawPictures(figure, head.bottom + 14, width);
  let body = head.body + pictures.body;
  let top = pictures.bottom + 26;
  const most = (values: Float32Array): number => values.reduce((max, value) => Math.max(max, value), 0);
  const shared = Math.max(...transformations.map(({ relative }) => most(relative)));
  for (const each of transformations) {
    const { title: name, axis } = words[each.kind];
    body += drawText(name, margin, top, { size: 15, weight: 600 });
    body += await drawStrips(figure, each, margin, top + 16);
    const still = identity[each.kind];
    const common = {
      y: top + 16,
      ...chart,
      xs: each.amounts,
      xLabel: axis,
      ...(inRange(still, each.amounts) && { mark: still }),
    };
    const place = (column: number): number => margin + stripWidth + gap + column * (chart.width + gap);
    for (const [i, layer] of layers.entries()) {
      const values = distances === 'raw' ? each.distance : each.relative;
      const count = result.pictures * each.amounts.length;
      const part = values.subarray(i * count, (i + 1) * count);
      body += drawChart({
        ...common,
        x: place(i),
        title: `distance in ${layer}`,
        lines: linesOf(part, each.amounts.length),
        high: distances === 'raw' ? most(part) : shared,
      });
    }
    body += drawChart({
      ...common,
      x: place(layers.length),
      title: 'probability of the class',
      lines: linesOf(each.probability, each.amounts.length),
      high: 1,
    });
    top += rowHeight;
  }
  top -= 4;
  for (const text of figure.footnote.flatMap((each) => wrapText(each, width - 2 * margin, 2, size))) {
    body += drawText(text, margin, top, { size, fill: ink.muted });
    top += 17;
  }
  return { width, height: Math.ceil(top + margin - 14), body };
}

function inRange(value: number, amounts: readonly number[]): boolean {
  return Math.min(...amounts) <= value && value <= Math.max(...amounts);
}

function linesOf(values: Float32Array, length: number): Float32Array[] {
  return Array.from({ length: values.length / length }, (_, i) =>
    values.subarray(i * length, (i + 1) * length),
  );
}

/** The pictures with their colours: the figure's legend. */
async function drawPictures(
  { images, photo, names, classNames, result }: InvarianceFigure,
  top: number,
  width: number,
): Promise<{ body: string; bottom: number }> {
  const entry = 212;
  const perRow = Math.max(1, Math.floor((width - 2 * margin) / entry));
  const length = images.length / result.pictures;
  let body = '';
  for (let i = 0; i < result.pictures; i++) {
    const [x, y] = [margin + (i % perRow) * entry, top + Math.floor(i / perRow) * 84];
    const drawn = photo(images.subarray(i * length, (i + 1) * length));
    const scale = 68 / Math.max(drawn.height, drawn.width);
    body += rect(x, y, 5, drawn.height * scale, { fill: seriesColour(i) });
    body += await drawPhoto(drawn, x + 8, y, scale);
    const left = x + 18 + drawn.width * scale;
    const room = entry - 30 - drawn.width * scale;
    body += drawText(fitName(names[i] as string, room, size), left, y + 16, { size, fill: ink.muted });
    body += drawText(fitName(classNames[i] as string, room, 13, 600), left, y + 36, {
      size: 13,
      weight: 600,
    });
    body += drawText(percent(result.probabilities[i] as number), left, y + 56, { size });
  }
  return { body, bottom: top + Math.ceil(result.pictures / perRow) * 84 };
}

/** Up to five pictures at up to seven amounts, the first and the last among them. */
async function drawStrips(
  { images, size: shape, photo, result }: InvarianceFigure,
  { kind, amounts }: TransformationResult,
  x: number,
  y: number,
): Promise<string> {
  const length = images.length / result.pictures;
  const count = Math.min(thumbs, amounts.length);
  const shown = Array.from({ length: count }, (_, i) =>
    count === 1 ? 0 : Math.round((i * (amounts.length - 1)) / (count - 1)),
  );
  let body = '';
  const rows = Math.min(strips, result.pictures);
  for (let row = 0; row < rows; row++) {
    const image = images.subarray(row * length, (row + 1) * length);
    const top = y + row * (thumb + 2);
    body += rect(x, top, 5, thumb, { fill: seriesColour(row) });
    for (const [column, at] of shown.entries()) {
      const moved = new Float32Array(length);
      transformInto(moved, 0, image, shape, kind, amounts[at] as number);
      const drawn = photo(moved);
      const scale = thumb / Math.max(drawn.height, drawn.width);
      body += await drawPhoto(drawn, x + 8 + column * (thumb + 2), top, scale);
    }
  }
  const below = y + rows * (thumb + 2) + 12;
  for (const [column, at] of shown.entries()) {
    const text = String(amounts[at]).replace('-', '−');
    const middle = x + 8 + column * (thumb + 2) + thumb / 2;
    body += drawText(text, middle, below, { size: 11, anchor: 'middle', fill: ink.muted });
  }
  const more = result.pictures - rows;
  if (more > 0) body += drawText(`and ${more} more`, x + 8, below + 16, { size: 11, fill: ink.muted });
  return body;
}
