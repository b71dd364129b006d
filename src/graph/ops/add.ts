// Sum of two tensors of the same shape: the residual connection of ResNet (He et al. 2015, section 3.2), and
// what autodiff joins gradients with. Operands broadcast nowhere, so both gradients are dy itself.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { TensorType } from '../tensor.ts';
import { expectFloat, expectInputs, expectShape } from './checks.ts';

export const addOp: OpDefinition<Record<string, never>> = {
  name: 'add',
  infer(inputs) {
    const [a, b] = expectInputs('add', inputs, 2) as [TensorType, TensorType];
    expectFloat('add', 'a first operand', a);
    expectShape('add', 'a second operand', b.shape, a.shape);
    if (a.precision !== b.precision) {
      throw new Error(
        `add got operands in ${a.precision} and ${b.precision} precision, expected the same for both.`,
      );
    }
    return [{ shape: a.shape, precision: a.precision }];
  },
  evaluate({ inputs: [a, b], outputs: [y] }) {
    if (!a || !b || !y) return;
    for (let i = 0; i < y.length; i++) y[i] = (a[i] as number) + (b[i] as number);
  },
  gradient: ({ outputGradients: [dy] }) => [dy, dy],
};

/** `a` and `b`: any shape, the same for both. */
export function add(a: Value, b: Value): Value {
  return emitOne(addOp, {}, [a, b]);
}
