// One stored picture becomes one normalised picture of a batch: in training what its draw shows, else the centre, to
// the bit as `laurel eval` shows it (a test compares the two).
import type { Normalisation } from '../../augment.ts';
import { drawErase, eraseBox } from '../../erase.ts';
import { decodeBytes, type Raster, type Scaling, scaleRaster } from '../../raster.ts';
import type { StoredPicture } from '../picture-store.ts';
import { checkFormat, checkPixels, decoding } from './bad-picture.ts';
import { distort, drawPhotometric, drawShift } from './colour.ts';
import { type DecodedPart, decodePart } from './decode.ts';
import { drawPicture, drawStream, type Part, type PictureDraw } from './draw.ts';
import { readJpegHeader } from './jpeg-header.ts';
import { type PixelBytes, paintPart, type Target } from './paint.ts';
import { paintFast } from './paint-fast.ts';
import type { PictureTransform, TrainingTransform } from './transform.ts';

/** What fixes a picture's draws. */
export interface PictureKey {
  readonly seed: number;
  readonly epoch: number;
  readonly picture: number;
}

/**
 * Writes a picture to `output` from `offset` on: (3, height, width) f32, normalised. What needs no waiting (pixels that
 * are stored as such, plain JPEG files) is written before this returns; then there is no promise. Throws BadPicture for bytes that make no picture.
 */
export function renderPicture(
  output: Float32Array,
  offset: number,
  stored: StoredPicture,
  transform: PictureTransform,
  key: PictureKey,
): Promise<void> | undefined {
  const { train, size, interpolation } = transform;
  if (train === null) return renderCentre(output, offset, stored, transform);
  const { seed, epoch, picture } = key;
  if (stored.kind === 'pixels') {
    const draw = drawPicture(transform, train, stored, seed, epoch, picture);
    renderDraw(output, offset, { ...stored, channels: 3 }, draw.part, draw, transform, train, key);
    return undefined;
  }
  const draw = (original: { height: number; width: number }): PictureDraw =>
    drawPicture(transform, train, original, seed, epoch, picture);
  const paint = (decoded: DecodedPart): undefined => {
    renderDraw(output, offset, decoded.pixels, decoded.part, decoded.draw, transform, train, key);
  };
  const decoded = decodePart(stored.bytes, draw, size, interpolation);
  return decoded instanceof Promise ? decoded.then(paint) : paint(decoded);
}

function renderDraw(
  output: Float32Array,
  offset: number,
  pixels: PixelBytes,
  part: Part,
  draw: PictureDraw,
  transform: PictureTransform,
  train: TrainingTransform,
  { seed, epoch, picture }: PictureKey,
): void {
  const { size, interpolation } = transform;
  const channels = planesOf(transform);
  const { scale, shift } = affine(transform);
  const random = drawStream('colour', seed, epoch, picture);
  const { colour, erase } = train;
  const target = { output, offset, size, channels, mirror: draw.mirror };
  if (colour?.kind === 'photometric') {
    paintFast(pixels, part, draw.cutFirst, interpolation, { ...target, scale: ones, shift: zeros });
    const count = size.height * size.width;
    const planes = [0, 1, 2].map((p) => output.subarray(offset + p * count, offset + (p + 1) * count));
    const plane = (channel: 0 | 1 | 2): Float32Array => planes[channels.indexOf(channel)] as Float32Array;
    // Cubic filters overshoot; the steps expect bytes' range.
    if (interpolation === 'bicubic') for (const values of planes) clampBytes(values);
    distort(plane(0), plane(1), plane(2), drawPhotometric(colour, random));
    for (const [p, values] of planes.entries()) {
      const [factor, added] = [scale[p] as number, shift[p] as number];
      for (let i = 0; i < count; i++) values[i] = (values[i] as number) * factor + added;
    }
  } else {
    const drawn = drawShift(colour, random);
    const shifted = shift.map(
      (value, p) => value + 255 * (scale[p] as number) * (drawn[channels[p] as number] as number),
    ) as unknown as Target['shift'];
    paintFast(pixels, part, draw.cutFirst, interpolation, { ...target, scale, shift: shifted });
  }
  if (transform.meanPicture !== undefined) subtractMean(output, offset, transform, draw.corner, draw.mirror);
  if (erase === undefined) return;
  const box = drawErase(size, erase.probability, drawStream('erase', seed, epoch, picture));
  if (box !== undefined) eraseBox(output, offset, 3, size, box);
}

const ones = [1, 1, 1] as const;
const zeros = [0, 0, 0] as const;

function clampBytes(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.min(255, Math.max(0, values[i] as number));
}

/** Of each plane, for pixels in 0..1; a mean picture takes the place of the mean. */
function normalisationOf({ normalise, range = 1, meanPicture }: PictureTransform): Normalisation {
  const unit = (values: readonly number[]): readonly number[] =>
    range === 1 ? values : values.map((value) => value / range);
  return { mean: meanPicture === undefined ? unit(normalise.mean) : zeros, std: unit(normalise.std) };
}

/** What every byte of a plane is multiplied by, and what is added. */
function affine(transform: PictureTransform): Pick<Target, 'scale' | 'shift'> {
  const { mean, std } = normalisationOf(transform);
  return {
    scale: std.map((deviation) => 1 / (255 * deviation)) as unknown as Target['scale'],
    shift: std.map((deviation, p) => -(mean[p] as number) / deviation) as unknown as Target['shift'],
  };
}

/** Of each plane, the channel it shows. */
function planesOf({ order }: PictureTransform): Target['channels'] {
  return order === 'BGR' ? [2, 1, 0] : [0, 1, 2];
}

/** Subtracts the mean picture's window at `corner`, over the std. */
function subtractMean(
  output: Float32Array,
  offset: number,
  transform: PictureTransform,
  corner: { readonly top: number; readonly left: number },
  mirror: boolean,
): void {
  const { meanPicture, size, order } = transform;
  if (meanPicture === undefined) return;
  const { side, values } = meanPicture;
  const { std } = normalisationOf(transform);
  let at = offset;
  for (let p = 0; p < 3; p++) {
    const scale = 1 / (std[p] as number);
    const plane = (order === 'BGR' ? 2 - p : p) * side * side;
    for (let y = 0; y < size.height; y++) {
      let from = plane + (corner.top + y) * side + corner.left + (mirror ? size.width - 1 : 0);
      for (let x = 0; x < size.width; x++, at++, from += mirror ? -1 : 1) {
        output[at] = (output[at] as number) - (values[from] as number) * scale;
      }
    }
  }
}

async function renderCentre(
  output: Float32Array,
  offset: number,
  stored: StoredPicture,
  transform: PictureTransform,
): Promise<void> {
  const { size, resize, interpolation, meanPicture } = transform;
  const raster = await scaledRaster(stored, { least: { height: resize, width: resize }, interpolation });
  const top = Math.floor((raster.height - size.height) / 2);
  const left = Math.floor((raster.width - size.width) / 2);
  const target = { output, offset, size, channels: planesOf(transform), mirror: false, ...affine(transform) };
  // No scale is changed here, so every byte comes through as it is.
  paintPart(raster, { top, left, ...size }, true, interpolation, target);
  if (meanPicture === undefined) return;
  const { side } = meanPicture;
  const corner = {
    top: top - Math.floor((raster.height - side) / 2),
    left: left - Math.floor((raster.width - side) / 2),
  };
  subtractMean(output, offset, transform, corner, false);
}

/** A stored picture, whole and upright, at a scale. Throws BadPicture. */
export async function scaledRaster(stored: StoredPicture, scaling: Scaling): Promise<Raster> {
  if (stored.kind === 'pixels') {
    return scaleRaster({ ...stored, channels: 3, pixelStep: 3, planeStep: 1 }, scaling);
  }
  const { bytes } = stored;
  checkFormat(bytes);
  const header = readJpegHeader(bytes);
  if (header !== undefined) checkPixels(header);
  return decoding(() => decodeBytes(bytes, 3, scaling));
}
