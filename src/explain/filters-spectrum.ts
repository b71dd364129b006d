// Frequency content of filters: the energy of their two-dimensional spectrum by distance from its centre, in cycles
// per pixel of the input. Filters are put into a square of zeros, so that a small one has as fine a spectrum as a
// large one; the sum over the square is the filter's energy (Parseval).

export interface Spectrum {
  /** Side of the square; the spectrum is side x side, frequency 0 at (side / 2, side / 2). */
  readonly side: number;
  /** Energy, summed over filters and channels, each filter scaled to energy 1 so that none outweighs the others. */
  readonly power: Float64Array;
  /** Share of the energy by radius; band i holds frequencies from `edges[i]` to `edges[i + 1]`. Sums to 1. */
  readonly shares: Float64Array;
  readonly edges: Float64Array;
}

/** The largest radius of a spectrum, its corner, in cycles per pixel. */
export const highestFrequency = Math.SQRT1_2;
const defaultBands = 12;

/**
 * The spectrum of filters `weights` (count x channels x height x width). Filters of zeros count for nothing; where all
 * are zero, all shares are.
 */
export function filterSpectrum(
  weights: ArrayLike<number>,
  shape: readonly [count: number, channels: number, height: number, width: number],
  { side = 32, bands = defaultBands } = {},
): Spectrum {
  const [count, channels, height, width] = shape;
  const padded = Math.max(side, 2 * Math.ceil(Math.max(height, width) / 2));
  const power = new Float64Array(padded * padded);
  const size = channels * height * width;
  for (let filter = 0; filter < count; filter++) {
    let energy = 0;
    for (let i = filter * size; i < (filter + 1) * size; i++) energy += (weights[i] as number) ** 2;
    if (energy === 0) continue;
    for (let channel = 0; channel < channels; channel++) {
      const start = filter * size + channel * height * width;
      addPower(power, padded, weights, start, height, width, 1 / energy);
    }
  }
  const edges = Float64Array.from({ length: bands + 1 }, (_, i) => (i / bands) * highestFrequency);
  return { side: padded, power, shares: byRadius(power, padded, bands), edges };
}

/** Adds |DFT|^2 / side^2 of one plane, times `scale`, frequency 0 in the middle. Rows first, then columns. */
function addPower(
  power: Float64Array,
  side: number,
  weights: ArrayLike<number>,
  start: number,
  height: number,
  width: number,
  scale: number,
): void {
  const cos = Float64Array.from({ length: side }, (_, i) => Math.cos((2 * Math.PI * i) / side));
  const sin = Float64Array.from({ length: side }, (_, i) => Math.sin((2 * Math.PI * i) / side));
  const real = new Float64Array(height * side);
  const imaginary = new Float64Array(height * side);
  for (let y = 0; y < height; y++) {
    for (let v = 0; v < side; v++) {
      let [re, im] = [0, 0];
      for (let x = 0; x < width; x++) {
        const value = weights[start + y * width + x] as number;
        const turn = (v * x) % side;
        re += value * (cos[turn] as number);
        im -= value * (sin[turn] as number);
      }
      real[y * side + v] = re;
      imaginary[y * side + v] = im;
    }
  }
  const half = side / 2;
  for (let u = 0; u < side; u++) {
    for (let v = 0; v < side; v++) {
      let [re, im] = [0, 0];
      for (let y = 0; y < height; y++) {
        const turn = (u * y) % side;
        const [c, s] = [cos[turn] as number, sin[turn] as number];
        const [a, b] = [real[y * side + v] as number, imaginary[y * side + v] as number];
        re += a * c + b * s;
        im += b * c - a * s;
      }
      const at = ((u + half) % side) * side + ((v + half) % side);
      power[at] = (power[at] as number) + (scale * (re * re + im * im)) / (side * side);
    }
  }
}

function byRadius(power: Float64Array, side: number, bands: number): Float64Array {
  const shares = new Float64Array(bands);
  let total = 0;
  for (let u = 0; u < side; u++) {
    for (let v = 0; v < side; v++) {
      const radius = Math.hypot(u - side / 2, v - side / 2) / side;
      const band = Math.min(bands - 1, Math.floor((radius / highestFrequency) * bands));
      const energy = power[u * side + v] as number;
      shares[band] = (shares[band] as number) + energy;
      total += energy;
    }
  }
  return total === 0 ? shares : shares.map((share) => share / total);
}

/** Share of the energy whose radius lies in [from, to), cycles per pixel, by whole bands of the spectrum's square. */
export function energyBetween({ side, power }: Spectrum, from: number, to: number): number {
  let [inside, total] = [0, 0];
  for (let u = 0; u < side; u++) {
    for (let v = 0; v < side; v++) {
      const radius = Math.hypot(u - side / 2, v - side / 2) / side;
      const energy = power[u * side + v] as number;
      total += energy;
      if (radius >= from && radius < to) inside += energy;
    }
  }
  return total === 0 ? 0 : inside / total;
}
