// Convolutions and their data gradients by code that is generated for their sizes (../code/convolution.ts): f32 on AVX-512,
// where channels fill blocks of 16. A data gradient is the convolution of the result's gradient with the filters turned around.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { elementBytes, type FilterTag, type Layout } from '../abi.ts';
import { convolutionCode } from '../code/convolution.ts';
import { type ConvolutionSizes, cutOf, flattened } from '../code/cut.ts';
import { otherOperand } from '../fusion.ts';
import type { Lowering } from '../lowering.ts';
import { type Implementation, targetOf } from './ways.ts';

export const generatedName = 'generated code';
const implementation = 'generated:avx512';
const block = 16;
const numberBytes = elementBytes.f32;
const blockBytes = block * numberBytes;

type Four = readonly [number, number, number, number];

/** Square strides and no gaps in the window: what the code is made for. */
function isSimple({ stride, dilation, groups }: ConvolutionAttributes): boolean {
  return groups === 1 && stride[0] === stride[1] && dilation[0] === 1 && dilation[1] === 1;
}

/** Bytes between neighbours of pictures in blocks of 16 channels. */
function inBlocks([, c, h, w]: Four) {
  return {
    ...{ picture: c * h * w * numberBytes, group: h * w * blockBytes },
    ...{ channel: numberBytes, row: w * blockBytes, pixel: blockBytes },
  };
}

function rowMajor([, c, h, w]: Four) {
  const plane = h * w * numberBytes;
  return { picture: c * plane, group: 0, channel: plane, row: w * numberBytes, pixel: numberBytes };
}

interface Behind {
  readonly bias: boolean;
  readonly sum: boolean;
  readonly relu: boolean;
}

interface Plan {
  readonly sizes: ConvolutionSizes;
  readonly filters: FilterTag;
  readonly source: Layout;
  readonly target: Layout;
}

/** Undefined where the code is not made for these sizes. Few channels, as those of photographs, are read row-major. */
function forwardPlan(lowering: Lowering, node: Node, behind: Behind): Plan | undefined {
  const attributes = node.attributes as ConvolutionAttributes;
  const [x, w] = node.inputs as [Value, Value];
  const y = node.outputs[0] as Value;
  const [n, c, height, width] = x.shape as Four;
  const [, o, oh, ow] = y.shape as Four;
  const [, , kh, kw] = w.shape as Four;
  const isBlocked = c % block === 0;
  if (lowering.storageType(x) !== 'f32' || !isSimple(attributes) || o % block > 0) return undefined;
  if (!isBlocked && c > block) return undefined;
  const channels = isBlocked ? block : c;
  const filter = channels * blockBytes;
  const { natives } = lowering;
  return {
    sizes: {
      ...{ pictures: n, groups: c / channels, channels, blocks: o / block },
      ...{ h: height, w: width, oh, ow, kh, kw },
      stride: attributes.stride[0],
      padding: attributes.padding,
      source: isBlocked ? inBlocks(x.shape as Four) : rowMajor(x.shape as Four),
      target: inBlocks(y.shape as Four),
      weights: {
        ...{ block: (c / channels) * kh * kw * filter, group: kh * kw * filter },
        ...{ row: kw * filter, column: filter, channel: blockBytes, first: 0 },
      },
      ...behind,
    },
    filters: isBlocked ? 'OIhw16i16o' : 'Ohwi16o',
    source: isBlocked ? natives.blocked(x.shape, 'f32', block) : natives.plainLayout(x.shape, 'f32'),
    target: natives.blocked(y.shape, 'f32', block),
  };
}

function gradientPlan(lowering: Lowering, node: Node): Plan | undefined {
  const attributes = node.attributes as ConvolutionAttributes;
  const [dy, w] = node.inputs as [Value, Value];
  const dx = node.outputs[0] as Value;
  const [n, o, h, width] = dy.shape as Four;
  const [, c, oh, ow] = dx.shape as Four;
  const [, , kh, kw] = w.shape as Four;
  const padding = [kh - 1 - attributes.padding[0], kw - 1 - attributes.padding[1]] as const;
  if (lowering.storageType(dy) !== 'f32' || !isSimple(attributes) || attributes.stride[0] !== 1)
    return undefined;
  if (c % block > 0 || o % block > 0 || padding[0] < 0 || padding[1] < 0) return undefined;
  const filter = block * blockBytes;
  const { natives } = lowering;
  return {
    sizes: {
      ...{ pictures: n, groups: o / block, channels: block, blocks: c / block },
      ...{ h, w: width, oh, ow, kh, kw, stride: 1, padding },
      source: inBlocks(dy.shape as Four),
      target: inBlocks(dx.shape as Four),
      weights: {
        ...{ block: kh * kw * filter, group: (c / block) * kh * kw * filter },
        ...{ row: -kw * filter, column: -filter, channel: blockBytes, first: (kh * kw - 1) * filter },
      },
      ...{ bias: false, sum: false, relu: false },
    },
    filters: 'OIhw16o16i',
    source: natives.blocked(dy.shape, 'f32', block),
    target: natives.blocked(dx.shape, 'f32', block),
  };
}

function codeFor({ natives }: Lowering, sizes: ConvolutionSizes): bigint | undefined {
  const flat = flattened(sizes);
  return natives.code(JSON.stringify(flat), (team) => convolutionCode(flat, cutOf(flat), team));
}

/** Forward; `withSum`: with the addition behind the node inside, over what its other operand left in memory. */
export const generated = (withSum: boolean): Implementation => ({
  name: generatedName,
  lower(lowering, node, primitive) {
    const { natives, fusion } = lowering;
    const [x, w, b] = node.inputs as [Value, Value, Value?];
    const addition = withSum ? fusion.addInto.get(node) : undefined;
    const relu = fusion.reluAfter.get(addition ?? node);
    const behind = { bias: b !== undefined, sum: addition !== undefined, relu: relu !== undefined };
    const plan = forwardPlan(lowering, node, behind);
    const wanted = primitive.layout('dst');
    if (plan === undefined || wanted === undefined) return false;
    if (addition !== undefined && !natives.sameLayout(wanted, plan.target)) return false;
    const address = codeFor(lowering, plan.sizes);
    if (address === undefined) return false;
    const result = (relu ?? addition ?? node).outputs[0] as Value;
    const inputs = [
      lowering.as(x, plan.source),
      lowering.as(w, natives.filters(lowering.dims(w), plan.filters)),
      b && lowering.plain(b),
    ];
    if (addition !== undefined) {
      const target = lowering.as(otherOperand(addition, node.outputs[0] as Value) as Value, wanted);
      lowering.code(node, implementation, address, [...inputs, target]);
      lowering.alias(result, target);
      lowering.forwards.set(addition, { descriptor: primitive });
      return true;
    }
    const target = targetOf(lowering, node, result, plan.target, wanted);
    lowering.code(node, implementation, address, [...inputs, target.tensor]);
    target.finish();
    return true;
  },
});

export const generatedGradient: Implementation = {
  name: generatedName,
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const [dy, w] = node.inputs as [Value, Value];
    const plan = gradientPlan(lowering, node);
    const wanted = primitive.layout('diffSrc');
    const address = plan && wanted && codeFor(lowering, plan.sizes);
    if (plan === undefined || wanted === undefined || address === undefined) return false;
    const inputs = [
      lowering.as(dy, plan.source),
      lowering.as(w, natives.filters(lowering.dims(w), plan.filters)),
      undefined,
    ];
    const target = targetOf(lowering, node, node.outputs[0] as Value, plan.target, wanted);
    lowering.code(node, implementation, address, [...inputs, target.tensor]);
    target.finish();
    return true;
  },
};
