// Pictures moved, enlarged and turned, as figure 5 of Zeiler & Fergus 2014 needs them: about the centre of the network's
// input, sampled bilinearly, and filled with the mean of the data (0 after normalisation) where nothing is known. Turning
// by whole amounts of nothing gives the picture itself, to the bit.

export type TransformationKind = 'translation' | 'scale' | 'rotation';

/** px downwards; a factor; degrees counter-clockwise. */
export const transformationUnits: Readonly<Record<TransformationKind, string>> = {
  translation: 'px',
  scale: 'times',
  rotation: 'degrees',
};

/** What leaves a picture as it is. */
export const identity: Readonly<Record<TransformationKind, number>> = {
  translation: 0,
  scale: 1,
  rotation: 0,
};

interface PictureSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Writes `image` (C x H x W, normalised), transformed, to `output` from `offset` on. */
export function transformInto(
  output: Float32Array,
  offset: number,
  image: Float32Array,
  { channels, height, width }: PictureSize,
  kind: TransformationKind,
  amount: number,
): void {
  const plane = height * width;
  const [centreY, centreX] = [(height - 1) / 2, (width - 1) / 2];
  const turn = kind === 'rotation' ? (amount * Math.PI) / 180 : 0;
  const factor = kind === 'scale' ? amount : 1;
  const shift = kind === 'translation' ? amount : 0;
  const [cos, sin] = [Math.cos(turn) / factor, Math.sin(turn) / factor];
  const at = (channel: number, y: number, x: number): number =>
    y < 0 || x < 0 || y >= height || x >= width ? 0 : (image[channel * plane + y * width + x] as number);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // Output pixels look back: what lies here lay there before.
      const [dy, dx] = [y - shift - centreY, x - centreX];
      const [fromY, fromX] = [centreY + dx * sin + dy * cos, centreX + dx * cos - dy * sin];
      const [top, left] = [Math.floor(fromY), Math.floor(fromX)];
      const [lower, right] = [fromY - top, fromX - left];
      for (let c = 0; c < channels; c++) {
        let value = (1 - lower) * (1 - right) * at(c, top, left);
        if (right > 0) value += (1 - lower) * right * at(c, top, left + 1);
        if (lower > 0) value += lower * (1 - right) * at(c, top + 1, left);
        if (lower > 0 && right > 0) value += lower * right * at(c, top + 1, left + 1);
        output[offset + c * plane + y * width + x] = value;
      }
    }
  }
}

export interface Transformation {
  readonly kind: TransformationKind;
  readonly amounts: readonly number[];
}

/**
 * The paper's ranges, for its 224 px: -60 to 60 px, 1 to 1.8 times, a whole turn; steps chosen here. Other pictures are
 * moved by the same share of their height.
 */
export function usualTransformations(height: number): Transformation[] {
  const farthest = Math.max(1, Math.round((60 * height) / 224));
  const step = Math.max(1, Math.round(farthest / 12));
  const half = Math.floor(farthest / step);
  const range = (count: number, value: (i: number) => number): number[] =>
    Array.from({ length: count }, (_, i) => value(i));
  return [
    { kind: 'translation', amounts: range(2 * half + 1, (i) => (i - half) * step) },
    { kind: 'scale', amounts: range(17, (i) => Number((1 + 0.05 * i).toFixed(2))) },
    { kind: 'rotation', amounts: range(25, (i) => 15 * i) },
  ];
}
