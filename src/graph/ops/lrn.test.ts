import { describe, expect, it } from 'vitest';
import { lrnBackwardOp, lrnOp } from './lrn.ts';
import { counting, numbers, tensor } from './testing.ts';

const x = tensor([1, 4, 1, 1], [1, 2, 3, 4]);

describe('local response normalisation', () => {
  it('divides by (k + alpha * sum of squares) ^ beta with the paper’s alpha', () => {
    const attributes = { size: 3, alpha: 1, beta: 1, k: 2, sum: true };
    expect(numbers(lrnOp, attributes, [x])).toEqual([1 / (2 + 5), 2 / (2 + 14), 3 / (2 + 29), 4 / (2 + 25)]);
  });

  it('divides alpha by the size in the form of Caffe and PyTorch', () => {
    const attributes = { size: 3, alpha: 3, beta: 1, k: 2, sum: false };
    expect(numbers(lrnOp, attributes, [x])).toEqual([1 / (2 + 5), 2 / (2 + 14), 3 / (2 + 29), 4 / (2 + 25)]);
  });

  it('reaches one channel further down than up for an even size, as PyTorch', () => {
    const attributes = { size: 2, alpha: 1, beta: 1, k: 0, sum: true };
    expect(numbers(lrnOp, attributes, [x])).toEqual([1, 2 / (1 + 4), 3 / (4 + 9), 4 / (9 + 16)]);
  });

  it('leaves other positions alone', () => {
    const attributes = { size: 5, alpha: 1, beta: 1, k: 0, sum: true };
    expect(numbers(lrnOp, attributes, [tensor([1, 2, 1, 2], [1, 5, 2, 0])])).toEqual([0.2, 0.2, 0.4, 0]);
  });

  it('says what does not fit', () => {
    const attributes = { size: 5, alpha: 1, beta: 1, k: 0, sum: true };
    expect(() => lrnOp.infer([counting(2, 3)], attributes)).toThrow('lrn got a tensor of shape 2x3');
    expect(() => lrnOp.infer([x], { ...attributes, size: 0 })).toThrow('a window of 0 channels');
    expect(() => lrnBackwardOp.infer([x, counting(1, 3, 1, 1)], attributes)).toThrow('expected 1x4x1x1');
  });
});
