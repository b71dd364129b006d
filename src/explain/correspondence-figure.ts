// Table 1 of Zeiler & Fergus 2014 as a figure: the pictures with their parts framed, and for each layer the mean sign
// change of every part over the pairs of pictures, with its deviation, above that of random boxes.
import { linearAxis } from '../figures/axis.ts';
import { ink, seriesColour } from '../figures/colour.ts';
import { heading, margin } from '../figures/heading.ts';
import { circle, type Drawing, line, rect } from '../figures/svg.ts';
import { drawText, fitName, textWidth, wrapText } from '../figures/text.ts';
import type { Correspondence, LayerCorrespondence, SignChange } from './correspondence.ts';
import type { Box } from './layer.ts';
import { drawPhoto, type Photo } from './occlusion-pictures.ts';

export interface CorrespondenceFigure {
  readonly title: string;
  readonly subtitle: string;
  readonly result: Correspondence;
  readonly boxes: readonly (readonly Box[])[];
  readonly photos: readonly Photo[];
  readonly names: readonly string[];
  readonly footnote: readonly string[];
}

const cell = 176;
const gap = 18;
const size = 12.5;
const rowHeight = 34;
const chartWidth = 470;
const randomColour = ink.axis;
/** The palette without its grey, which random boxes have and which is lost in pictures. */
const partColour = (part: number): string => seriesColour([0, 1, 3, 4, 5, 6][part % 6] as number);

export async function drawCorrespondence(figure: CorrespondenceFigure): Promise<Drawing> {
  const { result, photos, boxes, names } = figure;
  const { layers, parts } = result;
  const perRow = Math.min(photos.length, 5);
  const charts = Math.min(layers.length, 2);
  const width = 2 * margin + Math.max(perRow * (cell + gap) - gap, charts * (chartWidth + 40) - 40);
  const head = heading(figure.title, figure.subtitle, width);
  let body = head.body;
  const top = head.bottom + 16;
  const pictureRow = cell + 28;
  for (const [i, photo] of photos.entries()) {
    const [x, y] = [margin + (i % perRow) * (cell + gap), top + Math.floor(i / perRow) * pictureRow];
    const scale = cell / Math.max(photo.height, photo.width);
    body += await drawPhoto(photo, x, y, scale);
    for (const [part, box] of (boxes[i] ?? []).entries()) {
      body += frame(box, x, y, scale, partColour(part), undefined);
    }
    // One of the draws, so that one sees what random means.
    const random = result.randomBoxes[0]?.[0]?.[i];
    if (random !== undefined) body += frame(random, x, y, scale, '#ffffff', '4 3');
    body += drawText(fitName(names[i] as string, cell, size), x, y + cell + 17, { size, fill: ink.muted });
  }
  let bottom = top + Math.ceil(photos.length / perRow) * pictureRow + 26;
  const chartHeight = 58 + (parts.length + 1) * rowHeight + 20;
  for (const [i, layer] of layers.entries()) {
    const x = margin + (i % charts) * (chartWidth + 40);
    const y = bottom + Math.floor(i / charts) * (chartHeight + 14);
    body += drawLayer(layer, parts, x, y);
  }
  bottom += Math.ceil(layers.length / charts) * (chartHeight + 14) + 4;
  for (const text of figure.footnote.flatMap((each) => wrapText(each, width - 2 * margin, 3, size))) {
    body += drawText(text, margin, bottom, { size, fill: ink.muted });
    bottom += 17;
  }
  return { width, height: Math.ceil(bottom + margin - 14), body };
}

function frame(
  box: Box,
  x: number,
  y: number,
  scale: number,
  stroke: string,
  dash: string | undefined,
): string {
  const [left, top] = [x + box.left * scale, y + box.top * scale];
  const [w, h] = [(box.right - box.left) * scale, (box.bottom - box.top) * scale];
  const under = rect(left, top, w, h, {
    fill: 'none',
    stroke: '#000000',
    strokeWidth: 3.5,
    strokeOpacity: 0.45,
  });
  return under + rect(left, top, w, h, { fill: 'none', stroke, strokeWidth: 2, strokeDasharray: dash });
}

/** Means as points, the deviation as a thin line, the standard error as a thick one; the numbers beside them. */
function drawLayer(
  { layer, parts, random }: LayerCorrespondence,
  names: readonly string[],
  x: number,
  y: number,
): string {
  const labels = [...names, 'random'];
  const values: SignChange[] = [...parts, random];
  const text = ({ mean, deviation }: SignChange): string => `${mean.toFixed(3)} ± ${deviation.toFixed(3)}`;
  const labelWidth = Math.min(120, Math.max(...labels.map((label) => textWidth(label, 13, 600))) + 12);
  const numberWidth = Math.max(...values.map((value) => textWidth(text(value), size))) + 12;
  const [left, right] = [x + labelWidth, x + chartWidth - numberWidth];
  const high = Math.max(...values.map(({ mean, deviation }) => mean + deviation));
  const rows = y + 30;
  const foot = rows + values.length * rowHeight;
  const axis = linearAxis(0, high > 0 ? high : 1, left, right, { ticks: 4, round: true });
  let body = drawText(fitName(layer, chartWidth, 15, 600), x, y + 8, { size: 15, weight: 600 });
  for (const { value, label } of axis.ticks) {
    const at = axis.place(value);
    body += line(at, rows, at, foot, { stroke: ink.grid, strokeWidth: 1 });
    body += drawText(label, at, foot + 16, { size: 11, anchor: 'middle', fill: ink.muted });
  }
  const reference = axis.place(random.mean);
  body += line(reference, rows, reference, foot, {
    stroke: randomColour,
    strokeWidth: 1,
    strokeDasharray: '3 3',
  });
  for (const [i, value] of values.entries()) {
    const middle = rows + (i + 0.5) * rowHeight;
    const colour = i < names.length ? partColour(i) : randomColour;
    const { mean, deviation, standardError } = value;
    const span = (by: number, strokeWidth: number): string =>
      line(axis.place(Math.max(0, mean - by)), middle, axis.place(mean + by), middle, {
        stroke: colour,
        strokeWidth,
        strokeLinecap: 'round',
      });
    body +=
      span(deviation, 1.5) + span(standardError, 4) + circle(axis.place(mean), middle, 5.5, { fill: colour });
    const label = fitName(labels[i] as string, labelWidth - 8, 13, 600);
    body += drawText(label, x, middle, { size: 13, weight: 600, vertical: 'middle' });
    body += drawText(text(value), x + chartWidth, middle, { size, anchor: 'end', vertical: 'middle' });
  }
  const caption = 'share of features whose sign of change differs, mean over pairs';
  return body + drawText(caption, left, foot + 34, { size: 11, fill: ink.muted });
}
