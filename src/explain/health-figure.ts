// Dead maps as a table with a strip per layer: its units from the sleepiest to the one that is always awake, coloured by
// the share of pictures in which each was above zero.
import { ink, sequential, wrong } from '../figures/colour.ts';
import { heading, margin } from '../figures/heading.ts';
import { type Drawing, raster } from '../figures/svg.ts';
import { drawText, fitName, textWidth } from '../figures/text.ts';
import type { LayerHealth } from './health.ts';

const strip = 480;
const row = 24;
const size = 12.5;

export async function drawHealth(
  layers: readonly LayerHealth[],
  title: string,
  subtitle: string,
): Promise<Drawing> {
  const names = Math.min(260, Math.max(90, ...layers.map(({ layer }) => textWidth(layer, size, 600))));
  const [units, dead, bar] = [margin + names + 70, margin + names + 130, margin + names + 150];
  const width = bar + strip + margin;
  const head = heading(title, subtitle, width);
  let body = head.body;
  let y = head.bottom + 26;
  const label = (text: string, x: number, anchor: 'start' | 'end'): string =>
    drawText(text, x, y, { size, anchor, fill: ink.muted });
  body += label('layer', margin, 'start') + label('maps', units, 'end') + label('dead', dead, 'end');
  body += label('share of pictures that wake a map, maps sorted', bar, 'start');
  y += 10;
  for (const { layer, units: count, dead: never, awake } of layers) {
    const middle = y + row / 2;
    const style = { size, vertical: 'middle' } as const;
    body += drawText(fitName(layer, names, size, 600), margin, middle, { ...style, weight: 600 });
    body += drawText(`${count}`, units, middle, { ...style, anchor: 'end' });
    const fill = never.length > 0 ? wrong : ink.text;
    body += drawText(`${never.length}`, dead, middle, { ...style, anchor: 'end', weight: 600, fill });
    const sorted = awake.toSorted();
    body += await raster(
      (column) => sequential(sorted[Math.floor((column / strip) * sorted.length)] as number),
      strip,
      row - 6,
      { x: bar, y: y + 3, cell: 1 },
    );
    y += row;
  }
  y += 12;
  body += await raster((column) => sequential(column / 199), 200, 12, { x: bar, y, cell: 1 });
  body += drawText('never', bar, y + 28, { size });
  body += drawText('every picture', bar + 200, y + 28, { size, anchor: 'end' });
  return { width, height: y + 28 + margin, body };
}
