// How large the numbers of a value get, over many pictures in little memory: counts of |x| in bins of one width, which
// doubles (two bins become one) whenever a larger number comes. From it follows the scale with the least mean squared
// error: cutting a few large numbers off lets all the others be rounded more finely.

const bins = 2048;

export interface Histogram {
  add(values: ArrayLike<number>): void;
  /** The largest |x| so far. */
  largest(): number;
  /**
   * The range [0, r] with the least mean squared error when it is divided into `levels` steps: a number inside is off
   * by a part of a step (step^2 / 12 on average), one outside by its distance from r. 0 where all numbers are 0.
   */
  bestRange(levels: number): number;
}

export function createHistogram(): Histogram {
  const counts = new Float64Array(bins);
  let width = 0;
  let largest = 0;
  const widen = (needed: number): void => {
    if (width === 0) width = needed / bins;
    while (width * bins < needed) {
      for (let i = 0; i < bins / 2; i++)
        counts[i] = (counts[2 * i] as number) + (counts[2 * i + 1] as number);
      counts.fill(0, bins / 2);
      width *= 2;
    }
  };
  return {
    add(values) {
      let most = 0;
      for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i] as number));
      if (!Number.isFinite(most)) throw new Error('A value to be quantised is not finite.');
      if (most === 0) return;
      largest = Math.max(largest, most);
      widen(most);
      for (let i = 0; i < values.length; i++) {
        const size = Math.abs(values[i] as number);
        // Zeros are exact whatever the scale is.
        if (size === 0) continue;
        const bin = Math.min(bins - 1, Math.floor(size / width));
        counts[bin] = (counts[bin] as number) + 1;
      }
    },
    largest: () => largest,
    bestRange(levels) {
      if (largest === 0) return 0;
      let best = largest;
      let least = Number.POSITIVE_INFINITY;
      for (let end = bins / 64; end <= bins; end += bins / 256) {
        const range = Math.min(largest, end * width);
        const error = squaredError(counts, width, range, levels);
        if (error < least) [best, least] = [range, error];
        if (range === largest) break;
      }
      return best;
    },
  };
}

function squaredError(counts: Float64Array, width: number, range: number, levels: number): number {
  const rounding = (range / levels) ** 2 / 12;
  let error = 0;
  for (let bin = 0; bin < bins; bin++) {
    const count = counts[bin] as number;
    if (count === 0) continue;
    const beyond = (bin + 0.5) * width - range;
    error += count * (beyond > 0 ? beyond ** 2 : rounding);
  }
  return error;
}
