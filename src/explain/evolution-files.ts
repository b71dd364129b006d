// An evolution as files: the sheet as PNG, the animation as WebP or GIF, what stands behind them as JSON, projections
// and patches as .npy.
import { join } from 'node:path';
import sharp from 'sharp';
import { ink } from '../figures/colour.ts';
import { type Drawing, element, rect, sharpness, writeDrawing } from '../figures/svg.ts';
import { makeFolder, writeFileAtomic } from '../files.ts';
import { writeNpy } from '../weights/npy.ts';
import { signedPicture } from './colours.ts';
import { jumped, type LayerEvolution } from './evolution.ts';
import { drawEvolutionFrames, drawEvolutionSheet, type EvolutionText } from './evolution-figure.ts';
import type { Box } from './layer.ts';
import { boxShape, type Canvas } from './top-figure.ts';
import { fileNameOf } from './top-sheet.ts';

export type Animation = 'webp' | 'gif';

/** One map at one moment. */
export interface MomentRecord {
  readonly stage: string;
  readonly epoch: number | null;
  /** The picture's file, or its number in the data set; null, like what follows, where no activation is a number. */
  readonly picture: string | null;
  readonly index: number | null;
  readonly class: string | null;
  readonly activation: number | null;
  readonly position: readonly [row: number, column: number] | null;
  readonly box: Box | null;
  /** Value of full contrast in the sheet. */
  readonly scale: number | null;
  /** Another picture than at the moment before. */
  readonly jump: boolean;
  /** Pictures in which the map was above zero. */
  readonly active: number;
}

export interface EvolutionRecord extends Omit<LayerEvolution, 'maps'> {
  readonly maps: readonly { readonly unit: number; readonly moments: readonly MomentRecord[] }[];
  readonly figure: string;
  readonly animation: string;
  /** maps x stages x C x H x W of the largest box, each in the upper left, zeros around it. */
  readonly projections: string;
  /** The same of the pictures, bytes, one or three channels. */
  readonly patches: string;
  readonly json: string;
}

export interface EvolutionFilesRequest extends EvolutionText {
  readonly folder: string;
  readonly canvas: Canvas;
  /** Default webp. */
  readonly animation?: Animation | undefined;
}

/** Writes `evolution-LAYER.png`, `.webp` or `.gif`, `.json`, `.npy` and `-patches.npy` into the folder. */
export async function writeEvolution(
  evolution: LayerEvolution,
  request: EvolutionFilesRequest,
): Promise<EvolutionRecord> {
  const { folder, canvas, labels, animation = 'webp' } = request;
  makeFolder(folder);
  const stem = join(folder, `evolution-${fileNameOf(evolution.layer)}`);
  const paths = {
    figure: `${stem}.png`,
    animation: `${stem}.${animation}`,
    projections: `${stem}.npy`,
    patches: `${stem}-patches.npy`,
    json: `${stem}.json`,
  };
  await writeDrawing(paths.figure, await drawEvolutionSheet(evolution, canvas, request));
  await writeAnimation(paths.animation, await drawEvolutionFrames(evolution, canvas, request), animation);
  writeStack(paths.projections, evolution, ({ pixels }) => pixels);
  writeStack(paths.patches, evolution, ({ patch }) => patch);
  const { maps, ...rest } = evolution;
  const record: EvolutionRecord = {
    ...rest,
    maps: maps.map((map) => ({
      unit: map.unit,
      moments: map.moments.map((entry, stage) => ({
        stage: rest.stages[stage]?.name as string,
        epoch: rest.stages[stage]?.epoch ?? null,
        picture: entry?.name ?? null,
        index: entry?.picture ?? null,
        class: entry === undefined ? null : (labels?.[entry.picture] ?? null),
        activation: entry?.value ?? null,
        position: entry?.position ?? null,
        box: entry?.box ?? null,
        scale: entry === undefined ? null : signedPicture(entry.pixels, boxShape(canvas, entry.box)).scale,
        jump: jumped(map, stage),
        active: map.active[stage] as number,
      })),
    })),
    ...paths,
  };
  writeFileAtomic(paths.json, `${JSON.stringify(record, null, 1)}\n`);
  return record;
}

/** Milliseconds that a frame stays; the last one stays longer, so that the eye sees where it ends. */
const frameMs = 900;
const lastFrameMs = 2400;

async function writeAnimation(path: string, frames: readonly Drawing[], kind: Animation): Promise<void> {
  const pictures = await Promise.all(frames.map(renderFrame));
  const delay = pictures.map((_, i) => (i === pictures.length - 1 ? lastFrameMs : frameMs));
  const joined = pictures.length === 1 ? sharp(pictures[0]) : sharp(pictures, { join: { animated: true } });
  const bytes =
    kind === 'webp'
      ? await joined.webp({ loop: 0, delay, quality: 92 }).toBuffer()
      : await joined.gif({ loop: 0, delay }).toBuffer();
  writeFileAtomic(path, bytes);
}

function renderFrame({ width, height, body }: Drawing): Promise<Buffer> {
  const svg = element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width: width * sharpness,
      height: height * sharpness,
      viewBox: `0 0 ${width} ${height}`,
    },
    rect(0, 0, width, height, { fill: ink.paper }) + body,
  );
  return sharp(Buffer.from(svg), { unlimited: true, limitInputPixels: false })
    .flatten({ background: ink.paper })
    .png()
    .toBuffer();
}

type Part = NonNullable<LayerEvolution['maps'][number]['moments'][number]>;

function writeStack(
  path: string,
  { maps, stages }: LayerEvolution,
  valuesOf: (part: Part) => Float32Array | Uint8Array,
): void {
  const parts = maps.flatMap(({ moments }) => moments);
  const there = parts.filter((part) => part !== undefined);
  const height = Math.max(1, ...there.map(({ box }) => box.bottom - box.top));
  const width = Math.max(1, ...there.map(({ box }) => box.right - box.left));
  const [first] = there;
  const channels = first === undefined ? 1 : valuesOf(first).length / areaOf(first.box);
  const stack = new Float32Array(parts.length * channels * height * width);
  for (const [i, part] of parts.entries()) {
    if (part === undefined) continue;
    const values = valuesOf(part);
    const { top, left, bottom, right } = part.box;
    const [rows, columns] = [bottom - top, right - left];
    for (let row = 0; row < channels * rows; row++) {
      const channel = Math.floor(row / rows);
      const start = ((i * channels + channel) * height + (row % rows)) * width;
      stack.set(values.subarray(row * columns, (row + 1) * columns), start);
    }
  }
  writeNpy(path, [maps.length, stages.length, channels, height, width], stack);
}

function areaOf({ top, left, bottom, right }: Box): number {
  return (bottom - top) * (right - left);
}
