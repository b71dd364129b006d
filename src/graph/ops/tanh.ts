// Hyperbolic tangent (LeCun et al. 1998), y = tanh(x); dx = dy (1 - y^2), so that only the output is kept. In the
// deconvnet the signal passes unchanged: it asks the forward pass for switches alone, and features that take both
// signs leave nothing to rectify.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { elementwiseBackward, sameAsFirst } from './elementwise.ts';

export const tanhOp: OpDefinition<Record<string, never>> = {
  name: 'tanh',
  infer: sameAsFirst,
  evaluate({ inputs: [x], outputs: [y] }) {
    if (!x || !y) return;
    for (let i = 0; i < y.length; i++) y[i] = Math.tanh(x[i] as number);
  },
  gradient: ({ node, outputGradients: [dy] }) => [
    dy && emitOne(tanhBackwardOp, {}, [node.outputs[0] as Value, dy]),
  ],
  deconvnet: ({ outputGradients: [signal] }) => [signal],
};

/** (y, dy) -> dx */
export const tanhBackwardOp = elementwiseBackward('tanhBackward', (y, dy) => dy * (1 - y * y));

/** The hyperbolic tangent, element by element; any shape. */
export function tanh(x: Value): Value {
  return emitOne(tanhOp, {}, [x]);
}
