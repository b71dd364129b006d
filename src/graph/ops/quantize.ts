// Fake quantisation, y = s clamp(round(x / s), low, high): a value as it comes back from whole numbers of eight bits
// (Jacob et al. 2018, section 2.1, without zero points; ties go to the even number, as oneDNN and ONNX have it). One
// scale s for all, or one for each index of the first axis, as the filters of a convolution have them. An engine may
// keep the whole numbers themselves, and multiply them, wherever that gives the same result.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { expectFloat, expectInputs } from './checks.ts';
import { sameAsFirst } from './elementwise.ts';

export interface QuantizeAttributes {
  /** Positive; one number, or as many as the first axis is long. */
  readonly scales: Float32Array;
  /** The least and the largest whole number: within 0..255, or within -128..127. */
  readonly low: number;
  readonly high: number;
}

export const quantizeOp: OpDefinition<QuantizeAttributes> = {
  name: 'quantize',
  infer(inputs, { scales, low, high }) {
    const [x] = expectInputs('quantize', inputs, 1);
    if (x === undefined) return [];
    expectFloat('quantize', 'a tensor', x);
    if (scales.length !== 1 && scales.length !== x.shape[0]) {
      throw new Error(`quantize got ${scales.length} scales, expected 1 or ${x.shape[0] ?? 1}.`);
    }
    const wrong = scales.find((scale) => !(scale > 0 && Number.isFinite(scale)));
    if (wrong !== undefined) throw new Error(`quantize got the scale ${wrong}, expected positive numbers.`);
    const fits = (least: number, most: number): boolean => low >= least && high <= most;
    if (!Number.isInteger(low) || !Number.isInteger(high) || !(fits(0, 255) || fits(-128, 127))) {
      throw new Error(`quantize got the range ${low}..${high}, expected one within 0..255 or -128..127.`);
    }
    return sameAsFirst(inputs);
  },
  evaluate({ inputs: [x], outputs: [y], attributes: { scales, low, high } }) {
    if (!x || !y) return;
    const block = x.length / scales.length;
    for (const [channel, scale] of scales.entries()) {
      for (let i = channel * block; i < (channel + 1) * block; i++) {
        y[i] = scale * Math.min(high, Math.max(low, roundHalfEven((x[i] as number) / scale)));
      }
    }
  },
};

/** To the nearest whole number; halves to the even one. */
export function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** `x` rounded to the whole numbers of a type and back; any shape. */
export function quantize(x: Value, attributes: QuantizeAttributes): Value {
  return emitOne(quantizeOp, attributes, [x]);
}
