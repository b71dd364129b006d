// The straight line through measured points, by least squares of the relative deviations: every batch counts the same.

export interface Fit {
  readonly offset: number;
  readonly slope: number;
  /** The largest distance of a point from the line, as a share of the line's value there. */
  readonly worst: number;
}

/** y = offset + slope x; wants two points of different x at least. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Fit {
  let [w, wx, wy, wxx, wxy] = [0, 0, 0, 0, 0];
  for (const [x, y] of points) {
    const weight = 1 / (y * y);
    w += weight;
    wx += weight * x;
    wy += weight * y;
    wxx += weight * x * x;
    wxy += weight * x * y;
  }
  const determinant = w * wxx - wx * wx;
  if (!(determinant > 0)) throw new Error(`A line needs two points of different x, got ${points.length}.`);
  const slope = (w * wxy - wx * wy) / determinant;
  const offset = (wy - slope * wx) / w;
  const deviations = points.map(([x, y]) => Math.abs(y / (offset + slope * x) - 1));
  return { offset, slope, worst: Math.max(...deviations) };
}
