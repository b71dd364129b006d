// Logistic function, y = 1 / (1 + exp(-x)) (the gates of SE blocks); dx = dy y (1 - y), so that only the
// output is kept. Features behind it are positive as behind a ReLU, so the deconvnet rectifies the signal.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { elementwiseBackward, sameAsFirst } from './elementwise.ts';
import { relu } from './relu.ts';

export const sigmoidOp: OpDefinition<Record<string, never>> = {
  name: 'sigmoid',
  infer: sameAsFirst,
  evaluate({ inputs: [x], outputs: [y] }) {
    if (!x || !y) return;
    for (let i = 0; i < y.length; i++) y[i] = 1 / (1 + Math.exp(-(x[i] as number)));
  },
  gradient: ({ node, outputGradients: [dy] }) => [
    dy && emitOne(sigmoidBackwardOp, {}, [node.outputs[0] as Value, dy]),
  ],
  deconvnet: ({ outputGradients: [signal] }) => [signal && relu(signal)],
};

/** (y, dy) -> dx */
export const sigmoidBackwardOp = elementwiseBackward('sigmoidBackward', (y, dy) => dy * y * (1 - y));

/** 1 / (1 + exp(-x)), element by element; any shape. */
export function sigmoid(x: Value): Value {
  return emitOne(sigmoidOp, {}, [x]);
}
