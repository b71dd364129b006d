// Filters kept from growing: a filter of a convolution whose root mean square exceeds a limit is scaled back to it
// (Zeiler & Fergus 2014, section 3.1, where the limit is .1). A filter is all that one output channel reads with.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { formatShape, type NumericArray, type TensorType } from '../tensor.ts';
import { expectFloat, expectInputs } from './checks.ts';

export interface ClipFiltersAttributes {
  /** The largest root mean square. */
  readonly limit: number;
}

/** A filter that was scaled back may lie above the limit by a rounding: it is not touched again. */
const slack = 1 + 1e-6;

/** (filters, OxIxHxW) -> the same, none above the limit */
export const clipFiltersOp: OpDefinition<ClipFiltersAttributes> = {
  name: 'clipFilters',
  infer(inputs, { limit }) {
    const [w] = expectInputs('clipFilters', inputs, 1) as [TensorType];
    expectFloat('clipFilters', 'filters', w);
    if (w.shape.length !== 4) {
      throw new Error(`clipFilters got filters of shape ${formatShape(w.shape)}, expected OxIxHxW.`);
    }
    if (!(limit > 0)) throw new Error(`clipFilters got the limit ${limit}, expected a number above 0.`);
    return [{ shape: w.shape, precision: 'full' }];
  },
  evaluate({ attributes: { limit }, inputs: [w], inputShapes, outputs }) {
    const y = outputs[0] as NumericArray;
    if (w === undefined) return;
    const size = w.length / (inputShapes[0]?.[0] as number);
    for (let start = 0; start < w.length; start += size) {
      let sum = 0;
      for (let i = start; i < start + size; i++) sum += (w[i] as number) ** 2;
      const rms = Math.sqrt(sum / size);
      const scale = rms > limit * slack ? limit / rms : 1;
      for (let i = start; i < start + size; i++) y[i] = scale * (w[i] as number);
    }
  },
};

/** `w`: OxIxHxW. */
export function clipFilters(w: Value, limit: number): Value {
  return emitOne(clipFiltersOp, { limit }, [w]);
}
