import { describe, expect, it } from 'vitest';
import { normals } from '../random.ts';
import { convolutionBackwardDataOp, convolutionBackwardWeightsOp, convolutionOp } from './convolution.ts';
import { counting, evaluate, numbers, tensor } from './testing.ts';

const plain = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;

describe('convolution', () => {
  it('correlates (does not flip) and adds the bias', () => {
    const w = tensor([1, 1, 2, 2], [1, 2, 3, 4]);
    expect(numbers(convolutionOp, plain, [counting(1, 1, 3, 3), w, tensor([1], [0.5])])).toEqual([
      1 + 4 + 12 + 20 + 0.5,
      2 + 6 + 15 + 24 + 0.5,
      4 + 10 + 21 + 32 + 0.5,
      5 + 12 + 24 + 36 + 0.5,
    ]);
  });

  it('pads with zeros, strides, dilates', () => {
    const ones = tensor([1, 1, 2, 2], [1, 1, 1, 1]);
    const attributes = { ...plain, stride: [2, 1], padding: [1, 0], dilation: [1, 2] } as const;
    // Rows (-1, 0) and (1, 2) of a 3x3 picture; columns 0 and 2.
    expect(numbers(convolutionOp, attributes, [counting(1, 1, 3, 3), ones])).toEqual([1 + 3, 4 + 6 + 7 + 9]);
  });

  it('keeps groups apart', () => {
    const w = tensor([2, 1, 1, 1], [10, 100]);
    const x = tensor([1, 2, 1, 2], [1, 2, 3, 4]);
    expect(numbers(convolutionOp, { ...plain, groups: 2 }, [x, w])).toEqual([10, 20, 300, 400]);
  });

  it('has data and weight gradients that are its adjoints: <y, dy> = <x, dx> = <w, dw>', () => {
    const random = (stream: number, ...shape: number[]) => {
      const count = shape.reduce((a, b) => a * b, 1);
      return tensor(shape, Array.from(normals(4, stream, count)));
    };
    const attributes = { stride: [2, 3], padding: [1, 2], dilation: [2, 1], groups: 2 } as const;
    const [x, w] = [random(1, 2, 4, 9, 8), random(2, 6, 2, 3, 4)];
    const [y] = evaluate(convolutionOp, attributes, [x, w]);
    const dy = random(3, ...(y?.shape ?? []));
    const dx = numbers(convolutionBackwardDataOp, { ...attributes, inputShape: x.shape }, [dy, w]);
    const weights = { ...attributes, weightShape: w.shape, bias: true };
    const [dw, db] = evaluate(convolutionBackwardWeightsOp, weights, [x, dy]);
    const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Array.from(a).reduce((sum, value, i) => sum + value * (b[i] as number), 0);
    const product = dot(y?.data ?? [], dy.data);
    expect(dot(x.data, dx)).toBeCloseTo(product, 9);
    expect(dot(w.data, dw?.data ?? [])).toBeCloseTo(product, 9);
    expect(dot(db?.data ?? [], [1, 1, 1, 1, 1, 1])).toBeCloseTo(
      dot(
        dy.data,
        dy.data.map(() => 1),
      ),
      9,
    );
  });

  it('says what does not fit', () => {
    const x = counting(1, 3, 4, 4);
    const infer =
      (...inputs: Parameters<typeof convolutionOp.infer>[0][number][]) =>
      () =>
        convolutionOp.infer(inputs, plain);
    expect(infer(x, counting(2, 4, 3, 3))).toThrow('convolution got 3 channels and filters of shape 2x4x3x3');
    expect(infer(x, counting(2, 3, 5, 5))).toThrow('convolution got a 4x4 picture, which is smaller');
    expect(infer(counting(3, 4), counting(2, 3, 1, 1))).toThrow('shape 3x4, expected NxCxHxW');
    expect(infer(x, counting(2, 3, 3, 3), counting(3))).toThrow('a bias of shape 3, expected 2 numbers');
    expect(infer(x)).toThrow('convolution got 1 input(s), expected 2 to 3');
    const backward = { ...plain, inputShape: x.shape };
    expect(() =>
      convolutionBackwardDataOp.infer([counting(1, 2, 3, 3), counting(2, 3, 3, 3)], backward),
    ).toThrow('convolutionBackwardData got a gradient of shape 1x2x3x3, expected 1x2x2x2');
    const weights = { ...plain, weightShape: [2, 3, 3, 3], bias: false };
    expect(() => convolutionBackwardWeightsOp.infer([x, counting(1, 2, 3, 3)], weights)).toThrow(
      'convolutionBackwardWeights got a gradient of shape 1x2x3x3, expected 1x2x2x2',
    );
  });
});
