// What a node costs in multiply-adds, gradients included. Forward ops say it of themselves; the two gradients of a
// convolution or a linear layer do as many multiply-adds as it did, over the same triples of input, weight and output.
import { macsOf } from '../../graph/cost.ts';
import type { Node, Value } from '../../graph/graph.ts';
import { convolutionOp } from '../../graph/ops/convolution.ts';
import { linearOp } from '../../graph/ops/linear.ts';
import type { Shape } from '../../graph/tensor.ts';

/** Multiply-adds of one run of a node over its whole batch; 0 for all but convolutions, linear layers and their gradients. */
export function multiplyAddsOf(node: Node): number {
  const input = (i: number): Shape => (node.inputs[i] as Value).shape;
  const output = (): Shape => (node.outputs[0] as Value).shape;
  switch (node.op.name) {
    case 'convolutionBackwardData':
      return convolutionOp.macs?.([output(), input(1)], [input(0)], node.attributes) ?? 0;
    case 'convolutionBackwardWeights':
      return convolutionOp.macs?.([input(0), output()], [input(1)], node.attributes) ?? 0;
    case 'linearBackwardData':
      return linearOp.macs?.([output(), input(1)], [input(0)], node.attributes) ?? 0;
    case 'linearBackwardWeights':
      return linearOp.macs?.([input(0), output()], [input(1)], node.attributes) ?? 0;
    default:
      return macsOf(node);
  }
}
