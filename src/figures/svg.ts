// The drawing layer: SVG as text, built by functions, and made a PNG by sharp. Sizes are in px of the figure; the
// PNG has two pixels for each, so that it stays sharp on dense screens and in print.
import { extname } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import { ink, type Rgb } from './colour.ts';

/** Pixels of a PNG per px of its figure. */
export const sharpness = 2;

/** A drawing and its size in px. */
export type Drawing = { width: number; height: number; body: string };

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** A number as short as the eye allows: hundredths of a px. */
export function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** One SVG element; attributes in camelCase become kebab-case, undefined ones are left out. */
export function element(name: string, attributes: Attributes, content = ''): string {
  let text = `<${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    const attribute = key === 'viewBox' ? key : key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    text += ` ${attribute}="${typeof value === 'number' ? number(value) : escapeText(value)}"`;
  }
  return content === '' ? `${text}/>` : `${text}>${content}</${name}>`;
}

function escapeText(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

export function rect(x: number, y: number, width: number, height: number, attributes: Attributes): string {
  return element('rect', { x, y, width, height, ...attributes });
}

export function line(x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string {
  return element('line', { x1, y1, x2, y2, ...attributes });
}

export function circle(cx: number, cy: number, r: number, attributes: Attributes): string {
  return element('circle', { cx, cy, r, ...attributes });
}

/** An open line through points, with round joins. */
export function polyline(points: readonly (readonly [number, number])[], attributes: Attributes): string {
  const list = points.map(([x, y]) => `${number(x)},${number(y)}`).join(' ');
  return element('polyline', {
    points: list,
    fill: 'none',
    strokeLinejoin: 'round',
    strokeLinecap: 'round',
    ...attributes,
  });
}

/** A tick mark or a cross of `size` px around (x, y): the sign beside the colour for right and wrong. */
export function sign(kind: 'right' | 'wrong', x: number, y: number, size: number, colour: string): string {
  const r = size / 2;
  const strokes =
    kind === 'right'
      ? `M${number(x - r * 0.9)} ${number(y + r * 0.05)}L${number(x - r * 0.25)} ${number(y + r * 0.7)}L${number(x + r * 0.9)} ${number(y - r * 0.7)}`
      : `M${number(x - r * 0.7)} ${number(y - r * 0.7)}L${number(x + r * 0.7)} ${number(y + r * 0.7)}M${number(x + r * 0.7)} ${number(y - r * 0.7)}L${number(x - r * 0.7)} ${number(y + r * 0.7)}`;
  return element('path', {
    d: strokes,
    fill: 'none',
    stroke: colour,
    strokeWidth: size / 5,
    strokeLinecap: 'round',
    strokeLinejoin: 'round',
  });
}

/**
 * A raster of `columns` x `rows` colours, each drawn as a square of `cell` px (a multiple of half a px) with hard
 * edges; (x, y) is its upper left corner.
 */
export async function raster(
  colours: (column: number, row: number) => Rgb,
  columns: number,
  rows: number,
  place: { x: number; y: number; cell: number },
): Promise<string> {
  const scale = Math.max(1, Math.round(place.cell * sharpness));
  const [width, height] = [columns * scale, rows * scale];
  const pixels = new Uint8Array(width * height * 3);
  for (let row = 0; row < rows; row++) {
    const start = row * scale * width * 3;
    for (let column = 0; column < columns; column++) {
      const colour = colours(column, row);
      for (let i = 0; i < scale; i++) pixels.set(colour, start + (column * scale + i) * 3);
    }
    for (let i = 1; i < scale; i++) pixels.copyWithin(start + i * width * 3, start, start + width * 3);
  }
  const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return embed(png, place.x, place.y, width / sharpness, height / sharpness);
}

/** A PNG inside the drawing. */
export function embed(png: Uint8Array, x: number, y: number, width: number, height: number): string {
  const href = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
  return element('image', { x, y, width, height, href });
}

/** Writes a drawing on white, as SVG or PNG by the ending of `path`, whole or not at all. */
export async function writeDrawing(path: string, { width, height, body }: Drawing): Promise<void> {
  const ending = extname(path).toLowerCase();
  if (ending !== '.png' && ending !== '.svg') {
    throw new UserError(`Cannot draw ${path}: its name ends in "${ending}", expected .png or .svg.`, {
      exitCode: 2,
    });
  }
  const scale = ending === '.png' ? sharpness : 1;
  const svg = element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width: width * scale,
      height: height * scale,
      viewBox: `0 0 ${number(width)} ${number(height)}`,
    },
    rect(0, 0, width, height, { fill: ink.paper }) + body,
  );
  if (ending === '.svg') {
    writeFileAtomic(path, svg);
    return;
  }
  const png = await sharp(Buffer.from(svg), { unlimited: true, limitInputPixels: false })
    .flatten({ background: ink.paper })
    .png()
    .toBuffer();
  writeFileAtomic(path, png);
}
