// Softmax, cross-entropy and the optimiser's step.
import { describe, expect, it } from 'vitest';
import { crossEntropyBackwardOp, crossEntropyOp } from './cross-entropy.ts';
import { sgdOp } from './sgd.ts';
import { softmaxBackwardOp, softmaxOp } from './softmax.ts';
import { counting, evaluate, numbers, tensor } from './testing.ts';

const ln = Math.log;

describe('softmax', () => {
  it('gives the odds exp(x)', () => {
    const y = numbers(softmaxOp, {}, [tensor([2, 3], [ln(1), ln(2), ln(5), 1000, 1000, -1000])]);
    [1 / 8, 2 / 8, 5 / 8, 0.5, 0.5, 0].forEach((p, i) => {
      expect(y[i]).toBeCloseTo(p, 14);
    });
  });

  it('says what does not fit', () => {
    expect(() => softmaxOp.infer([counting(2, 3, 1, 1)], {})).toThrow(
      'softmax got an input of shape 2x3x1x1',
    );
    expect(() => softmaxBackwardOp.infer([counting(2, 3), counting(2, 2)], {})).toThrow('expected 2x3');
  });
});

describe('crossEntropy', () => {
  const run = (rows: number[][], labels: number[], labelSmoothing = 0) => {
    const logits = tensor([rows.length, rows[0]?.length ?? 0], rows.flat());
    const outputs = evaluate(crossEntropyOp, { labelSmoothing }, [
      logits,
      tensor([labels.length], labels, 'index'),
    ]);
    const [loss, , top1, top5] = outputs.map(({ data }) => data[0] as number);
    return { loss, top1, top5, probabilities: outputs[1] };
  };
  const odds = [ln(1), ln(2), ln(5)];

  it('is the mean surprise of the labels', () => {
    expect(run([odds, odds], [2, 0]).loss).toBeCloseTo((ln(8 / 5) + ln(8)) / 2, 14);
  });

  it('smooths labels as PyTorch does', () => {
    const even = (ln(8) + ln(4) + ln(8 / 5)) / 3;
    expect(run([odds], [2], 0.1).loss).toBeCloseTo(0.9 * ln(8 / 5) + 0.1 * even, 14);
  });

  it('ignores negative labels, and gives 0 where none is left', () => {
    expect(run([odds, odds], [-1, 0])).toMatchObject({ top1: 0, top5: 1 });
    expect(run([odds, odds], [-1, 0]).loss).toBeCloseTo(ln(8), 14);
    expect(run([odds], [-100])).toMatchObject({ loss: 0, top1: 0, top5: 0 });
  });

  it('counts a label as right among k if fewer than k logits are strictly greater', () => {
    const seven = [7, 6, 5, 4, 3, 2, 1];
    expect(run([seven, seven, seven], [0, 4, 5])).toMatchObject({ top1: 1, top5: 2 });
    expect(run([[1, 1, 0]], [1])).toMatchObject({ top1: 1 });
  });

  it('counts a row with NaN as wrong, and does not hide it from the loss', () => {
    const { loss, top1, top5 } = run([[Number.NaN, 1, 2]], [2]);
    expect([loss, top1, top5]).toEqual([Number.NaN, 0, 0]);
  });

  it('stays finite for huge logits', () => {
    expect(run([[1e4, -1e4]], [1]).loss).toBe(2e4);
  });

  it('has the gradient (p - target) / counted rows', () => {
    const p = tensor([2, 2], [0.25, 0.75, 0.5, 0.5]);
    const dloss = tensor([], [2]);
    const gradient = (labels: number[], labelSmoothing: number) =>
      numbers(crossEntropyBackwardOp, { labelSmoothing }, [p, tensor([2], labels, 'index'), dloss]);
    expect(gradient([0, 1], 0)).toEqual([-0.75, 0.75, 0.5, -0.5]);
    expect(gradient([0, -1], 0)).toEqual([-1.5, 1.5, 0, 0]);
    expect(gradient([0, 1], 0.5)).toEqual([-0.5, 0.5, 0.25, -0.25]);
    expect(gradient([-1, -1], 0)).toEqual([0, 0, 0, 0]);
  });

  it('says what does not fit', () => {
    expect(() => run([odds], [3])).toThrow('crossEntropy got the label 3 in row 0, expected less than 3');
    expect(() => run([odds], [0, 1])).toThrow('crossEntropy got labels of shape 2, expected 1');
    expect(() => run([odds], [0], 2)).toThrow('label smoothing 2');
    const float = [counting(1, 3), counting(1)];
    expect(() => crossEntropyOp.infer(float, { labelSmoothing: 0 })).toThrow(
      "expected whole numbers ('index')",
    );
    const backward = [counting(1, 3), tensor([1], [0], 'index'), counting(1)];
    expect(() => crossEntropyBackwardOp.infer(backward, { labelSmoothing: 0 })).toThrow('expected scalar');
  });
});

describe('sgd', () => {
  const step = (momentum: number, weightDecay: number, nesterov: boolean) => {
    const inputs = [tensor([1], [2]), tensor([1], [3]), tensor([1], [10]), tensor([], [0.5])];
    return evaluate(sgdOp, { momentum, weightDecay, nesterov }, inputs).map(({ data }) => data[0]);
  };

  it('follows PyTorch’s formulas', () => {
    expect(step(0, 0, false)).toEqual([2 - 0.5 * 3, 3]);
    expect(step(0.5, 0, false)).toEqual([2 - 0.5 * 8, 8]);
    expect(step(0.5, 0.25, false)).toEqual([2 - 0.5 * 8.5, 8.5]);
    expect(step(0.5, 0.25, true)).toEqual([2 - 0.5 * (3.5 + 0.5 * 8.5), 8.5]);
  });

  it('says what does not fit', () => {
    const attributes = { momentum: 0, weightDecay: 0, nesterov: false };
    const [w, lr] = [counting(2), tensor([], [1])];
    expect(() => sgdOp.infer([w, counting(3), w, lr], attributes)).toThrow(
      'sgd got a gradient of shape 3, expected 2',
    );
    expect(() => sgdOp.infer([w, w, w, w], attributes)).toThrow(
      'a learning rate of shape 2, expected scalar',
    );
  });
});
