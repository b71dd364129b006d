// What two towers hand to each other (Krizhevsky et al. 2012, section 3.5): each of two ranks holds a part of a layer's
// maps, and gets the other's. Both call it at the same places of their graphs.
//   y = x of the other one
// Backward, what the other one made of x comes home: the gradient is a swap too, and is added to the owner's own.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { Shape, TensorType } from '../tensor.ts';
import { expectFloat, expectInputs } from './checks.ts';
import type { Exchange } from './exchange.ts';

export interface SwapAttributes {
  readonly exchange: Pick<Exchange, 'swap'>;
  /** Of what comes; the parts of two towers may differ in size. */
  readonly shape: Shape;
  /**
   * Nothing comes back: both compute the same loss from both parts, and each has the gradient of its own part from its
   * own loss.
   */
  readonly oneWay?: boolean;
}

/** (x) -> y */
export const swapOp: OpDefinition<SwapAttributes> = {
  name: 'swap',
  infer(inputs, { shape }) {
    const [x] = expectInputs('swap', inputs, 1) as [TensorType];
    expectFloat('swap', 'a tensor', x);
    return [{ shape, precision: x.precision }];
  },
  evaluate({ attributes: { exchange }, inputs: [x], outputs: [y] }) {
    if (x && y) exchange.swap(x, y);
  },
  gradient({ node, outputGradients: [dy] }) {
    const { exchange, oneWay } = node.attributes;
    if (dy === undefined || oneWay) return [];
    return [swap(dy, { exchange, shape: (node.inputs[0] as Value).shape })];
  },
};

/** The other tower's part, of `shape`, for this one's. */
export function swap(x: Value, attributes: SwapAttributes): Value {
  return emitOne(swapOp, attributes, [x]);
}
