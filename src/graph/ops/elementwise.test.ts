import { describe, expect, it } from 'vitest';
import { addOp } from './add.ts';
import { multiplyOp } from './multiply.ts';
import { reluBackwardOp, reluOp } from './relu.ts';
import { sigmoidBackwardOp, sigmoidOp } from './sigmoid.ts';
import { sumToOp } from './sum-to.ts';
import { tanhBackwardOp, tanhOp } from './tanh.ts';
import { counting, numbers, tensor } from './testing.ts';

const x = tensor([4], [-1, 0, 0.5, 2]);
const dy = tensor([4], [10, 10, 10, 10]);

describe('activations', () => {
  it('relu passes what is positive, and gradients where its output is', () => {
    expect(numbers(reluOp, {}, [x])).toEqual([0, 0, 0.5, 2]);
    expect(numbers(reluBackwardOp, {}, [tensor([4], [0, 0, 0.5, 2]), dy])).toEqual([0, 0, 10, 10]);
  });

  it('tanh and sigmoid, also far out', () => {
    const wide = tensor([3], [0, 1, -800]);
    expect(numbers(tanhOp, {}, [wide])).toEqual([0, Math.tanh(1), -1]);
    expect(numbers(sigmoidOp, {}, [wide])).toEqual([0.5, 1 / (1 + Math.exp(-1)), 0]);
    const y = tensor([2], [0.5, -1]);
    expect(numbers(tanhBackwardOp, {}, [y, tensor([2], [4, 4])])).toEqual([3, 0]);
    expect(numbers(sigmoidBackwardOp, {}, [tensor([2], [0.5, 1]), tensor([2], [4, 4])])).toEqual([1, 0]);
  });

  it('say what does not fit', () => {
    expect(() => tanhBackwardOp.infer([counting(2, 3), counting(3, 2)], {})).toThrow(
      'tanhBackward got an output of shape 2x3 and a gradient of shape 3x2',
    );
  });
});

describe('add and multiply', () => {
  it('add number to number', () => {
    expect(numbers(addOp, {}, [x, dy])).toEqual([9, 10, 10.5, 12]);
  });

  it('repeat a factor along its axes of size 1', () => {
    const a = counting(2, 2, 2);
    expect(numbers(multiplyOp, {}, [a, tensor([2, 1, 2], [1, 10, 100, 1000])])).toEqual([
      1, 20, 3, 40, 500, 6000, 700, 8000,
    ]);
    expect(numbers(sumToOp, { shape: [1, 2, 1] }, [a])).toEqual([1 + 2 + 5 + 6, 3 + 4 + 7 + 8]);
  });

  it('say what does not fit', () => {
    expect(() => addOp.infer([counting(2, 3), counting(2, 1)], {})).toThrow(
      'add got a second operand of shape 2x1, expected 2x3',
    );
    expect(() => addOp.infer([x, { ...x, precision: 'compute' }], {})).toThrow('full and compute precision');
    expect(() => multiplyOp.infer([counting(2, 3), counting(2)], {})).toThrow(
      'multiply got operands of shape 2x3 and 2',
    );
    expect(() => sumToOp.infer([counting(2, 3)], { shape: [2, 2] })).toThrow('the target 2x2');
    expect(() => addOp.infer([tensor([1], [1], 'index'), tensor([1], [1], 'index')], {})).toThrow(
      "whole numbers ('index')",
    );
  });
});
