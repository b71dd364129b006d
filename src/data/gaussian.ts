// Draws that are not uniform, from a stream of uniform ones.

/** A draw from N(0, 1): Box and Muller's transform, its first half. */
export function gaussian(random: () => number): number {
  // 1 - u is never 0.
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return radius * Math.cos(2 * Math.PI * random());
}

/** A draw from Gamma(shape, 1), shape above 0: Marsaglia and Tsang 2000, with their step for shapes below 1. */
export function gamma(shape: number, random: () => number): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = gaussian(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A draw from Beta(alpha, alpha), alpha above 0. */
export function symmetricBeta(alpha: number, random: () => number): number {
  const a = gamma(alpha, random);
  const b = gamma(alpha, random);
  // Both underflow for tiny alphas, whose mass lies at the ends.
  return a + b === 0 ? Math.round(random()) : a / (a + b);
}
