// Axes: the range that the data need, round numbers for the ticks, and the way from a value to a px.

/** A scale of one axis. `ticks` are the labelled values; `place` maps a value to a px. */
export type Axis = {
  readonly range: readonly [number, number];
  readonly ticks: readonly { value: number; label: string }[];
  place(value: number): number;
};

/** Ticks at round distances (1, 2 or 5 times a power of ten), about `count` of them, inside [low, high]. */
export function niceTicks(low: number, high: number, count: number): number[] {
  const step = niceStep((high - low) / Math.max(1, count));
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => clean((first + i) * step, step));
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const share = rough / power;
  return power * (share > 5 ? 10 : share > 2 ? 5 : share > 1 ? 2 : 1);
}

/** Removes the dust of binary fractions: 0.30000000000000004 is 0.3. */
function clean(value: number, step: number): number {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(step)));
  // toFixed knows 100 digits.
  return digits > 100 ? value : Number(value.toFixed(digits));
}

/**
 * A linear axis from px `from` to px `to`. With `round` the range is widened to ticks, else it ends at the data.
 * `low` and `high` may be equal or not finite (no data).
 */
export function linearAxis(
  low: number,
  high: number,
  from: number,
  to: number,
  options: { ticks: number; round?: boolean; whole?: boolean },
): Axis {
  let [start, end] = low <= high && Number.isFinite(low) && Number.isFinite(high) ? [low, high] : [0, 1];
  const size = Math.max(Math.abs(start), Math.abs(end));
  if (end - start <= Math.max(size * 1e-9, 1e-200)) {
    const half = options.whole ? 1 : size > 1e-200 ? size * 0.1 : 0.5;
    [start, end] = [start - half, end + half];
  }
  let step = niceStep((end - start) / options.ticks);
  if (options.whole) step = Math.max(1, step);
  if (options.round)
    [start, end] = [Math.floor(start / step + 1e-9) * step, Math.ceil(end / step - 1e-9) * step];
  const values = niceTicks(start, end, (end - start) / step);
  return {
    range: [start, end],
    ticks: values.map((value) => ({ value, label: tickLabel(value, step) })),
    place: (value) => from + ((value - start) / (end - start)) * (to - from),
  };
}

/** A logarithmic axis over the decades of the data; within few decades 2 and 5 are labelled too. */
export function logAxis(low: number, high: number, from: number, to: number): Axis {
  const known = low > 0 && low <= high && Number.isFinite(high);
  const [first, last] = known ? [low, high] : [0.1, 10];
  const candidates = logCandidates(first, last);
  const start = candidates.findLast((value) => value <= first * (1 + 1e-9)) ?? first;
  let end = candidates.find((value) => value >= last * (1 - 1e-9)) ?? last;
  if (end <= start) end = start * 10;
  const inside = candidates.filter((value) => value >= start && value <= end * (1 + 1e-9));
  return {
    range: [start, end],
    ticks: inside.map((value) => ({ value, label: tickLabel(value, value) })),
    place: (value) => from + (Math.log(value / start) / Math.log(end / start)) * (to - from),
  };
}

function logCandidates(low: number, high: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)) - 1, Math.ceil(Math.log10(high)) + 1];
  const decades = last - first - 2;
  const factors = decades <= 3 ? [1, 2, 5] : [1];
  const every = decades <= 8 ? 1 : Math.ceil(decades / 8);
  const values: number[] = [];
  for (let power = first; power <= last; power++) {
    if (power % every !== 0) continue;
    for (const factor of factors) values.push(Number(`${factor}e${power}`));
  }
  return values;
}

/** A value with the decimals that its step needs: "0.25", "1,000", "5e-7", "20k" for 20000. */
export function tickLabel(value: number, step: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e9 || size < 1e-4) return value.toExponential().replace('e+', 'e').replace('-', '\u2212');
  const decimals = Math.max(0, -Math.floor(Math.log10(Math.abs(step)) + 1e-9));
  const digits = value.toFixed(Math.min(decimals, 12));
  const grouped = decimals > 0 ? digits : digits.replace(/\B(?=(\d{3})+$)/g, ',');
  return grouped.replace('-', '\u2212');
}

/** A measured value for reading, three significant digits. */
export function valueText(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace('e+', 'e').replaceAll('-', '\u2212');
  const text = size >= 1000 ? tickLabel(Math.round(value), 1) : value.toPrecision(3);
  return text.replace('-', '\u2212');
}
