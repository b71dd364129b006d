// What runs inside code of our own that computes a convolution: its bias, an addition behind it, and a ReLU.
import type { Node, Value } from '../../../graph/graph.ts';
import type { Layout, PrimitiveDescriptor } from '../abi.ts';
import { otherOperand } from '../fusion.ts';
import type { Lowering, Tensor } from '../lowering.ts';

export interface Behind {
  readonly bias: boolean;
  readonly sum: boolean;
  readonly relu: boolean;
}

interface Inside {
  readonly behind: Behind;
  readonly addition: Node | undefined;
  /** What the last of them gives. */
  readonly result: Value;
}

/** `withSum`: with the addition behind the node, where there is one that may run inside. */
export function insideOf({ fusion }: Lowering, node: Node, withSum: boolean): Inside {
  const addition = withSum ? fusion.addInto.get(node) : undefined;
  const relu = fusion.reluAfter.get(addition ?? node);
  return {
    addition,
    behind: { bias: node.inputs[2] !== undefined, sum: addition !== undefined, relu: relu !== undefined },
    result: (relu ?? addition ?? node).outputs[0] as Value,
  };
}

/**
 * Lowers a node to code whose result lies as `wanted`: in memory of its own, or over what the other operand of an addition
 * left in memory. `lower` adds the steps, of which the last writes `target()`.
 */
export function lowerInto(
  lowering: Lowering,
  node: Node,
  { addition, result }: Inside,
  { primitive, wanted }: { readonly primitive: PrimitiveDescriptor; readonly wanted: Layout },
  lower: (target: () => Tensor) => void,
): void {
  if (addition === undefined) {
    lower(() => lowering.define(result, wanted));
    return;
  }
  const target = lowering.as(otherOperand(addition, node.outputs[0] as Value) as Value, wanted);
  lower(() => target);
  lowering.alias(result, target);
  lowering.forwards.set(addition, { descriptor: primitive });
}
