import { describe, expect, it } from 'vitest';
import { randomStream } from '../../random.ts';
import { symmetricEigen } from './pca.ts';

describe('symmetricEigen', () => {
  it('finds what numpy.linalg.eigh finds', () => {
    const { values, vectors } = symmetricEigen([
      [0.0784, 0.0641, 0.0536],
      [0.0641, 0.0752, 0.0662],
      [0.0536, 0.0662, 0.0808],
    ]);
    const wanted = {
      values: [0.2008116498378533, 0.02599343201008453, 0.007594918152062222],
      vectors: [
        [0.5626292698165101, 0.5914986869130117, 0.5775617786227928],
        [0.7239226145719219, -0.015125695160665864, -0.6897153481380992],
        [-0.3992296993675358, 0.8061640755616006, -0.4367094347696385],
      ],
    };
    for (const i of [0, 1, 2]) {
      expect(values[i]).toBeCloseTo(wanted.values[i] as number, 12);
      for (const j of [0, 1, 2]) expect(vectors[i]?.[j]).toBeCloseTo(wanted.vectors[i]?.[j] as number, 10);
    }
  });

  it('takes matrices apart into orthonormal vectors', () => {
    const random = randomStream(1);
    for (let round = 0; round < 50; round++) {
      const half = Array.from({ length: 3 }, () => Array.from({ length: 3 }, () => random() - 0.5));
      const matrix = half.map((row, i) => row.map((x, j) => x + (half[j]?.[i] as number)));
      const { values, vectors } = symmetricEigen(matrix);
      for (const [i, vector] of vectors.entries()) {
        const image = matrix.map((row) => row.reduce((sum, x, j) => sum + x * (vector[j] as number), 0));
        for (const [j, x] of image.entries())
          expect(x).toBeCloseTo((values[i] as number) * (vector[j] as number), 10);
        for (const [j, other] of vectors.entries()) {
          const product = vector.reduce((sum, x, k) => sum + x * (other[k] as number), 0);
          expect(product).toBeCloseTo(i === j ? 1 : 0, 10);
        }
      }
      expect([...values]).toEqual(values.toSorted((a, b) => b - a));
    }
  });

  it('takes diagonal and zero matrices as they are', () => {
    expect(
      symmetricEigen([
        [1, 0, 0],
        [0, 3, 0],
        [0, 0, 2],
      ]),
    ).toEqual({
      values: [3, 2, 1],
      vectors: [
        [0, 1, 0],
        [0, 0, 1],
        [1, 0, 0],
      ],
    });
    expect(
      symmetricEigen([
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
      ]).values,
    ).toEqual([0, 0, 0]);
  });
});
