// Resampling of pictures as PIL has it (and with it torchvision's Resize): output pixel i looks at the input around
// (i + 1/2) f - 1/2 with a filter that is widened by the factor f where the picture shrinks, so that no pixel is
// skipped; rows first, then columns, each rounded to bytes, halves up. At the borders the filter is cut and weighed anew.

/** How a picture is brought to another size. */
export type Interpolation = 'bilinear' | 'bicubic';
export const interpolations: readonly Interpolation[] = ['bilinear', 'bicubic'];

export interface Size {
  readonly height: number;
  readonly width: number;
}

/** Bytes of a picture: channel c of pixel (y, x) at `c planeStep + y rowStep + x pixelStep`. */
export interface Pixels extends Size {
  readonly channels: number;
  readonly data: Uint8Array;
  readonly rowStep: number;
  readonly pixelStep: number;
  readonly planeStep: number;
}

interface Filter {
  /** Zero beyond. */
  readonly reach: number;
  weight(distance: number): number;
}

const filters: Readonly<Record<Interpolation, Filter>> = {
  bilinear: { reach: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys' cubic with a = -1/2 (Catmull-Rom).
  bicubic: {
    reach: 2,
    weight: (distance) => {
      const x = Math.abs(distance);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    },
  },
};

/** The picture at `size`: interleaved bytes, `size.height * size.width * channels`. */
export function resample(pixels: Pixels, size: Size, interpolation: Interpolation): Uint8Array {
  const { data, channels, height, rowStep, pixelStep, planeStep } = pixels;
  const filter = filters[interpolation];
  const across = taps(pixels.width, size.width, filter);
  const down = taps(height, size.height, filter);
  const narrow = new Uint8ClampedArray(height * size.width * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < size.width; x++) {
      const { first, weights } = across[x] as Taps;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let at = c * planeStep + y * rowStep + first * pixelStep;
        for (let k = 0; k < weights.length; k++, at += pixelStep) {
          sum += (weights[k] as number) * (data[at] as number);
        }
        narrow[(y * size.width + x) * channels + c] = Math.floor(sum + 0.5);
      }
    }
  }
  const row = size.width * channels;
  const result = new Uint8ClampedArray(size.height * row);
  for (let y = 0; y < size.height; y++) {
    const { first, weights } = down[y] as Taps;
    for (let i = 0; i < row; i++) {
      let sum = 0;
      let at = first * row + i;
      for (let k = 0; k < weights.length; k++, at += row)
        sum += (weights[k] as number) * (narrow[at] as number);
      result[y * row + i] = Math.floor(sum + 0.5);
    }
  }
  return new Uint8Array(result.buffer);
}

/** The input pixels that one output pixel is made of. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

function taps(from: number, to: number, filter: Filter): Taps[] {
  const factor = from / to;
  const stretch = Math.max(1, factor);
  const reach = filter.reach * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * factor;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(from, Math.floor(centre + reach + 0.5));
    const raw = Array.from({ length: end - first }, (_, k) =>
      filter.weight((first + k + 0.5 - centre) / stretch),
    );
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return { first, weights: raw.map((weight) => weight / sum) };
  });
}
