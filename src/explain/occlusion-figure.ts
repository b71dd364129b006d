// Figure 7 of Zeiler & Fergus 2014: (a) the picture with the square where it costs most, (b) the activity of a map, (c)
// that map's projection, (d) the probability of the class and (e) the most probable class by place of the square, and
// (f) the same as an overlay. Maps are drawn where the squares' centres lie, over the faded picture, so that all panels
// can be laid upon one another by eye.
import { hex, ink, type Rgb, sequential, seriesColour } from '../figures/colour.ts';
import { heading, margin } from '../figures/heading.ts';
import type { Drawing } from '../figures/svg.ts';
import { drawText, fitName, wrapText } from '../figures/text.ts';
import { diverging } from './colours.ts';
import type { Occlusion } from './occlusion.ts';
import { drawBar, legend, type Mark } from './occlusion-legend.ts';
import {
  drawPhoto,
  mapPicture,
  overlaid,
  type Photo,
  percent,
  signedWorth,
  type Worth,
  withSquare,
} from './occlusion-pictures.ts';
import { short } from './top-figure.ts';

export interface OcclusionFigure {
  readonly title: string;
  readonly occlusion: Occlusion;
  readonly photo: Photo;
  /** The picture as it is where it is covered. */
  readonly cover: Photo;
  /** The map's projection in this picture, and in others. */
  readonly projections: readonly Photo[];
  /** Minimum, maximum and scale of the first, in words. */
  readonly projectionRange: string;
  /** Short names of the classes. */
  readonly nameOf: (index: number) => string;
  readonly footnote: readonly string[];
}

const cell = 300;
const gap = 30;
const size = 12.5;
const line = 17;
/** Room below a panel for its caption and legend. */
const below = 128;
const named = 5;

/** The six panels, three in a row. */
export async function drawOcclusion(figure: OcclusionFigure): Promise<Drawing> {
  const { occlusion, photo, title, nameOf } = figure;
  const { grid, whole, probability, activity, unit, layer } = occlusion;
  const p = whole.probabilities[occlusion.class] as number;
  const { height, width } = photo;
  const scale = cell / Math.max(height, width);
  const panelHeight = height * scale;
  const figureWidth = 2 * margin + 3 * cell + 2 * gap;
  const name = nameOf(occlusion.class);
  const subtitle =
    `a square of ${grid.size} px, filled with ${occlusion.fill}, at ${grid.rows}x${grid.columns} places ` +
    `${grid.stride} px apart; class ${name}, probability ${percent(p)} on the whole picture`;
  const head = heading(title, subtitle, figureWidth);
  const lowest = indexOf(probability, Math.min);
  const values = {
    probability: ramp(probability, Math.fround(p)),
    activity: ramp(activity, Math.fround(whole.activity)),
  };
  const flat = values.probability.min === values.probability.max;
  const palette = classColours(occlusion);
  const worth = signedWorth(occlusion, photo);
  const panels: {
    picture: Photo[];
    caption: string;
    lines: string[];
    key?: (x: number, y: number) => Promise<string>;
  }[] = [
    {
      picture: [withSquare(occlusion, photo, figure.cover, flat ? -1 : lowest)],
      caption: 'a  the picture',
      lines: [
        flat
          ? `No square changes the probability of ${name}.`
          : `The square where it costs most: ${name} falls from ${percent(p)} to ${percent(probability[lowest] as number)}.`,
      ],
    },
    {
      picture: [
        mapPicture(occlusion, photo, cell, (place) => values.activity.colour(activity[place] as number)),
      ],
      caption: `b  activity of unit ${unit} of ${layer}`,
      lines: ['The sum over the map that is strongest on the whole picture.'],
      key: (x, y) => drawBar({ ...bar(values.activity, short), x, y, width: cell }),
    },
    {
      picture: figure.projections.slice(0, 4),
      caption: `c  what unit ${unit} sees`,
      lines: [
        figure.projections.length > 1
          ? 'Deconvnet projections of its strongest activation, here (upper left) and in other pictures.'
          : 'Deconvnet projection of its strongest activation.',
        figure.projectionRange,
      ],
    },
    {
      picture: [
        mapPicture(occlusion, photo, cell, (place) =>
          values.probability.colour(probability[place] as number),
        ),
      ],
      caption: `d  probability of ${name}`,
      lines: [flat ? 'The same wherever the square lies.' : 'Pale: covering this place costs most.'],
      key: (x, y) => drawBar({ ...bar(values.probability, percent), x, y, width: cell }),
    },
    {
      picture: [
        mapPicture(occlusion, photo, cell, (place) => palette.colour(occlusion.classes[place] as number)),
      ],
      caption: 'e  most probable class',
      lines: [],
      key: async (x, y) => legend(palette.marks(nameOf), x, y - 6, cell),
    },
    {
      picture: [overlaid(photo, worth)],
      caption: `f  what is worth how much to ${name}`,
      lines: ['Vermilion: covering it costs probability; blue: it adds some.'],
      key: (x, y) =>
        drawBar({
          ...worthBar(worth, ['', '']),
          x,
          y,
          width: cell,
        }),
    },
  ];
  let body = head.body;
  const top = head.bottom + 14;
  for (const [i, { picture, caption, lines, key }] of panels.entries()) {
    const x = margin + (i % 3) * (cell + gap);
    const y = top + Math.floor(i / 3) * (panelHeight + below);
    body += await drawPictures(picture, x, y, panelHeight);
    body += drawText(fitName(caption, cell, 14, 600), x, y + panelHeight + 21, { size: 14, weight: 600 });
    const wrapped = lines.flatMap((text) => wrapText(text, cell, key === undefined ? 3 : 2, size));
    for (const [row, text] of wrapped.entries()) {
      body += drawText(text, x, y + panelHeight + 40 + row * line, { size, fill: ink.muted });
    }
    if (key !== undefined) body += await key(x, y + panelHeight + 40 + wrapped.length * line - 4);
  }
  let bottom = top + 2 * (panelHeight + below) + 4;
  for (const text of figure.footnote.flatMap((each) => wrapText(each, figureWidth - 2 * margin, 2, size))) {
    body += drawText(text, margin, bottom, { size, fill: ink.muted });
    bottom += line;
  }
  return { width: figureWidth, height: Math.ceil(bottom + margin - line + 4), body };
}

/** The picture beside the overlay alone, large. */
export async function drawOverlay(figure: OcclusionFigure): Promise<Drawing> {
  const { occlusion, photo, title, nameOf } = figure;
  const side = 460;
  const scale = side / Math.max(photo.height, photo.width);
  const width = 2 * margin + 2 * side + gap;
  const name = nameOf(occlusion.class);
  const { grid } = occlusion;
  const worth = signedWorth(occlusion, photo);
  const head = heading(
    title,
    `what each place is worth to ${name}: the probability that the squares of ${grid.size} px over it take away, on average`,
    width,
  );
  const top = head.bottom + 14;
  const height = photo.height * scale;
  let body = head.body + (await drawPhoto(photo, margin, top, scale));
  body += await drawPhoto(overlaid(photo, worth), margin + side + gap, top, scale);
  const key = worthBar(worth, [': covering it adds', ': covering it costs']);
  body += await drawBar({ ...key, x: margin + side + gap, y: top + height + 14, width: side });
  let bottom = top + height + 24;
  for (const text of [worth.sentence, ...figure.footnote].flatMap((each) => wrapText(each, side, 3, size))) {
    body += drawText(text, margin, bottom, { size, fill: ink.muted });
    bottom += line;
  }
  return { width, height: Math.ceil(Math.max(bottom, top + height + 64) + margin - line), body };
}

/** The scale of the overlay; `words`: what stands behind the numbers at its ends. */
function worthBar({ scale, flat }: Worth, words: readonly [below: string, above: string]) {
  if (flat) return { colour: () => diverging(0), labels: ['0 everywhere'] };
  const colour = (t: number): Rgb => diverging(2 * t - 1);
  return { colour, labels: [`−${percent(scale)}${words[0]}`, '0', `+${percent(scale)}${words[1]}`] };
}

interface Ramp {
  readonly min: number;
  readonly max: number;
  /** On the whole picture. */
  readonly whole: number;
  colour(value: number): Rgb;
}

/** A scale over the values of a map and that of the whole picture. */
function ramp(values: Float32Array, whole: number): Ramp {
  const min = Math.min(whole, values[indexOf(values, Math.min)] ?? whole);
  const max = Math.max(whole, values[indexOf(values, Math.max)] ?? whole);
  return { min, max, whole, colour: (value) => sequential((value - min) / (max - min || 1)) };
}

function bar({ min, max, whole }: Ramp, text: (value: number) => string) {
  if (max === min) return { colour: () => sequential(0), labels: [`${text(min)} everywhere`] };
  const mark: Mark = { at: (whole - min) / (max - min), label: `whole picture ${text(whole)}` };
  return { colour: sequential, labels: [text(min), text(max)], mark };
}

function indexOf(values: Float32Array, pick: (a: number, b: number) => number): number {
  let found = values.length > 0 ? 0 : -1;
  for (let i = 1; i < values.length; i++) {
    const [value, best] = [values[i] as number, values[found] as number];
    if (value !== best && pick(value, best) === value) found = i;
  }
  return found;
}

/** Colours of the classes that win somewhere: the class in question first, then the others by their number of places. */
function classColours({ classes, class: chosen }: Occlusion) {
  const counts = new Map<number, number>();
  for (const index of classes) counts.set(index, (counts.get(index) ?? 0) + 1);
  const order = [...counts].sort(
    ([a, n], [b, m]) => Number(b === chosen) - Number(a === chosen) || m - n || a - b,
  );
  const shown = order.slice(0, order.length > named ? named - 1 : named);
  // Blue stays with the class in question, even where it never wins.
  const first = order[0]?.[0] === chosen ? 0 : 1;
  const colours = new Map(shown.map(([index], i) => [index, rgbOf(seriesColour(first + i))]));
  const rest: Rgb = [176, 184, 192];
  return {
    colour: (index: number): Rgb => colours.get(index) ?? rest,
    marks(nameOf: (index: number) => string) {
      const marks = shown.map(([index, count]) => ({
        colour: hex(colours.get(index) ?? rest),
        name: nameOf(index),
        share: count / classes.length,
      }));
      const others = order.slice(shown.length);
      if (others.length === 0) return marks;
      const count = others.reduce((sum, [, n]) => sum + n, 0);
      return [
        ...marks,
        { colour: hex(rest), name: `${others.length} other classes`, share: count / classes.length },
      ];
    },
  };
}

function rgbOf(colour: string): Rgb {
  const byte = (at: number): number => Number.parseInt(colour.slice(at, at + 2), 16);
  return [byte(1), byte(3), byte(5)];
}

async function drawPictures(
  pictures: readonly Photo[],
  x: number,
  y: number,
  height: number,
): Promise<string> {
  const contained = (photo: Photo, w: number, h: number): number =>
    Math.min(w / photo.width, h / photo.height);
  const [only] = pictures;
  if (pictures.length === 1 && only !== undefined) {
    const scale = contained(only, cell, height);
    return drawPhoto(only, x + (cell - only.width * scale) / 2, y, scale);
  }
  let body = '';
  const half = { width: (cell - 8) / 2, height: (height - 8) / 2 };
  for (const [i, photo] of pictures.entries()) {
    const [left, top] = [x + (i % 2) * (half.width + 8), y + Math.floor(i / 2) * (half.height + 8)];
    body += await drawPhoto(photo, left, top, contained(photo, half.width, half.height));
  }
  return body;
}
