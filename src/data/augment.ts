// Augmentation of small pictures, the 32x32 recipe of github.com/weiaicunzai/pytorch-cifar100: random crop from a
// zero-padded picture, horizontal flip with probability 1/2, rotation within +-`rotation` degrees, to [0,1],
// normalise. Zeros are black pixels: they are filled in before normalisation, as torchvision does.
// Choices: rotation samples bilinearly and keeps fractions (torchvision's default there is the nearest pixel);
// every draw is taken whether it is used or not, so switching one step off leaves the others as they were.
// Random erasing, which that recipe has not, comes after normalisation.
import type { Dataset } from './dataset.ts';
import { type Box, drawErase, eraseBox } from './erase.ts';
import { hash32, randomStream } from './random.ts';

export interface Normalisation {
  /** Per channel, for pixels in 0..1. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** What happens to a picture on its way into a batch, in this order. Steps that are absent do nothing. */
export interface Augmentation {
  /** Zeros added on every side, px, for good: 2 makes LeNet's 32x32 out of 28x28. */
  readonly pad?: number;
  /** Random crop of the picture's own size after adding `padding` px of zeros on every side. */
  readonly crop?: { readonly padding: number };
  /** Mirror left to right with probability 1/2. */
  readonly flip?: boolean;
  /** Largest rotation about the centre, degrees; the angle is uniform in +-rotation, counter-clockwise. */
  readonly rotation?: number;
  readonly normalise?: Normalisation;
  /** A rectangle of the whole picture, padding included, is made zero, the mean colour (erase.ts). */
  readonly erase?: { readonly probability: number };
}

/** The random part of one picture's augmentation. */
export interface Draw {
  /** Crop window's corner relative to the unpadded picture's, px, within +-padding. */
  readonly top: number;
  readonly left: number;
  readonly flip: boolean;
  /** Degrees, counter-clockwise. */
  readonly angle: number;
}

/** The draw for picture `index` in epoch `epoch`: a pure function of its arguments. */
export function drawAugmentation(
  augmentation: Augmentation,
  seed: number,
  epoch: number,
  index: number,
): Draw {
  const padding = augmentation.crop?.padding ?? 0;
  const key = hash32(seed, epoch, index);
  const high = hash32(index, epoch, seed);
  const unit = (draw: number) => hash32(key, high, draw) / 0x1_0000_0000;
  return {
    top: Math.floor(unit(0) * (2 * padding + 1)) - padding,
    left: Math.floor(unit(1) * (2 * padding + 1)) - padding,
    flip: augmentation.flip === true && unit(2) < 0.5,
    angle: (2 * unit(3) - 1) * (augmentation.rotation ?? 0),
  };
}

/** The stream's own key: other draws of the same picture have nothing to do with it. */
const eraseKey = 0x657261;

/** The rectangle of picture `index` that is erased in epoch `epoch`, if any: a pure function of its arguments. */
export function drawErasure(
  augmentation: Augmentation,
  size: { readonly height: number; readonly width: number },
  seed: number,
  epoch: number,
  index: number,
): Box | undefined {
  const probability = augmentation.erase?.probability ?? 0;
  if (probability === 0) return undefined;
  return drawErase(size, probability, randomStream(seed, epoch, index, eraseKey));
}

/** Height and width of the pictures that `augmentation` makes of `dataset`'s, px. */
export function augmentedSize(
  dataset: Pick<Dataset, 'height' | 'width'>,
  augmentation: Augmentation | undefined,
): { height: number; width: number } {
  const border = 2 * (augmentation?.pad ?? 0);
  return { height: dataset.height + border, width: dataset.width + border };
}

/** Throws unless `augmentation` fits pictures with `channels` channels; to be called once, before the hot loop. */
export function checkAugmentation(channels: number, augmentation: Augmentation | undefined): void {
  if (augmentation === undefined) return;
  const { normalise, pad = 0, crop, rotation = 0, erase } = augmentation;
  for (const [name, value] of [
    ['pad', pad],
    ['crop.padding', crop?.padding ?? 0],
  ] as const) {
    if (!Number.isInteger(value) || value < 0) {
      throw new RangeError(`augmentation: ${name} is ${value}, expected a whole number of pixels, 0 or more`);
    }
  }
  if (!(rotation >= 0 && rotation <= 180)) {
    throw new RangeError(`augmentation: rotation is ${rotation}, expected 0 to 180 degrees`);
  }
  if (erase !== undefined && !(erase.probability >= 0 && erase.probability <= 1)) {
    throw new RangeError(`augmentation: erase.probability is ${erase.probability}, expected 0 to 1`);
  }
  if (normalise === undefined) return;
  for (const [name, values] of [
    ['mean', normalise.mean],
    ['std', normalise.std],
  ] as const) {
    if (values.length !== channels) {
      throw new RangeError(`augmentation: ${values.length} values of ${name} for ${channels} channels`);
    }
  }
  if (!normalise.std.every((value) => value > 0)) {
    throw new RangeError(`augmentation: std is ${normalise.std.join(', ')}, expected numbers above 0`);
  }
}

/** The cropped and flipped picture with one more pixel of black around it, so that sampling needs no bounds. */
let patch = new Uint8Array(0);

/**
 * Writes picture `index` of `dataset`, augmented, to `output` from `offset` on: (C,H,W) float32, normalised.
 * A pure function of (seed, epoch, index). Without `augmentation` the picture is only scaled to [0,1].
 */
export function augmentInto(
  output: Float32Array,
  offset: number,
  dataset: Pick<Dataset, 'length' | 'channels' | 'height' | 'width' | 'pixels'>,
  index: number,
  augmentation: Augmentation | undefined,
  seed: number,
  epoch: number,
): void {
  if (!(index >= 0 && index < dataset.length)) {
    throw new RangeError(`augment: picture ${index} of a data set of ${dataset.length}`);
  }
  const { height, width } = augmentedSize(dataset, augmentation);
  if (offset < 0 || offset + dataset.channels * height * width > output.length) {
    throw new RangeError(`augment: ${output.length} floats hold no picture from ${offset} on`);
  }
  const plan = augmentation ?? plain;
  const draw = drawAugmentation(plan, seed, epoch, index);
  const stride = width + 2;
  const plane = (height + 2) * stride;
  if (patch.length < dataset.channels * plane) patch = new Uint8Array(dataset.channels * plane);
  cutWindow(dataset, index, height, width, plan.pad ?? 0, draw);
  const rotate = draw.angle !== 0;
  if (rotate) planRotation(height, width, draw.angle);
  const paint = rotate ? rotatePlane : copyPlane;
  for (let channel = 0; channel < dataset.channels; channel++) {
    const deviation = plan.normalise?.std[channel] ?? 1;
    const scale = 1 / (255 * deviation);
    const shift = -(plan.normalise?.mean[channel] ?? 0) / deviation;
    const target = offset + channel * height * width;
    paint(output, target, channel * plane, height, width, scale, shift);
  }
  const erased = drawErasure(plan, { height, width }, seed, epoch, index);
  if (erased !== undefined) eraseBox(output, offset, dataset.channels, { height, width }, erased);
}

const plain: Augmentation = {};

/** Fills `patch` with the crop of picture `index`, mirrored if drawn, inside a border of one black pixel. */
function cutWindow(
  dataset: Pick<Dataset, 'channels' | 'height' | 'width' | 'pixels'>,
  index: number,
  height: number,
  width: number,
  pad: number,
  draw: Draw,
): void {
  const { channels, height: sourceHeight, width: sourceWidth, pixels } = dataset;
  const stride = width + 2;
  const plane = (height + 2) * stride;
  const top = draw.top - pad;
  const left = draw.left - pad;
  const from = Math.max(0, -left);
  const to = Math.min(width, sourceWidth - left);
  // A local name for the scratch memory: the engine need not look it up again at every pixel.
  const cut = patch;
  cut.fill(0, 0, channels * plane);
  for (let channel = 0; channel < channels; channel++) {
    const source = (index * channels + channel) * sourceHeight * sourceWidth;
    for (let y = Math.max(0, -top); y < Math.min(height, sourceHeight - top); y++) {
      const row = source + (y + top) * sourceWidth + left;
      const line = channel * plane + (y + 1) * stride + 1;
      if (draw.flip) {
        const last = line + width - 1;
        for (let x = from; x < to; x++) cut[last - x] = pixels[row + x] as number;
      } else {
        for (let x = from; x < to; x++) cut[line + x] = pixels[row + x] as number;
      }
    }
  }
}

function copyPlane(
  output: Float32Array,
  target: number,
  source: number,
  height: number,
  width: number,
  scale: number,
  shift: number,
): void {
  const cut = patch;
  const stride = width + 2;
  for (let y = 0; y < height; y++) {
    const line = source + (y + 1) * stride + 1;
    const row = target + y * width;
    for (let x = 0; x < width; x++) output[row + x] = (cut[line + x] as number) * scale + shift;
  }
}

/** Where each output pixel is sampled: position in `patch` of the upper left neighbour, and the fractions. */
let corners = new Int32Array(0);
let fractionsY = new Float32Array(0);
let fractionsX = new Float32Array(0);

/**
 * Output pixel (x, y) shows the input at the point turned back by `angle` about the centre ((W-1)/2, (H-1)/2).
 * With y pointing down, counter-clockwise by a means input = centre + (dx cos a - dy sin a, dx sin a + dy cos a).
 * Points beyond the border of black pixels are drawn to it: everything out there is black.
 */
function planRotation(height: number, width: number, angle: number): void {
  const count = height * width;
  if (corners.length < count) {
    corners = new Int32Array(count);
    fractionsY = new Float32Array(count);
    fractionsX = new Float32Array(count);
  }
  const [corner, fractionY, fractionX] = [corners, fractionsY, fractionsX];
  const radians = (angle * Math.PI) / 180;
  const cos = Math.cos(radians);
  const sin = Math.sin(radians);
  const centreX = (width - 1) / 2;
  const centreY = (height - 1) / 2;
  const stride = width + 2;
  for (let y = 0, at = 0; y < height; y++) {
    const dy = y - centreY;
    for (let x = 0; x < width; x++, at++) {
      const dx = x - centreX;
      // Plus one: the border of `patch`. Clamped, so that the lower right neighbour exists too.
      let sampleX = dx * cos - dy * sin + centreX + 1;
      let sampleY = dx * sin + dy * cos + centreY + 1;
      if (sampleX < 0) sampleX = 0;
      else if (sampleX > width + 1) sampleX = width + 1;
      if (sampleY < 0) sampleY = 0;
      else if (sampleY > height + 1) sampleY = height + 1;
      let column = sampleX | 0;
      let line = sampleY | 0;
      if (column > width) column = width;
      if (line > height) line = height;
      corner[at] = line * stride + column;
      fractionX[at] = sampleX - column;
      fractionY[at] = sampleY - line;
    }
  }
}

function rotatePlane(
  output: Float32Array,
  target: number,
  source: number,
  height: number,
  width: number,
  scale: number,
  shift: number,
): void {
  const [cut, firsts, rights, lowers] = [patch, corners, fractionsX, fractionsY];
  const stride = width + 2;
  const count = height * width;
  for (let at = 0; at < count; at++) {
    const corner = source + (firsts[at] as number);
    const right = rights[at] as number;
    const lower = lowers[at] as number;
    const a = cut[corner] as number;
    const c = cut[corner + stride] as number;
    const top = a + right * ((cut[corner + 1] as number) - a);
    const bottom = c + right * ((cut[corner + stride + 1] as number) - c);
    output[target + at] = (top + lower * (bottom - top)) * scale + shift;
  }
}
