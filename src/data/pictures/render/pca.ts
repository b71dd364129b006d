// Eigenvalues and eigenvectors of a small symmetric matrix, by Jacobi's rotations: each makes one element off the
// diagonal zero; after a few sweeps all are.

export interface Eigen {
  /** Largest first. */
  readonly values: readonly number[];
  /** `vectors[i]` belongs to `values[i]`: length 1, its largest component positive. */
  readonly vectors: readonly (readonly number[])[];
}

/** Of a symmetric matrix, given as its rows. */
export function symmetricEigen(matrix: readonly (readonly number[])[]): Eigen {
  const n = matrix.length;
  const a = matrix.map((row) => Float64Array.from(row));
  const v = matrix.map((_, i) => Float64Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
  const at = (m: Float64Array[], i: number, j: number): number => (m[i] as Float64Array)[j] as number;
  /** Turns rows or columns p and q of m by the angle with this cosine and sine. */
  const turnColumns = (m: Float64Array[], p: number, q: number, c: number, s: number): void => {
    for (const row of m) {
      const [x, y] = [row[p] as number, row[q] as number];
      row[p] = c * x - s * y;
      row[q] = s * x + c * y;
    }
  };
  const turnRows = (m: Float64Array[], p: number, q: number, c: number, s: number): void => {
    const [rowP, rowQ] = [m[p] as Float64Array, m[q] as Float64Array];
    for (let j = 0; j < n; j++) {
      const [x, y] = [rowP[j] as number, rowQ[j] as number];
      rowP[j] = c * x - s * y;
      rowQ[j] = s * x + c * y;
    }
  };
  for (let sweep = 0; sweep < 50; sweep++) {
    let off = 0;
    let size = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        size += at(a, i, j) ** 2;
        if (i !== j) off += at(a, i, j) ** 2;
      }
    }
    if (off <= 1e-30 * size) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const angle = 0.5 * Math.atan2(2 * at(a, p, q), at(a, q, q) - at(a, p, p));
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        turnColumns(a, p, q, c, s);
        turnRows(a, p, q, c, s);
        turnColumns(v, p, q, c, s);
      }
    }
  }
  const places = matrix.map((_, i) => i).sort((i, j) => at(a, j, j) - at(a, i, i));
  const vectors = places.map((place) => {
    const vector = v.map((row) => row[place] as number);
    const largest = vector.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
    return vector.map((x) => (largest < 0 ? -x : x));
  });
  return { values: places.map((i) => at(a, i, i)), vectors };
}
