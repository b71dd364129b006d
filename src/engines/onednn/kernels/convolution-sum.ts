// A convolution that adds its result to what stands where it writes: the other operand of the addition behind it, which
// nobody reads later. With the ReLU behind that the whole end of a residual block is one primitive.
import type { Node, Value } from '../../../graph/graph.ts';
import { argument, type Layout, type PostOperation, type PrimitiveDescriptor } from '../abi.ts';
import { otherOperand } from '../fusion.ts';
import { type Lowering, reluAfter } from '../lowering.ts';

const sum: readonly PostOperation[] = [{ kind: 'sum', scale: 1 }];

/** `describe` asks for the convolution with something behind it. False where the library has none with a sum. */
export function convolutionWithSum(
  lowering: Lowering,
  node: Node,
  describe: (behind: readonly PostOperation[]) => PrimitiveDescriptor | undefined,
): boolean {
  const addition = lowering.fusion.addInto.get(node);
  if (addition === undefined) return false;
  const relu = lowering.fusion.reluAfter.get(addition);
  const descriptor = describe(relu ? [...sum, ...reluAfter] : sum);
  if (descriptor === undefined || descriptor.implementation.startsWith('ref')) return false;
  const [x, w, b] = node.inputs as [Value, Value, Value?];
  const layout = (query: 'src' | 'weights' | 'dst') => descriptor.layout(query) as Layout;
  const other = otherOperand(addition, node.outputs[0] as Value) as Value;
  const target = lowering.as(other, layout('dst'));
  const inputs = [
    [argument.src, lowering.as(x, layout('src'))],
    [argument.weights, lowering.as(w, layout('weights'))],
    ...(b ? [[argument.bias, lowering.plain(b)] as const] : []),
  ] as const;
  lowering.step(node, descriptor, inputs, [[argument.dst, target]]);
  lowering.alias((relu ?? addition).outputs[0] as Value, target);
  lowering.forwards.set(addition, { descriptor });
  return true;
}
