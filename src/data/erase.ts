// Random erasing (Zhong et al. 2017) of a normalised picture, as torchvision's RandomErasing does it by default: with
// a probability, a rectangle of 2 to 33 % of the area with an aspect of .3 to 3.3 becomes zero, which is the mean
// colour; after ten rectangles that do not fit, nothing. (The paper fills it with random bytes.)
import type { Size } from './resample.ts';

/** A part of a picture, px. */
export interface Box extends Size {
  readonly top: number;
  readonly left: number;
}

const area = { least: 0.02, most: 0.33 };
const aspect = { least: 0.3, most: 3.3 };

/** The rectangle to erase; undefined for none. */
export function drawErase(
  { height, width }: Size,
  probability: number,
  random: () => number,
): Box | undefined {
  if (random() >= probability) return undefined;
  const [low, high] = [Math.log(aspect.least), Math.log(aspect.most)];
  for (let attempt = 0; attempt < 10; attempt++) {
    const pixels = height * width * (area.least + (area.most - area.least) * random());
    const ratio = Math.exp(low + (high - low) * random());
    const box = {
      height: Math.round(Math.sqrt(pixels * ratio)),
      width: Math.round(Math.sqrt(pixels / ratio)),
    };
    const fits = box.height < height && box.width < width;
    if (!fits || box.height === 0 || box.width === 0) continue;
    const top = Math.floor(random() * (height - box.height + 1));
    return { ...box, top, left: Math.floor(random() * (width - box.width + 1)) };
  }
  return undefined;
}

/** Makes `box` zero in the `channels` planes of a picture of `size` that begins at `offset`. */
export function eraseBox(output: Float32Array, offset: number, channels: number, size: Size, box: Box): void {
  for (let channel = 0; channel < channels; channel++) {
    for (let y = box.top; y < box.top + box.height; y++) {
      const at = offset + (channel * size.height + y) * size.width + box.left;
      output.fill(0, at, at + box.width);
    }
  }
}
