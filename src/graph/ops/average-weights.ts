// An average of weights over the steps of a training, moved by a share that is fed:
//   average += share (w - average)
// A constant share of 1 - decay is the exponential moving average; 1 / n at the n-th step is the plain mean of
// Polyak & Juditsky 1992. A share of 0 leaves the average as it is, whatever the weights are.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { NumericArray, TensorType } from '../tensor.ts';
import { expectFloat, expectInputs, expectShape } from './checks.ts';

/** (average, w, share) -> average */
export const averageWeightsOp: OpDefinition<Record<string, never>> = {
  name: 'averageWeights',
  infer(inputs) {
    const [average, w, share] = expectInputs('averageWeights', inputs, 3) as [
      TensorType,
      TensorType,
      TensorType,
    ];
    expectFloat('averageWeights', 'weights', w);
    expectShape('averageWeights', 'an average', average.shape, w.shape);
    expectFloat('averageWeights', 'a share', share);
    expectShape('averageWeights', 'a share', share.shape, []);
    return [{ shape: average.shape, precision: 'full' }];
  },
  evaluate({ inputs, outputs }) {
    const [average, w, fed] = inputs as [NumericArray, NumericArray, NumericArray];
    const y = outputs[0] as NumericArray;
    const share = fed[0] as number;
    if (share === 0) {
      y.set(average);
      return;
    }
    for (let i = 0; i < y.length; i++) {
      const before = average[i] as number;
      y[i] = before + share * ((w[i] as number) - before);
    }
  },
};

/** `average`, `w`: the same shape; `share`: a scalar. */
export function averageWeights(average: Value, w: Value, share: Value): Value {
  return emitOne(averageWeightsOp, {}, [average, w, share]);
}
