// Figure 4 of the ZFNet paper as a sheet (a row per map, a column per moment: the projection, under it the part of the
// picture that caused it) and as frames of an animation (a frame per moment, all maps beside each other).
import sharp from 'sharp';
import { ink, wrong } from '../figures/colour.ts';
import { heading, margin } from '../figures/heading.ts';
import { circle, type Drawing, embed, line, rect, sharpness } from '../figures/svg.ts';
import { drawText, fitText, wrapText } from '../figures/text.ts';
import { signedPicture } from './colours.ts';
import { jumped, type LayerEvolution, type MapEvolution } from './evolution.ts';
import { interleave } from './interleave.ts';
import type { ProjectedEntry } from './top.ts';
import { boxShape, type Canvas, short } from './top-figure.ts';

export interface EvolutionText {
  readonly title: string;
  readonly subtitle: string;
  /** The class of each picture. */
  readonly labels?: readonly string[] | undefined;
}

const size = 12;
const lineHeight = 16;

export async function drawEvolutionSheet(
  evolution: LayerEvolution,
  canvas: Canvas,
  { title, subtitle, labels }: EvolutionText,
): Promise<Drawing> {
  const [cell, gap, label] = [100, 14, 76];
  const { stages, maps } = evolution;
  const width = Math.max(720, 2 * margin + label + stages.length * (cell + gap) - gap);
  const head = heading(title, subtitle, width);
  let body = head.body;
  const left = (stage: number): number => margin + label + stage * (cell + gap);
  let top = head.bottom + 24;
  for (const [stage, { name }] of stages.entries()) {
    body += drawText(fitText(name, cell, 13.5, 600), left(stage), top, { size: 13.5, weight: 600 });
  }
  top += 10;
  for (const map of maps) {
    const reach = reachOf(map);
    body += drawText(`map ${map.unit}`, margin, top + cell / 2, {
      size: 13.5,
      weight: 600,
      vertical: 'middle',
    });
    for (const [stage, entry] of map.moments.entries()) {
      const x = left(stage);
      const lines = describeMoment(entry, labels);
      const jump = jumped(map, stage);
      if (entry !== undefined) {
        const { projection, patch } = await cellPictures(entry, canvas, cell, reach);
        body += rect(x, top, cell, cell, { fill: ink.empty }) + projection(x, top);
        body += rect(x, top + cell + 3, cell, cell, { fill: ink.empty }) + patch(x, top + cell + 3);
      }
      const y = top + 2 * cell + 18;
      if (jump) body += circle(x + 3.5, y - 4, 3.5, { fill: wrong });
      for (const [i, text] of lines.entries()) {
        const indent = jump && i === 0 ? 11 : 0;
        const style = jump && i === 0 ? { weight: 600 as const } : { fill: ink.muted };
        body += drawText(
          fitText(text, cell - indent, size, i === 0 && jump ? 600 : 400),
          x + indent,
          y + i * lineHeight,
          { size, ...style },
        );
      }
    }
    top += 2 * cell + 3 + 3 * lineHeight + 18;
  }
  for (const text of wrapText(legend(evolution), width - 2 * margin, 4, size)) {
    body += drawText(text, margin, top + 8, { size, fill: ink.muted });
    top += lineHeight;
  }
  return { width, height: Math.ceil(top + margin - 4), body };
}

function legend({ rule, pictures }: LayerEvolution): string {
  return (
    `Above: the strongest activation over ${pictures.toLocaleString('en-US')} pictures, carried down to the pixels (${rule}). ` +
    'Below: the part of the picture that it could see. Under them the number of the picture (a dot: another one than ' +
    'before), its class, the activation and the value of full contrast; each projection has its own symmetric scale ' +
    'on which mid-grey is zero.'
  );
}

/** What stands under a moment: the picture, its class, the activation with the projection's contrast. */
function describeMoment(entry: ProjectedEntry | undefined, labels: readonly string[] = []): string[] {
  if (entry === undefined) return ['no number', '', ''];
  const { picture, value, pixels } = entry;
  const { scale } = signedPicture(pixels, { channels: 1, height: 1, width: pixels.length });
  const zero = pixels.every((each) => each === 0);
  return [
    `#${picture}`,
    labels[picture]?.split(',')[0] ?? '',
    zero ? `${short(value)}, all zero` : `${short(value)}, ±${short(scale)}`,
  ];
}

/** The longest side of any of a map's boxes, px: all of its cells are on one scale. */
function reachOf({ moments }: MapEvolution): number {
  const sides = moments.flatMap((entry) =>
    entry === undefined ? [] : [entry.box.bottom - entry.box.top, entry.box.right - entry.box.left],
  );
  return Math.max(1, ...sides);
}

type Place = (x: number, y: number) => string;

/** A moment's projection and patch, to be put into squares of `cell` px. */
async function cellPictures(
  { box, pixels, patch }: ProjectedEntry,
  canvas: Canvas,
  cell: number,
  reach: number,
): Promise<{ projection: Place; patch: Place }> {
  const [height, width] = [box.bottom - box.top, box.right - box.left];
  const factor = (cell * sharpness) / reach;
  const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * factor))) as [number, number];
  // What a border of the picture cut off is left free on that side.
  const shift = (free: number, before: boolean, after: boolean): number =>
    before === after ? free / 2 : before ? free : 0;
  const dx = shift(cell - w / sharpness, box.left === 0, box.right === canvas.width);
  const dy = shift(cell - h / sharpness, box.top === 0, box.bottom === canvas.height);
  const place = async (rgb: Uint8Array): Promise<Place> => {
    const png = await sharp(rgb, { raw: { width, height, channels: 3 } })
      .resize({ width: w, height: h, fit: 'fill', kernel: factor >= 4 ? 'nearest' : 'cubic' })
      .png()
      .toBuffer();
    return (x, y) => embed(png, x + dx, y + dy, w / sharpness, h / sharpness);
  };
  return {
    projection: await place(signedPicture(pixels, boxShape(canvas, box)).rgb),
    patch: await place(interleave(patch, { height, width })),
  };
}

/** One frame per stage, all of one size. */
export async function drawEvolutionFrames(
  evolution: LayerEvolution,
  canvas: Canvas,
  { title, labels }: EvolutionText,
): Promise<Drawing[]> {
  const { stages, maps } = evolution;
  const [cell, seam, gap] = [128, 4, 22];
  const pair = 2 * cell + seam;
  const columns = Math.min(maps.length, [4, 3, 2].find((each) => maps.length % each === 0) ?? 4);
  const width = Math.max(600, 2 * margin + columns * (pair + gap) - gap);
  const head = heading(title, undefined, width);
  const step = cell + 2 * lineHeight + gap;
  const top = head.bottom + 64;
  const height = Math.ceil(top + Math.ceil(maps.length / columns) * step + margin - gap);
  return Promise.all(
    stages.map(async (_, stage) => {
      let body = head.body + timeline(evolution, stage, head.bottom + 22, width);
      for (const [index, map] of maps.entries()) {
        const x = margin + (index % columns) * (pair + gap);
        const y = top + Math.floor(index / columns) * step;
        body += rect(x, y, cell, cell, { fill: ink.empty });
        body += rect(x + cell + seam, y, cell, cell, { fill: ink.empty });
        const entry = map.moments[stage];
        if (entry !== undefined) {
          const { projection, patch } = await cellPictures(entry, canvas, cell, reachOf(map));
          body += projection(x, y) + patch(x + cell + seam, y);
        }
        const [picture = '', name = '', strength = ''] = describeMoment(entry, labels);
        const first = fitText(`map ${map.unit}: ${strength}`, pair, size, 600);
        const jump = jumped(map, stage);
        if (jump) body += circle(x + 3.5, y + cell + 17 + lineHeight - 4, 3.5, { fill: wrong });
        const second = fitText(`${picture} ${name}`, pair - 11, size);
        body += drawText(first, x, y + cell + 17, { size, weight: 600 });
        body += drawText(second, x + (jump ? 11 : 0), y + cell + 17 + lineHeight, { size, fill: ink.muted });
      }
      return { width, height, body };
    }),
  );
}

/** A line with a dot for each stage, the one that is shown filled and named. */
function timeline({ stages }: LayerEvolution, shown: number, y: number, width: number): string {
  const [from, to] = [margin + 8, width - margin - 60];
  const at = (stage: number): number =>
    stages.length === 1 ? from : from + (stage * (to - from)) / (stages.length - 1);
  let body = line(from, y, at(stages.length - 1), y, { stroke: ink.axis, strokeWidth: 2 });
  for (const [stage, { name, epoch }] of stages.entries()) {
    const here = stage === shown;
    const fill = here ? ink.text : stage < shown ? ink.axis : ink.paper;
    body += circle(at(stage), y, here ? 7 : 5, { fill, stroke: here ? ink.text : ink.axis, strokeWidth: 2 });
    const text = here || epoch === null ? name : String(epoch);
    const style = here ? { weight: 600 as const } : { fill: ink.muted };
    body += drawText(text, at(stage), y + 24, {
      size: 13,
      anchor: stage === 0 ? 'start' : 'middle',
      ...style,
    });
  }
  return body;
}
