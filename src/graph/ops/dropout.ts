// Dropout (Hinton et al. 2012), "inverted": kept elements are divided by 1 - rate in training, so that nothing
// needs to change at test time (AlexNet's paper multiplies by 0.5 at test time instead; the expectation is the
// same). Element i of the whole batch is kept where uniform(seed, stream, i) >= rate. The mask is a function of the
// fed seed, so a step can be made again, and the gradient is the same op on dy.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { hashKey, hashWithKey } from '../random.ts';
import type { TensorType } from '../tensor.ts';
import { expectFloat, expectIndex, expectInputs, expectShape } from './checks.ts';

export interface DropoutAttributes {
  /** Share of the elements that become 0, from 0 to below 1. */
  readonly rate: number;
  /** Tells the dropouts of one network apart; they share the fed seed. */
  readonly stream: number;
  /** Rows (along the first axis) that come before these in the whole batch; default 0. */
  readonly firstRow?: number;
  /**
   * Where these columns (along the second axis) stand in a layer that is divided: behind how many, and of how many;
   * default: they are the whole.
   */
  readonly columns?: { readonly first: number; readonly of: number } | undefined;
}

/** (x, seed) -> y */
export const dropoutOp: OpDefinition<DropoutAttributes> = {
  name: 'dropout',
  infer(inputs, { rate }) {
    const [x, seed] = expectInputs('dropout', inputs, 2) as [TensorType, TensorType];
    if (!(rate >= 0 && rate < 1)) {
      throw new Error(`dropout got the rate ${rate}, expected a number from 0 to below 1.`);
    }
    expectFloat('dropout', 'an input', x);
    expectShape('dropout', 'a seed', seed.shape, []);
    expectIndex('dropout', 'a seed', seed);
    return [{ shape: x.shape, precision: x.precision }];
  },
  evaluate({ attributes: { rate, stream, firstRow = 0, columns }, inputs, inputShapes, outputs: [y] }) {
    const [x, seed] = inputs;
    if (!x || !seed || !y) return;
    const key = hashKey(seed[0] as number, stream);
    const threshold = rate * 2 ** 32;
    const scale = 1 / (1 - rate);
    const [rows, width = 1] = inputShapes[0] as readonly [number, number?];
    const row = y.length / rows;
    const { first, of } = columns ?? { first: 0, of: width };
    // Elements of a column lie one after another: a row of the whole layer has so many, and these begin behind some.
    const wholeRow = (row / width) * of;
    const start = (row / width) * first;
    for (let r = 0, i = 0; r < rows; r++) {
      const at = (firstRow + r) * wholeRow + start - i;
      for (const end = i + row; i < end; i++) {
        y[i] = hashWithKey(key, at + i) >= threshold ? (x[i] as number) * scale : 0;
      }
    }
  },
  gradient: ({ node, outputGradients: [dy] }) => [
    dy && emitOne(dropoutOp, node.attributes, [dy, node.inputs[1] as Value]),
  ],
};

/** `x`: any shape; `seed`: a scalar of whole numbers, fed anew on each step. */
export function dropout(x: Value, seed: Value, attributes: DropoutAttributes): Value {
  return emitOne(dropoutOp, attributes, [x, seed]);
}
