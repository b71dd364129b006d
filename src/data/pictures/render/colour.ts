// Changes of a training picture's colours: a shift of each channel (AlexNet's PCA colour, VGG's RGB shift), or
// brightness, contrast, saturation and hue in a drawn order (Howard 2013 in torchvision's form). All in floating point:
// nothing is rounded to bytes between the steps, which torchvision does on PIL pictures.
import { gaussian } from '../../gaussian.ts';
import type { ColourChange } from './transform.ts';

type Photometric = ColourChange & { readonly kind: 'photometric' };

/** What is added to R, G and B, for pixels in 0..1; zeros for changes that are no shift. */
export function drawShift(colour: ColourChange | undefined, random: () => number): [number, number, number] {
  const shift: [number, number, number] = [0, 0, 0];
  if (colour === undefined || colour.kind === 'photometric') return shift;
  for (let i = 0; i < 3; i++) {
    const draw = gaussian(random) * colour.deviation;
    if (colour.kind === 'shift') shift[i] = draw;
    else {
      const along = draw * (colour.values[i] as number);
      for (let c = 0; c < 3; c++) {
        shift[c] = (shift[c] as number) + along * ((colour.vectors[i] as readonly number[])[c] as number);
      }
    }
  }
  return shift;
}

const steps = ['brightness', 'contrast', 'saturation', 'hue'] as const;

export interface PhotometricDraw {
  readonly order: readonly (typeof steps)[number][];
  /** Factors, 1: unchanged. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** Turn, 1: once around. */
  readonly hue: number;
}

export function drawPhotometric(colour: Photometric, random: () => number): PhotometricDraw {
  const order = [...steps];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] as 'hue', order[i] as 'hue'];
  }
  const factor = (most: number): number => {
    const least = Math.max(0, 1 - most);
    return least + random() * (1 + most - least);
  };
  const [brightness, contrast] = [factor(colour.brightness), factor(colour.contrast)];
  const saturation = factor(colour.saturation);
  return { order, brightness, contrast, saturation, hue: (2 * random() - 1) * colour.hue };
}

/** Changes planes R, G and B of a picture, numbers in 0..255, in place; they stay in that range. */
export function distort(
  red: Float32Array,
  green: Float32Array,
  blue: Float32Array,
  draw: PhotometricDraw,
): void {
  for (const step of draw.order) {
    if (step === 'hue') {
      if (draw.hue !== 0) turnHue(red, green, blue, draw.hue);
    } else if (draw[step] !== 1) {
      const factor = draw[step];
      if (step === 'saturation') blendWithGrey(red, green, blue, factor);
      else {
        const other = step === 'contrast' ? meanGrey(red, green, blue) : 0;
        for (const plane of [red, green, blue]) blendWith(plane, other, factor);
      }
    }
  }
}

function clamp(value: number): number {
  return value < 0 ? 0 : Math.min(value, 255);
}

/** The luma of ITU-R BT.601, as PIL's mode L. */
function grey(red: number, green: number, blue: number): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

function meanGrey(red: Float32Array, green: Float32Array, blue: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < red.length; i++) sum += grey(red[i] as number, green[i] as number, blue[i] as number);
  return sum / red.length;
}

function blendWith(plane: Float32Array, other: number, factor: number): void {
  const rest = other * (1 - factor);
  for (let i = 0; i < plane.length; i++) plane[i] = clamp((plane[i] as number) * factor + rest);
}

function blendWithGrey(red: Float32Array, green: Float32Array, blue: Float32Array, factor: number): void {
  for (let i = 0; i < red.length; i++) {
    const [r, g, b] = [red[i] as number, green[i] as number, blue[i] as number];
    const rest = grey(r, g, b) * (1 - factor);
    red[i] = clamp(r * factor + rest);
    green[i] = clamp(g * factor + rest);
    blue[i] = clamp(b * factor + rest);
  }
}

/** Turns the hue of the HSV hexcone; value and saturation stay. */
function turnHue(red: Float32Array, green: Float32Array, blue: Float32Array, turn: number): void {
  for (let i = 0; i < red.length; i++) {
    const [r, g, b] = [red[i] as number, green[i] as number, blue[i] as number];
    const most = Math.max(r, g, b);
    const chroma = most - Math.min(r, g, b);
    if (chroma === 0) continue;
    // In sixths of the circle.
    let hue = most === r ? (g - b) / chroma : most === g ? (b - r) / chroma + 2 : (r - g) / chroma + 4;
    hue = (hue + 6 * turn + 12) % 6;
    red[i] = hexcone(5 + hue, most, chroma);
    green[i] = hexcone(3 + hue, most, chroma);
    blue[i] = hexcone(1 + hue, most, chroma);
  }
}

function hexcone(place: number, most: number, chroma: number): number {
  const k = place % 6;
  return most - chroma * Math.max(0, Math.min(k, 4 - k, 1));
}
