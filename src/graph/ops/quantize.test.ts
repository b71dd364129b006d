import { describe, expect, it } from 'vitest';
import { createGraph, input } from '../graph.ts';
import { quantize, quantizeOp, roundHalfEven } from './quantize.ts';

const shape = [2, 3];

function evaluated(
  values: readonly number[],
  scales: readonly number[],
  low: number,
  high: number,
): number[] {
  const y = new Float32Array(values.length);
  quantizeOp.evaluate({
    attributes: { scales: Float32Array.from(scales), low, high },
    inputs: [Float32Array.from(values)],
    inputShapes: [shape],
    outputs: [y],
    outputShapes: [shape],
  });
  return [...y];
}

describe('quantize', () => {
  it('rounds to multiples of the scale, halves to the even one, and cuts what is beyond', () => {
    expect(evaluated([0.25, 0.75, 1.25, -0.6, 99, -99], [0.5], -3, 4)).toEqual([0, 1, 1, -0.5, 2, -1.5]);
  });

  it('has a scale for each index of the first axis', () => {
    expect(evaluated([0.6, 1.4, 2.6, 0.6, 1.4, 2.6], [1, 2], 0, 255)).toEqual([1, 1, 3, 0, 2, 2]);
  });

  it('rounds as IEEE 754 does', () => {
    expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999].map(roundHalfEven)).toEqual([-2, -2, -0, 0, 2, 2, 2]);
  });

  it('refuses scales and ranges that mean nothing', () => {
    const x = input(createGraph(), 'x', shape);
    const given = (scales: readonly number[], low: number, high: number) => () =>
      quantize(x, { scales: Float32Array.from(scales), low, high });
    expect(given([1, 2, 3], 0, 255)).toThrow('quantize got 3 scales, expected 1 or 2.');
    expect(given([0], 0, 255)).toThrow('quantize got the scale 0, expected positive numbers.');
    expect(given([1], -1, 255)).toThrow('quantize got the range -1..255');
  });
});
