// Exponential moving average, (1 - momentum) running + momentum scale sample: how batch norm keeps its running
// statistics. `scale` is m / (m - 1) for the variance, which turns the batch's biased one into the unbiased
// one that PyTorch keeps.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { TensorType } from '../tensor.ts';
import { expectInputs, expectShape } from './checks.ts';

export interface MovingAverageAttributes {
  readonly momentum: number;
  readonly scale: number;
}

export const movingAverageOp: OpDefinition<MovingAverageAttributes> = {
  name: 'movingAverage',
  infer(inputs) {
    const [running, sample] = expectInputs('movingAverage', inputs, 2) as [TensorType, TensorType];
    expectShape('movingAverage', 'a sample', sample.shape, running.shape);
    return [{ shape: running.shape, precision: 'full' }];
  },
  evaluate({ attributes: { momentum, scale }, inputs: [running, sample], outputs: [y] }) {
    if (!running || !sample || !y) return;
    for (let i = 0; i < y.length; i++) {
      y[i] = (1 - momentum) * (running[i] as number) + momentum * scale * (sample[i] as number);
    }
  },
};

/** `running` and `sample`: any shape, the same for both. */
export function movingAverage(running: Value, sample: Value, attributes: MovingAverageAttributes): Value {
  return emitOne(movingAverageOp, attributes, [running, sample]);
}
