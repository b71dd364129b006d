// First-layer filters of one network, or of two side by side (figure 6 of the ZFNet paper pairs AlexNet's 11x11 at
// stride 4 with its own 7x7 at stride 2), with what can be measured of them: RMS of each, and energy by frequency.
import { ink, sequential, seriesColour } from '../figures/colour.ts';
import { heading, margin } from '../figures/heading.ts';
import { type Drawing, line, polyline, raster, rect } from '../figures/svg.ts';
import { drawText, fitText, wrapText } from '../figures/text.ts';
import type { FilterReport } from './filters-report.ts';
import { drawSecond, type SecondLayer } from './filters-second.ts';
import { highestFrequency } from './filters-spectrum.ts';
import { short } from './top-figure.ts';

const pairColumn = 440;
const wideColumn = 576;
const gap = 48;
const size = 12.5;
const lineHeight = 17;
const chartHeight = 120;
/** Few filters need not fill the width; px of the figure per weight. */
const largestPixel = 14;

/** Draws one or two reports beside each other; charts share their axes. `seconds`: what their second layers see. */
export async function drawFilters(
  reports: readonly FilterReport[],
  title: string,
  subtitle: string,
  seconds: readonly (SecondLayer | undefined)[] = [],
): Promise<Drawing> {
  const column = reports.length === 1 ? wideColumn : pairColumn;
  const width = 2 * margin + reports.length * (column + gap) - gap;
  const head = heading(title, subtitle, width);
  let body = head.body;
  const top = head.bottom + 16;
  const mosaics = await Promise.all(
    reports.map((report, i) => mosaic(report, margin + i * (column + gap), top, column)),
  );
  const chartTop = top + Math.max(...mosaics.map(({ height }) => height)) + 20;
  const highestRms = Math.max(...reports.flatMap(({ rms }) => [...rms]), 1e-12);
  const highestShare = Math.max(...reports.flatMap(({ spectrum }) => [...spectrum.shares]), 1e-12);
  let bottom = chartTop;
  for (const [i, report] of reports.entries()) {
    const x = margin + i * (column + gap);
    body += mosaics[i]?.body ?? '';
    body += rmsChart(report, x, chartTop, column, highestRms);
    const next = chartTop + chartHeight + 62;
    const spectrum = await spectrumChart(report, x, next, column, highestShare);
    body += spectrum;
    bottom = Math.max(bottom, next + chartHeight + 40);
  }
  const secondTop = bottom + 44;
  for (const [i, second] of seconds.entries()) {
    if (second === undefined) continue;
    const drawn = drawSecond(second, margin + i * (column + gap), secondTop, column);
    body += drawn.body;
    bottom = Math.max(bottom, secondTop + drawn.height);
  }
  return { width, height: Math.ceil(bottom + margin), body };
}

async function mosaic(
  report: FilterReport,
  x: number,
  y: number,
  column: number,
): Promise<{ body: string; height: number }> {
  const { name, layer, colours, scale, min, max, clipped, dead } = report;
  const { count, height, width, channels, stride } = layer;
  const across = Math.ceil(Math.sqrt(count * 1.5));
  const down = Math.ceil(count / across);
  const cell = Math.max(0.5, Math.floor((2 * (column - (across - 1) * 2)) / (across * width)) / 2);
  const seam = 2 / cell;
  // The seam is a part of the raster, in filter pixels, so that every pixel of a filter is a square of equal size.
  const step = { x: width + Math.max(1, Math.round(seam)), y: height + Math.max(1, Math.round(seam)) };
  const columns = across * step.x - (step.x - width);
  const rows = down * step.y - (step.y - height);
  const fitted = Math.min(largestPixel, Math.max(0.5, Math.floor((2 * column) / columns) / 2));
  const picture = await raster(
    (px, py) => {
      const filter = Math.floor(py / step.y) * across + Math.floor(px / step.x);
      const [fx, fy] = [px % step.x, py % step.y];
      if (fx >= width || fy >= height || filter >= count) return [255, 255, 255];
      const at = ((filter * height + fy) * width + fx) * 3;
      return [colours[at] as number, colours[at + 1] as number, colours[at + 2] as number];
    },
    columns,
    rows,
    { x, y: y + 24, cell: fitted },
  );
  let body = drawText(fitText(`${name}: ${layer.path}`, column, 15, 600), x, y + 10, {
    size: 15,
    weight: 600,
  });
  body += picture;
  let bottom = y + 24 + rows * fitted + 18;
  const stepText = stride[0] === stride[1] ? `${stride[0]}` : `${stride[0]}x${stride[1]}`;
  const contrast =
    scale === undefined
      ? 'each filter on its own symmetric scale'
      : `one symmetric scale, full contrast at ±${short(scale)} (${(100 * clipped).toFixed(1)} % beyond)`;
  const grey =
    channels === 3 ? '' : channels === 1 ? ' Grey pictures: one channel.' : ` Mean of ${channels} channels.`;
  const words = [
    `${count} filters of ${height}x${width}, stride ${stepText}; ${dead.length} with next to no weight. ` +
      `Zero is mid-grey; ${contrast}; values ${short(min)} to ${short(max)}.${grey}`,
    ...(report.deadMaps === undefined ? [] : [report.deadMaps]),
  ];
  for (const text of words.flatMap((each) => wrapText(each, column, 3, size))) {
    body += drawText(text, x, bottom, { size, fill: ink.muted });
    bottom += lineHeight;
  }
  return { body, height: bottom - y };
}

/** RMS of each filter, the largest first, with ZFNet's limit of 0.1 where it lies inside. */
function rmsChart({ rms }: FilterReport, x: number, y: number, column: number, highest: number): string {
  const base = y + 20 + chartHeight;
  const sorted = rms.toSorted().reverse();
  const bar = column / sorted.length;
  let body = drawText('RMS of the filters, sorted', x, y + 8, { size, weight: 600 });
  for (const [i, value] of sorted.entries()) {
    const height = (value / highest) * chartHeight;
    body += rect(x + i * bar, base - height, Math.max(0.5, bar - 0.75), height, { fill: seriesColour(0) });
  }
  body += line(x, base, x + column, base, { stroke: ink.axis, strokeWidth: 1 });
  if (highest > 0.1) {
    const limit = base - (0.1 / highest) * chartHeight;
    body += line(x, limit, x + column, limit, {
      stroke: seriesColour(1),
      strokeWidth: 1.5,
      strokeDasharray: '5 4',
    });
    body += drawText('dashed: 0.1, above which ZFNet scales back', x + column, y + 8, {
      size,
      anchor: 'end',
      fill: ink.muted,
    });
  }
  body += drawText(`largest ${short(sorted[0] ?? 0)}`, x, base + 16, { size, fill: ink.muted });
  const smallest = short(sorted[sorted.length - 1] ?? 0);
  return (
    body + drawText(`smallest ${smallest}`, x + column, base + 16, { size, anchor: 'end', fill: ink.muted })
  );
}

/** Share of energy by frequency as a line, and the mean spectrum as a picture. */
async function spectrumChart(
  report: FilterReport,
  x: number,
  y: number,
  column: number,
  highest: number,
): Promise<string> {
  const { spectrum, layer, bands } = report;
  const { shares, edges, power, side } = spectrum;
  const room = column - chartHeight - 28;
  const base = y + 20 + chartHeight;
  const at = (frequency: number): number => x + (frequency / highestFrequency) * room;
  let body = drawText('Energy by frequency, cycles per pixel', x, y + 8, { size, weight: 600 });
  // What one position to the next can still tell apart.
  const limit = 0.5 / Math.max(...layer.stride);
  if (limit < 0.5) {
    body += line(at(limit), y + 20, at(limit), base, {
      stroke: seriesColour(1),
      strokeWidth: 1.5,
      strokeDasharray: '5 4',
    });
    body += drawText(`${short(limit)}: limit of the stride`, at(limit) + 6, y + 32, { size });
  }
  const points = Array.from(shares, (share, i) => {
    const centre = ((edges[i] as number) + (edges[i + 1] as number)) / 2;
    return [at(centre), base - (share / highest) * chartHeight] as const;
  });
  body += polyline(points, { stroke: seriesColour(0), strokeWidth: 2.25 });
  body += line(x, base, x + room, base, { stroke: ink.axis, strokeWidth: 1 });
  for (const tick of [0, 0.25, 0.5]) {
    body += line(at(tick), base, at(tick), base + 4, { stroke: ink.axis, strokeWidth: 1 });
    body += drawText(`${tick}`, at(tick), base + 17, {
      size,
      anchor: tick === 0 ? 'start' : 'middle',
      fill: ink.muted,
    });
  }
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const words = `low ${percent(bands.low)}, middle ${percent(bands.middle)}, high ${percent(bands.high)}`;
  body += drawText(words, x, base + 36, { size, fill: ink.muted });
  const strongest = power.reduce((most, value) => Math.max(most, value), 1e-300);
  const left = x + column - chartHeight;
  const cell = Math.max(0.5, Math.floor((2 * chartHeight) / side) / 2);
  body += await raster(
    (column_, row) => sequential(Math.sqrt((power[row * side + column_] as number) / strongest)),
    side,
    side,
    { x: left, y: y + 20, cell },
  );
  return body + drawText('mean spectrum', left, y + 8, { size, weight: 600 });
}
