// What a convolution and a linear layer have in common when they run as one primitive: x, w, b -> y forward, dy, w -> dx
// and x, dy -> dw, db backward. Inputs come in the layouts that the primitive asks for; results lie where the library's
// first choice, `preferred`, would leave them.
import type { Node, Value } from '../../../graph/graph.ts';
import { argument, type Layout, type LayoutQuery, type PrimitiveDescriptor } from '../abi.ts';
import { targetOf, type Ways } from '../autotune/ways.ts';
import type { Lowering, Tensor } from '../lowering.ts';

type Operand = Exclude<LayoutQuery, 'workspace'>;
type Argument = readonly [number: number, tensor: Tensor];

/** The forward node's result: that of the ReLU behind it, where one runs inside. */
export function resultOf(lowering: Lowering, node: Node): Value {
  return (lowering.fusion.reluAfter.get(node) ?? node).outputs[0] as Value;
}

export const lowerForward: Ways['lower'] = (lowering, node, primitive, preferred) => {
  const [x, w, b] = node.inputs as [Value, Value, Value?];
  const inputs = [
    asked(lowering, primitive, 'src', x),
    asked(lowering, primitive, 'weights', w),
    ...(b ? [[argument.bias, lowering.plain(b)] as const] : []),
  ];
  lowerTo(lowering, node, { primitive, preferred }, inputs, ['dst', resultOf(lowering, node)]);
};

export const lowerDataGradient: Ways['lower'] = (lowering, node, primitive, preferred) => {
  const [dy, w] = node.inputs as [Value, Value];
  const inputs = [asked(lowering, primitive, 'diffDst', dy), asked(lowering, primitive, 'weights', w)];
  lowerTo(lowering, node, { primitive, preferred }, inputs, ['diffSrc', node.outputs[0] as Value]);
};

export const lowerWeightGradient: Ways['lower'] = (lowering, node, primitive, preferred) => {
  const [x, dy] = node.inputs as [Value, Value];
  const [dw, db] = node.outputs as [Value, Value?];
  const inputs = [asked(lowering, primitive, 'src', x), asked(lowering, primitive, 'diffDst', dy)];
  lowerTo(lowering, node, { primitive, preferred }, inputs, ['diffWeights', dw], db);
};

interface Choices {
  readonly primitive: PrimitiveDescriptor;
  readonly preferred: PrimitiveDescriptor;
}

function lowerTo(
  lowering: Lowering,
  node: Node,
  { primitive, preferred }: Choices,
  inputs: readonly Argument[],
  [operand, value]: readonly [Operand, Value],
  biasGradient?: Value,
): void {
  const target = targetOf(lowering, node, value, layoutOf(primitive, operand), layoutOf(preferred, operand));
  lowering.step(node, primitive, inputs, [
    [argument[operand], target.tensor],
    ...(biasGradient
      ? [[argument.diffBias, lowering.define(biasGradient, lowering.plainLayout(biasGradient))] as const]
      : []),
  ]);
  target.finish();
}

function asked(lowering: Lowering, primitive: PrimitiveDescriptor, operand: Operand, value: Value): Argument {
  return [argument[operand], lowering.as(value, layoutOf(primitive, operand))];
}

function layoutOf(descriptor: PrimitiveDescriptor, operand: Operand): Layout {
  const layout = descriptor.layout(operand);
  if (layout === undefined)
    throw new Error(`oneDNN: ${descriptor.implementation} gives no layout for ${operand}.`);
  return layout;
}
