import { describe, expect, it } from 'vitest';
import { wave } from '../weights/onnx/testing.ts';
import { numbersOf } from '../weights/quantised-file.ts';
import { codeWeights } from './weights.ts';

describe('coded weights', () => {
  it('stay within seven bits and half a step of each channel', () => {
    const weights = wave(4 * 50).map((value, i) => value * 10 ** -Math.floor(i / 50));
    const { codes, scales } = codeWeights(weights, [4, 50]);
    expect(Math.max(...codes.map(Math.abs))).toBeLessThanOrEqual(64);
    const back = numbersOf(codes, scales);
    for (const [i, weight] of weights.entries()) {
      const step = scales[Math.floor(i / 50)] as number;
      expect(Math.abs((back[i] as number) - weight)).toBeLessThanOrEqual(0.12 * 64 * step);
    }
    const error = weights.reduce((sum, weight, i) => sum + (weight - (back[i] as number)) ** 2, 0);
    const size = weights.reduce((sum, weight) => sum + weight ** 2, 0);
    expect(Math.sqrt(error / size)).toBeLessThan(0.01);
  });

  it('of a channel of zeros are zeros', () => {
    const { codes, scales } = codeWeights(new Float32Array(6), [2, 3]);
    expect([...codes]).toEqual([0, 0, 0, 0, 0, 0]);
    expect([...scales]).toEqual([1, 1]);
  });
});
