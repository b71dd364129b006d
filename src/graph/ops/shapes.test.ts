// The ops that only move numbers: concat, slice, pad, reshape.
import { describe, expect, it } from 'vitest';
import { createGraph, input } from '../graph.ts';
import { concatOp } from './concat.ts';
import { flatten, reshapeOp } from './reshape.ts';
import { padOp, shortcutA, sliceOp } from './slice-pad.ts';
import { counting, evaluate, numbers, tensor } from './testing.ts';

describe('concat', () => {
  it('lays tensors one after another along the axis', () => {
    const b = tensor([2, 1], [10, 20]);
    expect(numbers(concatOp, { axis: 1 }, [counting(2, 2), b])).toEqual([1, 2, 10, 3, 4, 20]);
    expect(numbers(concatOp, { axis: 0 }, [counting(1, 2), counting(2, 2)])).toEqual([1, 2, 1, 2, 3, 4]);
  });

  it('says what does not fit', () => {
    expect(() => concatOp.infer([counting(2, 2), counting(3, 2)], { axis: 1 })).toThrow(
      'concat got tensors of shape 2x2 and 3x2, expected the same sizes except along axis 1',
    );
    expect(() => concatOp.infer([counting(2, 2)], { axis: 2 })).toThrow('concat got axis 2');
    const mixed = [counting(2, 2), { ...counting(2, 2), precision: 'compute' as const }];
    expect(() => concatOp.infer(mixed, { axis: 1 })).toThrow('full and compute precision');
  });
});

describe('slice and pad', () => {
  it('take every step-th element from the start', () => {
    expect(numbers(sliceOp, { start: [1, 0], size: [1, 2], step: [1, 2] }, [counting(2, 3)])).toEqual([4, 6]);
  });

  it('put zeros before, after and between', () => {
    const [y] = evaluate(padOp, { before: [1, 0], after: [0, 1], interior: [0, 1] }, [counting(1, 2)]);
    expect(y?.shape).toEqual([2, 4]);
    expect(Array.from(y?.data ?? [])).toEqual([0, 0, 0, 0, 1, 0, 2, 0]);
  });

  it('say what does not fit', () => {
    const x = counting(2, 3);
    expect(() => sliceOp.infer([x], { start: [0, 1], size: [2, 2], step: [1, 2] })).toThrow(
      'slice got start 1, size 2, step 2 on axis 1, expected elements that lie in a tensor of shape 2x3',
    );
    expect(() => sliceOp.infer([x], { start: [0], size: [2, 2], step: [1, 1] })).toThrow(
      '1 number(s) for start',
    );
    expect(() => padOp.infer([x], { before: [0, -1], after: [0, 0], interior: [0, 0] })).toThrow(
      'before [0, -1]',
    );
  });
});

describe('shortcutA', () => {
  it('takes every second pixel and adds channels of zeros on both sides', () => {
    const graph = createGraph();
    const y = shortcutA(input(graph, 'x', [1, 16, 5, 5]), 32, 2);
    expect(y.shape).toEqual([1, 32, 3, 3]);
    expect(graph.nodes.map(({ op }) => op.name)).toEqual(['slice', 'pad']);
    expect(graph.nodes[1]?.attributes).toMatchObject({ before: [0, 8, 0, 0], after: [0, 8, 0, 0] });
  });

  it('is the identity where nothing changes', () => {
    const x = input(createGraph(), 'x', [1, 16, 5, 5]);
    expect(shortcutA(x, 16, 1)).toBe(x);
    expect(() => shortcutA(x, 8, 1)).toThrow('shortcutA got 16 channels to carry into 8');
  });
});

describe('reshape', () => {
  it('keeps the numbers in order', () => {
    expect(numbers(reshapeOp, { shape: [3, 2] }, [counting(2, 3)])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(flatten(input(createGraph(), 'x', [2, 3, 4, 5])).shape).toEqual([2, 60]);
  });

  it('says what does not fit', () => {
    expect(() => reshapeOp.infer([counting(2, 3)], { shape: [7] })).toThrow(
      'reshape got a tensor of shape 2x3',
    );
  });
});
