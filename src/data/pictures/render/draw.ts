// The random part of what happens to one picture: a pure function of (seed, epoch, picture) and of the picture's size.
// Each kind of draw has a stream of its own, so that switching one off leaves the others as they were.
import { randomStream } from '../../random.ts';
import { scaledSize } from '../../raster.ts';
import type { Size } from '../../resample.ts';
import type { PictureTransform, TrainingScale, TrainingTransform } from './transform.ts';

/** A part of a picture, px; fractions where the picture is scaled as a whole. */
export interface Part extends Size {
  readonly top: number;
  readonly left: number;
}

export interface PictureDraw {
  /** What is shown of the picture, in the picture's own px. */
  readonly part: Part;
  /** The size that the whole picture has when `part` has the crop's. */
  readonly scaled: Size;
  /** Where the crop is in the scaled picture (in its central square, where the scale is `square`), px. */
  readonly corner: { readonly top: number; readonly left: number };
  /** Whether nothing outside the part is looked at: it is cut first and resized then. */
  readonly cutFirst: boolean;
  readonly mirror: boolean;
}

/** Kinds of draws; the numbers are part of what a seed means. */
export const drawKinds = { part: 1, mirror: 2, colour: 3, erase: 4 } as const;

/** The stream of one kind of draws for a picture in an epoch. */
export function drawStream(
  kind: keyof typeof drawKinds,
  seed: number,
  epoch: number,
  picture: number,
): () => number {
  return randomStream(seed, epoch, picture, drawKinds[kind]);
}

/** The draw for a picture of `original` size. */
export function drawPicture(
  { size }: Pick<PictureTransform, 'size'>,
  train: TrainingTransform,
  original: Size,
  seed: number,
  epoch: number,
  picture: number,
): PictureDraw {
  const random = drawStream('part', seed, epoch, picture);
  const mirrored = drawStream('mirror', seed, epoch, picture)() < 0.5;
  const mirror = train.flip && mirrored;
  const { scale } = train;
  if (scale.kind === 'area') {
    const part = drawArea(scale, original, random);
    const [across, down] = [size.width / part.width, size.height / part.height];
    const scaled = { height: original.height * down, width: original.width * across };
    return { part, scaled, corner: { top: 0, left: 0 }, cutFirst: true, mirror };
  }
  const side = scale.least + Math.floor(random() * (scale.most - scale.least + 1));
  const scaled = scaledSize(original, { least: { height: side, width: side }, interpolation: 'bilinear' });
  const base = scale.square ? { height: side, width: side } : scaled;
  const room = { height: base.height - size.height, width: base.width - size.width };
  const corner = train.crops === 'ten' ? subCrop(room, random) : anywhere(room, random);
  const top = corner.top + Math.floor((scaled.height - base.height) / 2);
  const left = corner.left + Math.floor((scaled.width - base.width) / 2);
  const [down, across] = [original.height / scaled.height, original.width / scaled.width];
  const part = {
    top: top * down,
    left: left * across,
    height: size.height * down,
    width: size.width * across,
  };
  return { part, scaled, corner, cutFirst: false, mirror };
}

/** A corner in 0..room, all alike. */
function anywhere(room: Size, random: () => number): { top: number; left: number } {
  const top = Math.floor(random() * (room.height + 1));
  return { top, left: Math.floor(random() * (room.width + 1)) };
}

/** The four corners or the centre; with the mirror's half these are ZFNet's ten. */
function subCrop(room: Size, random: () => number): { top: number; left: number } {
  const which = Math.floor(random() * 5);
  if (which === 4) return { top: Math.floor(room.height / 2), left: Math.floor(room.width / 2) };
  return { top: which >> 1 === 1 ? room.height : 0, left: (which & 1) === 1 ? room.width : 0 };
}

/** torchvision's RandomResizedCrop.get_params. */
function drawArea(
  { least, most, aspect }: TrainingScale & { kind: 'area' },
  { height, width }: Size,
  random: () => number,
): Part {
  const reach = Math.log(aspect);
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * (least + (most - least) * random());
    const ratio = Math.exp((2 * random() - 1) * reach);
    const size = { height: Math.round(Math.sqrt(area / ratio)), width: Math.round(Math.sqrt(area * ratio)) };
    if (size.height > 0 && size.height <= height && size.width > 0 && size.width <= width) {
      return { ...size, ...anywhere({ height: height - size.height, width: width - size.width }, random) };
    }
  }
  // The centre, as much of it as the aspect allows.
  const size = {
    height: Math.max(1, Math.min(height, Math.round(width * aspect))),
    width: Math.max(1, Math.min(width, Math.round(height * aspect))),
  };
  return {
    ...size,
    top: Math.floor((height - size.height) / 2),
    left: Math.floor((width - size.width) / 2),
  };
}
