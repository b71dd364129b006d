import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normals } from '../random.ts';
import { adaptiveAveragePoolBackwardOp, adaptiveAveragePoolOp } from './adaptive-average-pool.ts';
import { averagePoolBackwardOp, averagePoolOp } from './average-pool.ts';
import { maxPoolBackwardOp, maxPoolOp } from './max-pool.ts';
import { type PoolingAttributes, poolingAttributes, poolingOutputShape } from './pooling.ts';
import { counting, evaluate, numbers, tensor } from './testing.ts';

describe('output sizes (as PyTorch counts them)', () => {
  const height = (size: number, kernel: number, stride: number, padding: number, ceil: boolean) =>
    poolingOutputShape(
      'maxPool',
      [1, 1, size, size],
      poolingAttributes({ kernel, stride, padding, ceil }),
    )[2];

  it.each([
    [55, 3, 2, 0, false, 27], // AlexNet
    [110, 3, 2, 1, false, 55], // ZFNet
    [112, 3, 2, 0, true, 56], // GoogLeNet
    [7, 2, 2, 0, false, 3],
    [7, 2, 2, 0, true, 4],
    [5, 3, 2, 1, true, 3],
    [6, 2, 2, 1, true, 4],
    [4, 2, 3, 0, true, 2],
    [3, 2, 3, 0, true, 1], // A second window would start beyond the picture.
    [5, 2, 2, 1, true, 3], // A fourth window would start in the right padding.
  ])('%i, kernel %i, stride %i, padding %i, ceil %s: %i', (size, kernel, stride, padding, ceil, expected) => {
    expect(height(size, kernel, stride, padding, ceil)).toBe(expected);
  });

  it('say what does not fit', () => {
    expect(() => height(4, 3, 1, 2, false)).toThrow(
      'maxPool got padding 2x2 with kernel 3x3, expected at most half',
    );
    expect(() => height(2, 3, 1, 0, false)).toThrow(
      'maxPool got a 2x2 picture, expected at least its kernel, 3x3',
    );
    expect(() => height(4, 3, 0, 0, false)).toThrow('stride 0x0');
    expect(() => maxPoolOp.infer([counting(3, 4)], poolingAttributes({ kernel: 2 }))).toThrow('shape 3x4');
  });
});

describe('maxPool', () => {
  it('gives maxima and switches, the first in row order on ties', () => {
    const x = tensor([1, 1, 3, 4], [5, 5, 1, 2, 5, 5, 9, 2, 0, 0, 9, 3]);
    const [y, switches] = evaluate(maxPoolOp, poolingAttributes({ kernel: 2, stride: 1 }), [x]);
    expect(Array.from(y?.data ?? [])).toEqual([5, 9, 9, 5, 9, 9]);
    expect(Array.from(switches?.data ?? [])).toEqual([0, 6, 6, 4, 6, 6]);
  });

  it('never takes the padding, even where all pixels are negative', () => {
    const x = tensor([1, 1, 2, 2], [-4, -3, -2, -1]);
    const [y, switches] = evaluate(maxPoolOp, poolingAttributes({ kernel: 2, stride: 2, padding: 1 }), [x]);
    expect(Array.from(y?.data ?? [])).toEqual([-4, -3, -2, -1]);
    expect(Array.from(switches?.data ?? [])).toEqual([0, 1, 2, 3]);
  });

  it('does not lose a NaN', () => {
    const x = tensor([1, 1, 2, 2], [1, Number.NaN, 7, 8]);
    expect(numbers(maxPoolOp, poolingAttributes({ kernel: 2 }), [x])).toEqual([Number.NaN]);
  });

  it('unpools onto the switches of each plane, adding where windows share one', () => {
    const attributes = { ...poolingAttributes({ kernel: 2, stride: 1 }), inputShape: [1, 2, 2, 3] };
    const dy = tensor([1, 2, 1, 2], [10, 1, 5, 7]);
    const switches = tensor([1, 2, 1, 2], [4, 4, 0, 5], 'index');
    expect(numbers(maxPoolBackwardOp, attributes, [dy, switches])).toEqual([
      0, 0, 0, 0, 11, 0, 5, 0, 0, 0, 0, 7,
    ]);
  });

  it('unpool(pool(x)) keeps exactly the maxima', () => {
    const x = tensor([2, 3, 6, 6], Array.from(normals(1, 2, 216)));
    const attributes = poolingAttributes({ kernel: 2 });
    const [y, switches] = evaluate(maxPoolOp, attributes, [x]);
    if (!y || !switches) throw new Error('no output');
    const kept = numbers(maxPoolBackwardOp, { ...attributes, inputShape: x.shape }, [y, switches]);
    expect(kept.filter((value, i) => value !== 0 && value !== x.data[i])).toEqual([]);
    expect(kept.filter((value) => value !== 0).length).toBe(y.data.length);
  });

  it('refuses switches that point outside of the plane', () => {
    const attributes = { ...poolingAttributes({ kernel: 2 }), inputShape: [1, 1, 2, 2] };
    const dy = counting(1, 1, 1, 1);
    expect(() => numbers(maxPoolBackwardOp, attributes, [dy, tensor([1, 1, 1, 1], [4], 'index')])).toThrow(
      'maxPoolBackward got the switch 4, expected 0 to 3',
    );
    expect(() => maxPoolBackwardOp.infer([dy, dy], attributes)).toThrow("expected whole numbers ('index')");
    expect(() => maxPoolBackwardOp.infer([counting(1, 1, 2, 2), dy], attributes)).toThrow('expected 1x1x1x1');
  });
});

/** The mean of a window by walking it pixel by pixel, padding included where it is counted. */
function naiveAverage(
  x: Float64Array,
  h: number,
  w: number,
  a: PoolingAttributes,
  includePad: boolean,
): number[] {
  const [, , oh, ow] = poolingOutputShape('averagePool', [1, 1, h, w], a) as [number, number, number, number];
  const means: number[] = [];
  for (let i = 0; i < oh; i++) {
    for (let j = 0; j < ow; j++) {
      let [sum, count] = [0, 0];
      for (let u = 0; u < a.kernel[0]; u++) {
        for (let v = 0; v < a.kernel[1]; v++) {
          const [row, column] = [i * a.stride[0] - a.padding[0] + u, j * a.stride[1] - a.padding[1] + v];
          const inside = row >= 0 && row < h && column >= 0 && column < w;
          const padded = row < h + a.padding[0] && column < w + a.padding[1];
          if (inside) sum += x[row * w + column] as number;
          if (inside || (includePad && padded)) count++;
        }
      }
      means.push(sum / count);
    }
  }
  return means;
}

describe('averagePool', () => {
  it('is the mean of each window over what its divisor counts', () => {
    const options = fc.record({
      h: fc.integer({ min: 3, max: 9 }),
      w: fc.integer({ min: 3, max: 9 }),
      kernel: fc.integer({ min: 1, max: 3 }),
      stride: fc.integer({ min: 1, max: 4 }),
      half: fc.boolean(),
      ceil: fc.boolean(),
      countIncludePad: fc.boolean(),
    });
    fc.assert(
      fc.property(options, ({ h, w, kernel, stride, half, ceil, countIncludePad }) => {
        const a = poolingAttributes({ kernel, stride, padding: half ? Math.floor(kernel / 2) : 0, ceil });
        const x = Float64Array.from(normals(1, h * 10 + w, h * w));
        const got = numbers(averagePoolOp, { ...a, countIncludePad }, [tensor([1, 1, h, w], [...x])]);
        const expected = naiveAverage(x, h, w, a, countIncludePad);
        expect(got.length).toBe(expected.length);
        got.forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i] as number, 12);
        });
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it('says what does not fit', () => {
    const attributes = {
      ...poolingAttributes({ kernel: 2 }),
      countIncludePad: true,
      inputShape: [1, 1, 4, 4],
    };
    expect(() => averagePoolBackwardOp.infer([counting(1, 1, 3, 3)], attributes)).toThrow(
      'averagePoolBackward got a gradient of shape 1x1x3x3, expected 1x1x2x2 for an input of 1x1x4x4',
    );
  });
});

describe('adaptiveAveragePool', () => {
  it('takes the bins that PyTorch takes', () => {
    // Bins of 5 to 3: 0-1, 1-3, 3-4.
    const x = tensor([1, 1, 1, 5], [1, 2, 3, 4, 5]);
    expect(numbers(adaptiveAveragePoolOp, { output: [1, 3] }, [x])).toEqual([1.5, 3, 4.5]);
  });

  it('says what does not fit', () => {
    expect(() => adaptiveAveragePoolOp.infer([counting(1, 1, 4, 4)], { output: [0, 2] })).toThrow(
      'output size 0x2',
    );
    const attributes = { output: [2, 2], inputShape: [1, 1, 5, 5] } as const;
    expect(() => adaptiveAveragePoolBackwardOp.infer([counting(1, 1, 3, 3)], attributes)).toThrow(
      'expected 1x1x2x2',
    );
  });
});
