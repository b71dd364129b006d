// One activation of one picture projected to the pixels, as a figure with its data: the picture with the receptive
// field framed, the projection, and the framed part of both enlarged; with the check by random weights beside them.
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import { writeDrawing } from '../figures/svg.ts';
import { writeNpy } from '../weights/npy.ts';
import { type SignedPicture, signedPicture } from './colours.ts';
import { interleave } from './interleave.ts';
import { type Box, checkSeed, findLayer, type Layer } from './layer.ts';
import { drawPanels, type Panel } from './panels.ts';
import { createProjector, type Projection, type Rule } from './project.ts';
import { checkSanity, type SanityCheck } from './sanity.ts';
import { inputPicture } from './scan-input.ts';
import type { OpenSubject } from './subject.ts';

export interface DeconvRequest {
  readonly layer: string;
  readonly unit: number;
  /** Default: where the unit is strongest. */
  readonly position?: readonly [y: number, x: number] | undefined;
  /** Default deconvnet. */
  readonly rule?: Rule;
  /** Also project with random weights on the way down. */
  readonly sanity?: boolean | undefined;
}

export interface Deconvolution {
  readonly layer: Layer;
  readonly rule: Rule;
  readonly projection: Projection;
  readonly sanity?: SanityCheck | undefined;
}

/** Throws a UserError: no such layer, unit or position, or more than one picture. */
export function deconvolve(subject: OpenSubject, request: DeconvRequest): Deconvolution {
  const { engine, dtype, tensors, images, batch, build } = subject;
  const { unit, position, rule = 'deconvnet', sanity } = request;
  if (batch !== 1) {
    throw new UserError(`A projection is of one picture, got ${batch}. Give one.`, { exitCode: 2 });
  }
  const network = build(1);
  const layer = findLayer(network, request.layer);
  checkSeed(layer, unit, position);
  const projector = createProjector(engine, network, tensors, layer, { rule, dtype });
  let projection: Projection;
  try {
    projection = projector.project(images, [{ unit, position }])[0] as Projection;
  } finally {
    projector.dispose();
  }
  if (!sanity) return { layer, rule, projection };
  const other = build(1);
  const check = checkSanity(engine, other, tensors, findLayer(other, request.layer), images, projection, {
    rule,
    dtype,
  });
  return { layer, rule, projection, sanity: check };
}

/** What the figure shows, for its caption and for JSON. */
export interface DeconvSummary {
  readonly min: number;
  readonly max: number;
  /** The magnitude drawn as black or white, and the share of values beyond it. */
  readonly scale: number;
  readonly clipped: number;
}

const cell = 300;

/** Writes `projection.png` and `projection.npy` (f32, C x H x W, signed) into a folder. */
export async function writeDeconvolution(
  folder: string,
  subject: OpenSubject,
  { layer, rule, projection, sanity }: Deconvolution,
): Promise<DeconvSummary> {
  const { size, preprocessing, names, name, protocol } = subject;
  const { channels, height, width } = size;
  const { pixels, box, unit, position, activation } = projection;
  const shape = { ...size, order: preprocessing.order };
  const [min, max] = extremes(pixels);
  const drawn = signedPicture(pixels, shape);
  const photo = interleave(inputPicture(subject.images, preprocessing), size);
  // Few pixels are better seen as squares.
  const smooth = Math.max(box.bottom - box.top, box.right - box.left) > cell / 4;
  const whole = box.top === 0 && box.left === 0 && box.bottom === height && box.right === width;
  const panel = (rgb: Uint8Array, caption: readonly string[], more: Partial<Panel> = {}): Panel => ({
    rgb,
    height,
    width,
    caption,
    smooth: true,
    ...more,
  });
  const panels: Panel[] = [
    panel(
      photo,
      ['picture', `sees rows ${box.top}-${box.bottom - 1}, columns ${box.left}-${box.right - 1}`],
      {
        ...(!whole && { frame: box }),
      },
    ),
    panel(drawn.rgb, ['projection', rangeText(min, max, drawn)]),
  ];
  if (!whole) {
    const part = { height: box.bottom - box.top, width: box.right - box.left, smooth };
    const caption = `${part.height}x${part.width} px`;
    panels.push(
      panel(crop(photo, width, box), ['picture, framed part', caption], part),
      panel(crop(drawn.rgb, width, box), ['projection, framed part', caption], part),
    );
  }
  if (sanity !== undefined) {
    const random = signedPicture(sanity.example.pixels, shape);
    const [least, most] = extremes(sanity.example.pixels);
    panels.push(panel(random.rgb, ['all weights random, same switches', rangeText(least, most, random)]));
    if (!whole) {
      const part = { height: box.bottom - box.top, width: box.right - box.left, smooth };
      const caption = ['weights random, framed part', `${part.height}x${part.width} px`];
      panels.push(panel(crop(random.rgb, width, box), caption, part));
    }
  }
  const footnote = [`${basename(names[0] ?? '')}; ${protocol}`];
  if (min === 0 && max === 0) footnote.unshift(zeroSentence(rule, activation));
  if (sanity !== undefined) footnote.unshift(...sanitySentences(sanity));
  const grey = (t: number): readonly [number, number, number] => {
    const byte = Math.round(128 + 127 * (2 * t - 1));
    return [byte, byte, byte];
  };
  const drawing = await drawPanels({
    title: `${name} ${layer.path}, unit ${unit} at ${position.join(',')}`,
    subtitle: `${rule} projection of the activation ${short(activation)}`,
    panels,
    columns: 2,
    cell,
    bar: {
      colour: grey,
      labels: [short(-drawn.scale), '0', short(drawn.scale)],
      name: 'projection, per colour channel',
    },
    footnote,
  });
  await writeDrawing(join(folder, 'projection.png'), drawing);
  writeNpy(join(folder, 'projection.npy'), [channels, height, width], pixels);
  return { min, max, scale: drawn.scale, clipped: drawn.clipped };
}

/** The check in words, a sentence for each part. */
export function sanitySentences({ levels, full }: SanityCheck): string[] {
  const steps = levels.map(
    ({ randomised, mean, magnitudes }) => `${randomised}: ${mean.toFixed(2)} (${magnitudes.toFixed(2)})`,
  );
  return [
    `Correlation with the projection through random weights, by how many of the ${full.layers} layers above the ` +
      `pixels are random, the uppermost first, and in brackets the rank correlation of magnitudes: ${steps.join(', ')}.`,
    `Each is the mean of ${full.correlations.length} draws. What stays near 1 shows the picture and not what those ` +
      'layers have learnt.',
  ];
}

function zeroSentence(rule: Rule, activation: number): string {
  const reason =
    rule === 'deconvnet' && activation === 0
      ? 'the activation itself is 0, and the deconvnet starts from it'
      : 'nothing of the signal reaches the pixels';
  return `The projection is zero everywhere: ${reason}.`;
}

function rangeText(min: number, max: number, { scale, clipped }: SignedPicture): string {
  return `min ${short(min)}, max ${short(max)}; grey is 0, scale ±${short(scale)} (${(100 * clipped).toFixed(1)} % clipped)`;
}

function short(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e5)) return value.toExponential(2);
  return String(Number(value.toPrecision(3)));
}

function extremes(values: Float32Array): [min: number, max: number] {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return [min, max];
}

function crop(rgb: Uint8Array, width: number, { top, left, bottom, right }: Box): Uint8Array {
  const row = 3 * (right - left);
  const part = new Uint8Array(row * (bottom - top));
  for (let y = top; y < bottom; y++) {
    const from = 3 * (y * width + left);
    part.set(rgb.subarray(from, from + row), (y - top) * row);
  }
  return part;
}
