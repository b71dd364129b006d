import { describe, expect, it } from 'vitest';
import { linearBackwardDataOp, linearBackwardWeightsOp, linearOp } from './linear.ts';
import { counting, evaluate, numbers, tensor } from './testing.ts';

describe('linear', () => {
  const x = tensor([2, 3], [1, 2, 3, 4, 5, 6]);
  const w = tensor([2, 3], [1, 0, -1, 2, 2, 2]);

  it('multiplies by the transposed weights and adds the bias', () => {
    expect(numbers(linearOp, {}, [x, w])).toEqual([-2, 12, -2, 30]);
    expect(numbers(linearOp, {}, [x, w, tensor([2], [10, 20])])).toEqual([8, 32, 8, 50]);
  });

  it('has its gradients', () => {
    const dy = tensor([2, 2], [1, 2, 3, 4]);
    expect(numbers(linearBackwardDataOp, {}, [dy, w])).toEqual([5, 4, 3, 11, 8, 5]);
    const [dw, db] = evaluate(linearBackwardWeightsOp, { bias: true }, [x, dy]);
    expect(Array.from(dw?.data ?? [])).toEqual([13, 17, 21, 18, 24, 30]);
    expect(Array.from(db?.data ?? [])).toEqual([4, 6]);
  });

  it('says what does not fit', () => {
    expect(() => linearOp.infer([x, counting(2, 4)], {})).toThrow(
      'linear got 3 features and weights of shape 2x4, expected weights of shape 2x3',
    );
    expect(() => linearOp.infer([counting(2, 3, 1, 1), w], {})).toThrow('shape 2x3x1x1, expected two axes');
    expect(() => linearOp.infer([x, w, counting(3)], {})).toThrow('a bias of shape 3, expected 2');
    expect(() => linearBackwardDataOp.infer([counting(2, 3), w], {})).toThrow('expected 2x2');
    expect(() => linearBackwardWeightsOp.infer([x, counting(3, 2)], { bias: false })).toThrow('expected 2x2');
  });
});
