// The pictures that an occlusion's figures are put together from: a map over the faded picture, the picture with its
// square, and the picture under a veil of what each pixel is worth.
import sharp from 'sharp';
import { ink, type Rgb } from '../figures/colour.ts';
import { embed, rect, sharpness } from '../figures/svg.ts';
import { diverging } from './colours.ts';
import { importance, type Occlusion, squareAt } from './occlusion.ts';

/** Interleaved RGB bytes. */
export interface Photo {
  readonly rgb: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** A map over the faded picture, at least `room` px large: each place coloured around the centre of its square. */
export function mapPicture(
  { grid }: Occlusion,
  photo: Photo,
  room: number,
  colour: (place: number) => Rgb,
): Photo {
  const factor = Math.max(1, Math.ceil((room * sharpness) / Math.max(photo.height, photo.width)));
  const [height, width] = [photo.height * factor, photo.width * factor];
  const rgb = new Uint8Array(3 * height * width);
  const placeOf = (pixel: number): number =>
    Math.round(((pixel + 0.5) / factor - grid.size / 2) / grid.stride);
  for (let y = 0; y < height; y++) {
    const row = placeOf(y);
    for (let x = 0; x < width; x++) {
      const column = placeOf(x);
      const inside = row >= 0 && row < grid.rows && column >= 0 && column < grid.columns;
      const at = 3 * (y * width + x);
      if (inside) {
        rgb.set(colour(row * grid.columns + column), at);
        continue;
      }
      const grey = luminance(photo, Math.floor(y / factor) * photo.width + Math.floor(x / factor));
      rgb.fill(Math.round(200 + grey * 0.18), at, at + 3);
    }
  }
  return { rgb, height, width };
}

function luminance({ rgb }: Photo, pixel: number): number {
  const [r, g, b] = [rgb[3 * pixel] as number, rgb[3 * pixel + 1] as number, rgb[3 * pixel + 2] as number];
  return 0.299 * r + 0.587 * g + 0.114 * b;
}

/** The picture with the square at a place (none for a negative one); `cover` is what it is filled with. */
export function withSquare({ grid }: Occlusion, photo: Photo, cover: Photo, place: number): Photo {
  const rgb = photo.rgb.slice();
  if (place >= 0) {
    const { top, left, bottom, right } = squareAt(grid, place);
    for (let y = top; y < bottom; y++) {
      const [from, to] = [3 * (y * photo.width + left), 3 * (y * photo.width + right)];
      rgb.set(cover.rgb.subarray(from, to), from);
    }
  }
  return { ...photo, rgb };
}

/** What every pixel is worth to the class. */
export interface Worth {
  readonly values: Float32Array;
  /** The magnitude with the full colour. */
  readonly scale: number;
  /** No pixel is worth anything. */
  readonly flat: boolean;
  readonly sentence: string;
}

/** The worth of every pixel, on a scale that is symmetric about 0. */
export function signedWorth(occlusion: Occlusion, photo: Photo): Worth {
  const values = importance(occlusion, photo);
  let [min, max] = [0, 0];
  for (const value of values) [min, max] = [Math.min(min, value), Math.max(max, value)];
  const scale = Math.max(max, -min);
  const sentence =
    scale === 0
      ? 'No square changes the probability.'
      : `From ${percent(min)} to ${percent(max)} of probability; nothing is clipped.`;
  return { values, scale: scale || 1, flat: scale === 0, sentence };
}

/** The picture in grey with the map upon it: the stronger, the less of the picture's own light is left. */
export function overlaid(photo: Photo, { values, scale }: Worth): Photo {
  const rgb = new Uint8Array(photo.rgb.length);
  for (let pixel = 0; pixel < values.length; pixel++) {
    const t = (values[pixel] as number) / scale;
    const grey = 40 + 0.8 * luminance(photo, pixel);
    const colour = diverging(Math.sign(t));
    const share = 0.82 * Math.abs(t) ** 0.8;
    for (let c = 0; c < 3; c++) {
      // The picture's light shows through the colour.
      const tinted = (colour[c] as number) * (0.55 + (0.45 * grey) / 255) + 0.12 * grey;
      rgb[3 * pixel + c] = Math.min(255, Math.round(grey + share * (tinted - grey)));
    }
  }
  return { ...photo, rgb };
}

/** A picture with its upper left corner at (x, y), one of its pixels `scale` px large. */
export async function drawPhoto(
  { rgb, height, width }: Photo,
  x: number,
  y: number,
  scale: number,
): Promise<string> {
  const wanted = {
    width: Math.max(1, Math.round(width * scale * sharpness)),
    height: Math.max(1, Math.round(height * scale * sharpness)),
  };
  const factor = wanted.width / width;
  // Small pictures show their pixels.
  const kernel = factor >= 4 ? 'nearest' : 'lanczos3';
  const png = await sharp(rgb, { raw: { width, height, channels: 3 } })
    .resize({ ...wanted, fit: 'fill', kernel })
    .png()
    .toBuffer();
  const [w, h] = [wanted.width / sharpness, wanted.height / sharpness];
  return embed(png, x, y, w, h) + rect(x, y, w, h, { fill: 'none', stroke: ink.grid, strokeWidth: 1 });
}

/** A share with as many digits as are worth reading. */
export function percent(share: number): string {
  const value = 100 * share;
  if (value !== 0 && Math.abs(value) < 0.1) return `${minus(value.toPrecision(1))} %`;
  return `${minus(value.toFixed(Math.abs(value) < 9.95 || (value > 99 && value < 100) ? 1 : 0))} %`;
}

function minus(text: string): string {
  return text.replace('-', '−');
}
