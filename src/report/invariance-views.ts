// How far features go when the chosen pictures are moved, enlarged and turned (figure 5), on the way into the site.
import { basename } from 'node:path';
import sharp from 'sharp';
import { interleave } from '../explain/interleave.ts';
import { measureInvariance, type TransformationResult } from '../explain/invariance.ts';
import { identity, transformationUnits, transformInto } from '../explain/invariance-transform.ts';
import { inputPicture, inputSize } from '../explain/scan-input.ts';
import { dataAddress } from './site.ts';
import type { ChosenViewsRequest } from './views-request.ts';

export interface InvarianceViewsRequest extends ChosenViewsRequest {
  /** The class that is right, where it is known. */
  readonly truths: readonly (number | undefined)[];
}

/** Pictures of a strip, and their longer side, px. */
const thumbnails = 7;
const thumbnailPx = 96;
/** As many strips as the paper has pictures; all pictures have lines. */
const strips = 5;

/** Puts `invariance`. */
export async function putInvariance(request: InvarianceViewsRequest): Promise<void> {
  const { site, subject, images, names, truths, classes, signal, onStatus } = request;
  const result = await measureInvariance({
    ...subject,
    engine: request.engine,
    dtype: request.dtype,
    images,
    classes: truths,
    signal,
    onProgress: (done, total) => onStatus?.(`invariance: ${done} of ${total} pictures`),
  });
  const transformations = [];
  for (const each of result.transformations) {
    const { kind, amounts, distance, relative, probability } = each;
    const one = [result.pictures, amounts.length];
    const all = [result.layers.length, ...one];
    transformations.push({
      kind,
      unit: transformationUnits[kind],
      still: identity[kind],
      amounts,
      distance: rounded(distance),
      relative: rounded(relative),
      probability: rounded(probability),
      ...(await stripsOf(request, each)),
      npy: {
        distance: site.array(`invariance/${kind}-distance`, all, distance),
        relative: site.array(`invariance/${kind}-relative`, all, relative),
        probability: site.array(`invariance/${kind}-probability`, one, probability),
      },
    });
  }
  site.put('invariance', {
    layers: result.layers,
    pictures: names.map((name, i) => {
      const own = result.classes[i] as number;
      return {
        name: basename(name),
        class: (classes[own] ?? `class ${own}`).split(',')[0],
        known: truths[i] !== undefined,
        probability: result.probabilities[i],
      };
    }),
    transformations,
  });
}

function rounded(values: ArrayLike<number>): number[] {
  return Array.from(values, (value) => Number(value.toPrecision(5)));
}

/** The transformed pictures at some of the amounts, the first and the last among them. */
async function stripsOf(
  { subject, images, names }: InvarianceViewsRequest,
  { kind, amounts }: TransformationResult,
) {
  const [channels, height, width] = inputSize(subject.preprocessing);
  const size = { channels, height, width };
  const length = channels * height * width;
  const count = Math.min(thumbnails, amounts.length);
  const shown = Array.from({ length: count }, (_, i) =>
    Math.round((i * (amounts.length - 1)) / Math.max(1, count - 1)),
  );
  const rows: string[][] = [];
  for (let row = 0; row < Math.min(strips, names.length); row++) {
    const image = images.subarray(row * length, (row + 1) * length);
    const cells: string[] = [];
    for (const at of shown) {
      const moved = new Float32Array(length);
      transformInto(moved, 0, image, size, kind, amounts[at] as number);
      cells.push(await thumbnail(interleave(inputPicture(moved, subject.preprocessing), size), size));
    }
    rows.push(cells);
  }
  return { shown, strips: rows };
}

async function thumbnail(rgb: Uint8Array, size: { height: number; width: number }): Promise<string> {
  const scale = Math.min(1, thumbnailPx / Math.max(size.height, size.width));
  const [height, width] = [size.height, size.width].map((side) => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ];
  const bytes = await sharp(rgb, { raw: { height: size.height, width: size.width, channels: 3 } })
    .resize({ width, height, fit: 'fill' })
    .raw()
    .toBuffer();
  return dataAddress({ bytes, height, width }, { exact: false });
}
