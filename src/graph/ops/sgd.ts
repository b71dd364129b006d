// One step of stochastic gradient descent with momentum, in PyTorch's form:
//   g += weightDecay w;  v = momentum v + g;  w -= lr (nesterov ? g + momentum v : v)
// (AlexNet's and Caffe's form has the learning rate inside v; the two agree while it is constant.) The result
// are the weights and the velocity after the step; the graph updates its states with them.
import { emit, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { NumericArray, TensorType } from '../tensor.ts';
import { expectFloat, expectInputs, expectShape } from './checks.ts';

export interface SgdAttributes {
  readonly momentum: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
}

/** (w, g, v, lr) -> w after the step, v after the step */
export const sgdOp: OpDefinition<SgdAttributes> = {
  name: 'sgd',
  infer(inputs) {
    const types = expectInputs('sgd', inputs, 4);
    const [w, g, v, lr] = types as [TensorType, TensorType, TensorType, TensorType];
    expectFloat('sgd', 'weights', w);
    expectShape('sgd', 'a gradient', g.shape, w.shape);
    expectShape('sgd', 'a velocity', v.shape, w.shape);
    expectShape('sgd', 'a learning rate', lr.shape, []);
    expectFloat('sgd', 'a learning rate', lr);
    const type = { shape: w.shape, precision: 'full' } as const;
    return [type, type];
  },
  evaluate({ attributes: { momentum, weightDecay, nesterov }, inputs, outputs }) {
    const [w, g, v, lr] = inputs as [NumericArray, NumericArray, NumericArray, NumericArray];
    const [weights, velocity] = outputs as [NumericArray, NumericArray];
    const rate = lr[0] as number;
    for (let i = 0; i < w.length; i++) {
      const weight = w[i] as number;
      const slope = (g[i] as number) + weightDecay * weight;
      const speed = momentum * (v[i] as number) + slope;
      velocity[i] = speed;
      weights[i] = weight - rate * (nesterov ? slope + momentum * speed : speed);
    }
  },
};

/** `w`, `g`, `v`: the same shape; `lr`: a scalar. */
export function sgd(
  w: Value,
  g: Value,
  v: Value,
  lr: Value,
  attributes: SgdAttributes,
): { weights: Value; velocity: Value } {
  const [weights, velocity] = emit(sgdOp, attributes, [w, g, v, lr]) as [Value, Value];
  return { weights, velocity };
}
