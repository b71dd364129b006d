// Rectified linear unit, y = max(0, x) (Krizhevsky et al. 2012, section 3.1). The gradient passes where the
// output is positive, so that the input need not be kept; at 0 it is 0. The deconvnet rectifies the signal instead,
// whatever the forward pass was, because features are positive (Zeiler & Fergus 2014, section 2.1); guided
// backpropagation does both.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { elementwiseBackward, sameAsFirst } from './elementwise.ts';

export const reluOp: OpDefinition<Record<string, never>> = {
  name: 'relu',
  infer: sameAsFirst,
  evaluate({ inputs: [x], outputs: [y] }) {
    if (!x || !y) return;
    for (let i = 0; i < y.length; i++) y[i] = Math.max(0, x[i] as number);
  },
  gradient: ({ node, outputGradients: [dy] }) => [
    dy && emitOne(reluBackwardOp, {}, [node.outputs[0] as Value, dy]),
  ],
  deconvnet: ({ outputGradients: [signal] }) => [signal && relu(signal)],
  guided: ({ node, outputGradients: [signal] }) => [
    signal && relu(emitOne(reluBackwardOp, {}, [node.outputs[0] as Value, signal])),
  ],
};

/** (y, dy) -> dx = dy where y > 0. */
export const reluBackwardOp = elementwiseBackward('reluBackward', (y, dy) => (y > 0 ? dy : 0));

/** max(x, 0), element by element; any shape. */
export function relu(x: Value): Value {
  return emitOne(reluOp, {}, [x]);
}
