// Product, element by element: y = a b. `b` has a's shape, or 1 in some axes and is repeated along them (the
// gate of an SE block is NxCx1x1; Hu et al. 2018, equation 4).
//   da = dy b;  db = dy a, summed over the axes along which b was repeated
// In the deconvnet a gate, a `b` without positions of its own, is held constant: the signal goes to the gated features
// alone, times their gate.
import { emitOne, type Node, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { formatShape, type Shape, sameShape, type TensorType } from '../tensor.ts';
import { forEachWithBroadcast, isBroadcastOf } from './broadcast.ts';
import { expectFloat, expectInputs } from './checks.ts';
import { sumTo } from './sum-to.ts';

export const multiplyOp: OpDefinition<Record<string, never>> = {
  name: 'multiply',
  infer(inputs) {
    const [a, b] = expectInputs('multiply', inputs, 2) as [TensorType, TensorType];
    expectFloat('multiply', 'a first operand', a);
    expectFloat('multiply', 'a second operand', b);
    if (!isBroadcastOf(b.shape, a.shape)) {
      throw new Error(
        `multiply got operands of shape ${formatShape(a.shape)} and ${formatShape(b.shape)}, ` +
          'expected the second to have in each axis the size of the first, or 1.',
      );
    }
    return [{ shape: a.shape, precision: a.precision }];
  },
  evaluate({ inputs: [a, b], inputShapes, outputs: [y] }) {
    if (!a || !b || !y) return;
    forEachWithBroadcast(inputShapes[0] as Shape, inputShapes[1] as Shape, (i, j) => {
      y[i] = (a[i] as number) * (b[j] as number);
    });
  },
  gradient({ node, outputGradients: [dy], wanted }) {
    if (dy === undefined) return [];
    const [a, b] = node.inputs as [Value, Value];
    const da = wanted[0] ? multiply(dy, b) : undefined;
    if (!wanted[1]) return [da];
    const product = multiply(dy, a);
    return [da, sameShape(a.shape, b.shape) ? product : sumTo(product, b.shape)];
  },
  deconvnet: ({ node, outputGradients, wanted }) =>
    multiplyOp.gradient?.({
      node,
      outputGradients,
      wanted: isGate(node) ? wanted.with(1, false) : wanted,
    }) ?? [],
};

/** Whether a product's second factor says how much of a channel, not where. */
export function isGate({ op, inputs }: Node): boolean {
  return op.name === 'multiply' && (inputs[1] as Value).shape.slice(2).every((size) => size === 1);
}

/** `a`: any shape; `b`: the same rank, each size a's or 1. */
export function multiply(a: Value, b: Value): Value {
  return emitOne(multiplyOp, {}, [a, b]);
}
