import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { createGraph, input, markOutput, state } from '../graph.ts';
import { batchNorm, batchNormBackwardOp, batchNormInferenceOp, batchNormTrainingOp } from './batch-norm.ts';
import { movingAverageOp } from './moving-average.ts';
import { counting, evaluate, numbers, tensor } from './testing.ts';

describe('batch normalisation', () => {
  it('takes mean and biased variance per channel over batch and positions', () => {
    // Channel 0 holds 1, 3, 5, 7 (mean 4, variance 5); channel 1 is constant.
    const x = tensor([2, 2, 1, 2], [1, 3, 9, 9, 5, 7, 9, 9]);
    const [y, mean, variance] = evaluate(batchNormTrainingOp, { epsilon: 4 }, [
      x,
      tensor([2], [3, 2]),
      tensor([2], [10, -1]),
    ]);
    // sqrt(5 + 4) = 3, so that gamma 3 leaves x - mean.
    expect(Array.from(y?.data ?? [])).toEqual([7, 9, -1, -1, 11, 13, -1, -1]);
    expect(Array.from(mean?.data ?? [])).toEqual([4, 9]);
    expect(Array.from(variance?.data ?? [])).toEqual([5, 0]);
  });

  it('uses given statistics in inference, for NxC too', () => {
    const vectors = [
      [2, 2],
      [1, 0],
      [5, 7],
      [8, 3],
    ].map((v) => tensor([2], v));
    expect(numbers(batchNormInferenceOp, { epsilon: 1 }, [tensor([1, 2], [8, 9]), ...vectors])).toEqual([
      3, 2,
    ]);
  });

  it('has a gradient that is orthogonal to shifts and scalings of the batch', () => {
    const x = tensor([4, 1], [1, 2, 4, 9]);
    const mean = tensor([1], [4]);
    const variance = tensor([1], [9.5]);
    const dy = tensor([4, 1], [1, -2, 0.5, 3]);
    const attributes = { epsilon: 0, globalStatistics: false };
    const dx = numbers(batchNormBackwardOp, attributes, [x, dy, tensor([1], [2]), mean, variance]);
    expect(dx.reduce((a, b) => a + b)).toBeCloseTo(0, 12);
    expect(dx.reduce((sum, d, i) => sum + d * (x.data[i] as number), 0)).toBeCloseTo(0, 12);
  });

  it('moves the running statistics as PyTorch does: momentum 0.1, unbiased variance', () => {
    const graph = createGraph();
    const vector = (name: string, value: number, role: 'parameter' | 'buffer') =>
      state(graph, name, [1], role, { kind: 'constant', value });
    const parameters = {
      gamma: vector('gamma', 1, 'parameter'),
      beta: vector('beta', 0, 'parameter'),
      runningMean: vector('mean', 2, 'buffer'),
      runningVariance: vector('variance', 1, 'buffer'),
    };
    const x = input(graph, 'x', [1, 1, 2, 2]);
    markOutput('y', batchNorm(x, parameters, { epsilon: 1e-5, momentum: 0.1, training: true }));
    const program = createReferenceEngine().compile(graph);
    program.run({ x: Float32Array.of(1, 3, 5, 7) });
    expect(program.read('mean')[0]).toBeCloseTo(0.9 * 2 + 0.1 * 4, 6);
    expect(program.read('variance')[0]).toBeCloseTo(0.9 + (0.1 * 20) / 3, 6);
    expect(program.read('gamma')[0]).toBe(1);
  });

  it('movingAverage weighs old and new', () => {
    const [running, sample] = [tensor([2], [1, 2]), tensor([2], [3, 4])];
    expect(numbers(movingAverageOp, { momentum: 0.25, scale: 2 }, [running, sample])).toEqual([2.25, 3.5]);
  });

  it('says what does not fit', () => {
    const x = counting(2, 3, 2, 2);
    const c = counting(3);
    expect(() => batchNormTrainingOp.infer([x, counting(2), c], { epsilon: 0 })).toThrow(
      'batchNormTraining got a gamma of shape 2, expected 3',
    );
    expect(() => batchNormInferenceOp.infer([x, c, c, c, counting(4)], { epsilon: 0 })).toThrow(
      'a variance of shape 4',
    );
    expect(() => batchNormTrainingOp.infer([counting(3), c, c], { epsilon: 0 })).toThrow(
      'expected NxCxHxW or NxC',
    );
    const backward = { epsilon: 0, globalStatistics: false };
    expect(() => batchNormBackwardOp.infer([x, counting(2, 3), c, c, c], backward)).toThrow(
      'expected 2x3x2x2',
    );
    expect(() => movingAverageOp.infer([c, counting(2)], { momentum: 1, scale: 1 })).toThrow('expected 3');
    const graph = createGraph();
    const vector = (name: string) => state(graph, name, [3], 'buffer', { kind: 'constant', value: 0 });
    const parameters = {
      gamma: vector('g'),
      beta: vector('b'),
      runningMean: vector('m'),
      runningVariance: vector('v'),
    };
    const one = input(graph, 'x', [1, 3]);
    expect(() => batchNorm(one, parameters, { epsilon: 1e-5, momentum: 0.1, training: true })).toThrow(
      'expected more than one value per channel',
    );
  });
});
