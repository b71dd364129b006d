// One step of stochastic gradient descent with momentum, in PyTorch's form:
//   g = scale g + weightDecay w;  v = momentum v + g;  w -= lr (nesterov ? g + momentum v : v)
// (AlexNet's and Caffe's form has the learning rate inside v; the two agree while it is constant.) `scale` is what
// clipping by the norm leaves of a gradient. Where a gradient is gathered over several steps, only the last of them
// moves anything. The result are the weights and the velocity after the step; the graph updates its states with them.
import { emit, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { NumericArray, TensorType } from '../tensor.ts';
import { isLastMicroStep } from './accumulate.ts';
import { expectFloat, expectIndex, expectInputs, expectShape } from './checks.ts';

export interface SgdAttributes {
  readonly momentum: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
  /** Whether the fifth input is a scale of the gradient; default false. */
  readonly scaled?: boolean;
  /** Steps that gather a gradient; above 1, the last input says which of them this is. Default 1. */
  readonly steps?: number;
}

/** Whether this run moves the weights: `microStep` is the last input where the attributes ask for one. */
export function sgdMoves(
  { steps = 1 }: SgdAttributes,
  inputs: readonly (NumericArray | undefined)[],
): boolean {
  return steps === 1 || isLastMicroStep(steps, inputs.at(-1) as NumericArray);
}

/** (w, g, v, lr, scale?, microStep?) -> w after the step, v after the step */
export const sgdOp: OpDefinition<SgdAttributes> = {
  name: 'sgd',
  infer(inputs, { scaled = false, steps = 1 }) {
    const types = expectInputs('sgd', inputs, 4 + (scaled ? 1 : 0) + (steps > 1 ? 1 : 0));
    const [w, g, v, lr] = types as [TensorType, TensorType, TensorType, TensorType];
    expectFloat('sgd', 'weights', w);
    expectShape('sgd', 'a gradient', g.shape, w.shape);
    expectShape('sgd', 'a velocity', v.shape, w.shape);
    expectShape('sgd', 'a learning rate', lr.shape, []);
    expectFloat('sgd', 'a learning rate', lr);
    if (scaled) expectShape('sgd', 'a scale', (types[4] as TensorType).shape, []);
    if (steps > 1) expectIndex('sgd', 'a step', types.at(-1) as TensorType);
    const type = { shape: w.shape, precision: 'full' } as const;
    return [type, type];
  },
  evaluate({ attributes, inputs, outputs }) {
    const { momentum, weightDecay, nesterov, scaled = false } = attributes;
    const [w, g, v, lr] = inputs as [NumericArray, NumericArray, NumericArray, NumericArray];
    const [weights, velocity] = outputs as [NumericArray, NumericArray];
    if (!sgdMoves(attributes, inputs)) {
      weights.set(w);
      velocity.set(v);
      return;
    }
    const rate = lr[0] as number;
    const scale = scaled ? (inputs[4]?.[0] as number) : 1;
    for (let i = 0; i < w.length; i++) {
      const weight = w[i] as number;
      const slope = scale * (g[i] as number) + weightDecay * weight;
      const speed = momentum * (v[i] as number) + slope;
      velocity[i] = speed;
      weights[i] = weight - rate * (nesterov ? slope + momentum * speed : speed);
    }
  },
};

export interface SgdExtras {
  /** A factor of the gradient, a scalar. */
  readonly scale?: Value | undefined;
  /** Which of `steps` this step is, an index scalar. */
  readonly microStep?: Value | undefined;
}

/** `w`, `g`, `v`: the same shape; `lr`: a scalar. */
export function sgd(
  w: Value,
  g: Value,
  v: Value,
  lr: Value,
  attributes: SgdAttributes,
  { scale, microStep }: SgdExtras = {},
): { weights: Value; velocity: Value } {
  const inputs = [w, g, v, lr, ...(scale ? [scale] : []), ...(microStep ? [microStep] : [])];
  const whole = { ...attributes, ...(scale && { scaled: true }) };
  const [weights, velocity] = emit(sgdOp, whole, inputs) as [Value, Value];
  return { weights, velocity };
}
