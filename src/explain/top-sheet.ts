// From a finished scan to files: the sheet of figure 2 as PNG, what stands behind it as JSON, and the projections and
// patches of each map as .npy. Maps are projected, drawn and written one at a time.
import { join } from 'node:path';
import { writeDrawing } from '../figures/svg.ts';
import { writeFileAtomic } from '../files.ts';
import { writeNpy } from '../weights/npy.ts';
import { signedPicture } from './colours.ts';
import type { Box } from './layer.ts';
import { type Part, stack } from './stack.ts';
import { type ProjectedUnit, projectTop, type TopRequest } from './top.ts';
import {
  boxShape,
  type Canvas,
  drawTopBlock,
  drawTopSheet,
  short,
  type TopBlock,
  type WindowKind,
} from './top-figure.ts';
import { heldEnergy } from './top-window.ts';

export interface TopSheetRequest extends TopRequest {
  readonly folder: string;
  readonly title: string;
  /** What was scanned, in words. */
  readonly subtitle: string;
  /** The class of each picture. */
  readonly labels?: readonly string[];
  readonly columns?: number;
  /** What is drawn of each receptive field; the files hold all of it. */
  readonly window?: WindowKind;
  readonly signal?: AbortSignal;
  readonly onUnit?: (done: number, total: number) => void;
}

export interface TopEntryRecord {
  readonly picture: string;
  readonly index: number;
  readonly class: string | null;
  readonly activation: number;
  readonly position: readonly [row: number, column: number];
  readonly box: Box;
  /** Value of full contrast in the sheet. */
  readonly scale: number;
}

export interface TopRecord {
  readonly layer: string;
  readonly units: number;
  readonly height: number;
  readonly width: number;
  readonly pictures: number;
  readonly rule: string;
  readonly maps: readonly {
    readonly unit: number;
    /** Pictures in which it was above zero. */
    readonly active: number;
    readonly top: readonly TopEntryRecord[];
    readonly projections: string | null;
    readonly patches: string | null;
  }[];
  readonly figure: string;
  readonly json: string;
}

/** A layer's path as part of a file name. */
export function fileNameOf(path: string): string {
  return path.replace(/[^\w.-]/g, '_');
}

/** Writes `top-LAYER.png`, `top-LAYER.json` and `top-LAYER/map-UNIT[-patches].npy` into the folder. */
export async function writeTopSheet(request: TopSheetRequest): Promise<TopRecord> {
  const { scan, subject, folder, labels, rule = 'deconvnet', units, window = 'field' } = request;
  const { layer, pictures } = scan;
  const { channels, height, width, pad, order } = subject.preprocessing;
  const canvas: Canvas = { channels, height: height + 2 * pad, width: width + 2 * pad, order };
  const stem = `top-${fileNameOf(layer)}`;
  const blocks: TopBlock[] = [];
  const maps: TopRecord['maps'][number][] = [];
  for await (const unit of projectTop(request)) {
    blocks.push(await drawTopBlock(unit, canvas, { pictures, size: scan.top.size, labels, window }));
    maps.push(recordUnit(unit, canvas, folder, stem, labels));
    request.onUnit?.(blocks.length, units.length);
    request.signal?.throwIfAborted();
  }
  const scales = maps.flatMap(({ top }) => top.map(({ scale }) => scale)).filter((scale) => scale > 0);
  const contrast =
    scales.length === 0
      ? 'All projections are zero.'
      : `full contrast is ±${short(Math.min(...scales))} to ±${short(Math.max(...scales))}.`;
  const figure = join(folder, `${stem}.png`);
  const drawing = drawTopSheet(blocks, {
    title: request.title,
    subtitle: request.subtitle,
    footnote: [
      `Left: the activation alone, carried down to the pixels (${rule}). Right: the same part of the picture.`,
      window === 'field'
        ? 'Each part is the receptive field of the activation, cut at the borders of the picture.'
        : `Each part is the square that holds ${Math.round(100 * heldEnergy)} % or more of the projection's energy, one size per map.`,
      `Each projection on its own symmetric scale: mid-grey is zero, ${contrast}`,
    ],
    columns: request.columns ?? 2,
  });
  await writeDrawing(figure, drawing);
  const json = join(folder, `${stem}.json`);
  const sizes = { units: scan.units, height: scan.height, width: scan.width };
  const record: TopRecord = { layer, ...sizes, pictures, rule, maps, figure, json };
  writeFileAtomic(json, `${JSON.stringify(record, null, 1)}\n`);
  return record;
}

/** What there is to say of a unit's strongest activations. */
export function recordEntries(
  { entries }: Pick<ProjectedUnit, 'entries'>,
  canvas: Canvas,
  labels?: readonly string[],
): TopEntryRecord[] {
  return entries.map(({ picture, name, value, position, box, pixels }) => ({
    picture: name,
    index: picture,
    class: labels?.[picture] ?? null,
    activation: value,
    position,
    box,
    scale: signedPicture(pixels, boxShape(canvas, box)).scale,
  }));
}

function recordUnit(
  { unit, active, entries }: ProjectedUnit,
  canvas: Canvas,
  folder: string,
  stem: string,
  labels: readonly string[] | undefined,
): TopRecord['maps'][number] {
  const name = `map-${String(unit).padStart(4, '0')}`;
  const top = recordEntries({ entries }, canvas, labels);
  if (entries.length === 0) return { unit, active, top, projections: null, patches: null };
  const [projections, patches] = [
    join(folder, stem, `${name}.npy`),
    join(folder, stem, `${name}-patches.npy`),
  ];
  writeStack(
    projections,
    entries.map(({ pixels, box }) => ({ values: pixels, box })),
  );
  writeStack(
    patches,
    entries.map(({ patch, box }) => ({ values: patch, box })),
  );
  return { unit, active, top, projections, patches };
}

function writeStack(path: string, parts: readonly Part[]): void {
  const { shape, data } = stack(parts);
  writeNpy(path, shape, data);
}
