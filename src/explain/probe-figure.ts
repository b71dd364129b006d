// Table 7 of the ZFNet paper as bars: a layer below the other from the pixels up, its error on the test pictures, with
// a line where it stands on the training pictures.
import { ink, right, wrong } from '../figures/colour.ts';
import { heading, margin } from '../figures/heading.ts';
import { type Drawing, line, rect } from '../figures/svg.ts';
import { drawText, fitName, textWidth, wrapText } from '../figures/text.ts';
import type { LayerProbe } from './probe.ts';

export interface ProbeText {
  readonly title: string;
  readonly subtitle: string;
  readonly footnote: string;
  readonly classes: number;
}

const [barHeight, step, size] = [22, 34, 14];

export function drawProbe(probes: readonly LayerProbe[], text: ProbeText): Drawing {
  const width = 960;
  const head = heading(text.title, text.subtitle, width);
  const names = Math.min(260, Math.max(60, ...probes.map(({ layer }) => textWidth(layer, size, 600))));
  const rowText = probes.map(describeRow);
  const notes = Math.max(...rowText.map((each) => textWidth(each, 12)));
  const [left, end] = [margin + names + 16, width - margin - notes - 74];
  const chance = 100 * (1 - 1 / text.classes);
  const largest = Math.max(1, ...probes.flatMap(({ test, train }) => [test.top1Error, train.top1Error]));
  // Guessing belongs into the picture where it is near.
  const most = chance <= 1.6 * largest ? Math.max(chance, largest) : largest;
  const at = (value: number): number => left + (value / most) * (end - left);
  const top = head.bottom + 40;
  const bottom = top + probes.length * step - (step - barHeight);
  const label = { size: 12, fill: ink.muted };
  let body = head.body;
  body += drawText('layer', margin, top - 14, label) + drawText('top-1 error, %', left, top - 14, label);
  body += drawText('features', end + 74, top - 14, label);
  for (const [i, { layer, test, train }] of probes.entries()) {
    const y = top + i * step;
    const middle = y + barHeight / 2;
    body += drawText(fitName(layer, names, size, 600), margin, middle, {
      size,
      weight: 600,
      vertical: 'middle',
    });
    body += rect(left, y, end - left, barHeight, { fill: ink.empty });
    body += rect(left, y, at(test.top1Error) - left, barHeight, { fill: right, fillOpacity: 0.75 });
    const x = at(train.top1Error);
    body += line(x, y - 4, x, y + barHeight + 4, { stroke: wrong, strokeWidth: 3 });
    body += drawText(test.top1Error.toFixed(2), end + 10, middle, { size, weight: 600, vertical: 'middle' });
    body += drawText(rowText[i] as string, end + 74, middle, { ...label, vertical: 'middle' });
  }
  if (chance <= most) {
    const x = at(chance);
    body += line(x, top - 6, x, bottom + 6, { stroke: ink.muted, strokeWidth: 1.5, strokeDasharray: '5 4' });
    body += drawText(`guessing: ${chance.toFixed(chance < 99 ? 0 : 1)} %`, x, bottom + 22, {
      ...label,
      anchor: 'end',
    });
  }
  let y = bottom + 46;
  body += rect(margin, y - 11, 26, 14, { fill: right, fillOpacity: 0.75 });
  body += drawText('test pictures', margin + 34, y, { size: 13 });
  body += line(margin + 160, y - 13, margin + 160, y + 5, { stroke: wrong, strokeWidth: 3 });
  body += drawText('training pictures', margin + 170, y, { size: 13 });
  y += 28;
  for (const each of wrapText(text.footnote, width - 2 * margin, 4, 12.5)) {
    body += drawText(each, margin, y, { size: 12.5, fill: ink.muted });
    y += 17;
  }
  return { width, height: Math.ceil(y + margin - 12), body };
}

/** `256, 6x6 of 13x13`: channels and the positions that were kept. */
export function describeRow({ shape, row }: Pick<LayerProbe, 'shape' | 'row'>): string {
  const [channels, height = 1, width = 1] = shape;
  if (height * width === 1) return String(channels);
  const whole = `${height}x${width}`;
  return row.averaged ? `${channels} x ${row.height}x${row.width} (from ${whole})` : `${channels} x ${whole}`;
}
