// A convolution that adds its result to what stands where it writes: the other operand of the addition behind it, which
// nobody reads later. With the ReLU behind that the whole end of a residual block is one primitive.
import type { Node, Value } from '../../../graph/graph.ts';
import { argument, type Layout, type PostOperation } from '../abi.ts';
import type { Ways } from '../autotune/ways.ts';
import { otherOperand } from '../fusion.ts';
import { type Lowering, reluAfter } from '../lowering.ts';

const sum: readonly PostOperation[] = [{ kind: 'sum', scale: 1 }];

/** What runs behind such a convolution; undefined where none of the additions behind a node runs inside it. */
export function behindSum({ fusion }: Lowering, node: Node): readonly PostOperation[] | undefined {
  const addition = fusion.addInto.get(node);
  if (addition === undefined) return undefined;
  return fusion.reluAfter.has(addition) ? [...sum, ...reluAfter] : sum;
}

export const lowerWithSum: Ways['lower'] = (lowering, node, descriptor) => {
  const addition = lowering.fusion.addInto.get(node) as Node;
  const relu = lowering.fusion.reluAfter.get(addition);
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
};
