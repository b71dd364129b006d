// Convolutions and their data gradients by code that is generated for their sizes (../code/convolution.ts): f32 on AVX-512,
// where channels fill blocks of 16. A data gradient is the convolution of the result's gradient with the filters turned around.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { elementBytes, type FilterTag, type Layout } from '../abi.ts';
import { convolutionCode } from '../code/convolution.ts';
import { type ConvolutionSizes, cutOf, fitsTogether, flattened } from '../code/cut.ts';
import { otherOperand } from '../fusion.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import { type Implementation, targetOf } from './ways.ts';

export const generatedName = 'generated code';
const implementation = 'generated:avx512';
const block = 16;
const numberBytes = elementBytes.f32;
const blockBytes = block * numberBytes;
/** Distances are part of instructions, which have 32 bits for them. */
const furthest = 2 ** 31;

type Four = readonly [number, number, number, number];

/** Square strides and no gaps in the window: what the code is made for. */
function isSimple({ stride, dilation }: ConvolutionAttributes): boolean {
  return stride[0] === stride[1] && dilation[0] === 1 && dilation[1] === 1;
}

/** Bytes between neighbours of pictures in blocks of 16 channels, and between what sets of `setBlocks` blocks begin with. */
function inBlocks([, c, h, w]: Four, setBlocks: number) {
  const group = h * w * blockBytes;
  return {
    ...{ picture: c * h * w * numberBytes, group, set: setBlocks * group },
    ...{ channel: numberBytes, row: w * blockBytes, pixel: blockBytes },
  };
}

function rowMajor([, c, h, w]: Four) {
  const plane = h * w * numberBytes;
  return { picture: c * plane, group: 0, set: 0, channel: plane, row: w * numberBytes, pixel: numberBytes };
}

interface Behind {
  readonly bias: boolean;
  readonly sum: boolean;
  readonly relu: boolean;
}

interface Plan {
  readonly sizes: ConvolutionSizes;
  readonly source: Layout;
  readonly target: Layout;
  /** The filters as the code reads them. */
  filters(lowering: Lowering, node: Node, w: Value): Tensor;
}

/** A window that moves over one value and gives another: what forward and gradient have in common. */
interface Sweep extends Behind {
  readonly from: Value;
  readonly to: Value;
  readonly window: readonly [number, number];
  readonly stride: number;
  readonly padding: readonly [number, number];
  /** Of the convolution: each reads and gives channels of its own. */
  readonly divisions: number;
  /** Gradients: channels are summed over that the filters give, and the window is turned around. */
  readonly backwards: boolean;
}

/** How channels fill blocks of 16. */
interface Filling {
  readonly sets: number;
  /** Blocks of results in each set, and groups of channels that they sum over. */
  readonly blocks: number;
  readonly groups: number;
  /** Channels in each group. */
  readonly channels: number;
  readonly narrow: boolean;
}

/** `c` channels summed over and `o` given in each division; undefined where they do not fill blocks. */
function fillingOf(divisions: number, c: number, o: number): Filling | undefined {
  const inBlock = block / c;
  if (divisions > 1 && c === o && c < block && Number.isInteger(inBlock) && divisions % inBlock === 0)
    return { sets: divisions / inBlock, blocks: 1, groups: 1, channels: c, narrow: true };
  if (o % block > 0) return undefined;
  const whole = { sets: divisions, blocks: o / block, narrow: false };
  if (c % block === 0) return { ...whole, groups: c / block, channels: block };
  return divisions === 1 && c <= block ? { ...whole, groups: 1, channels: c } : undefined;
}

/** Undefined where the code is not made for these sizes. Few channels, as those of photographs, are read row-major. */
function planOf({ natives, storageType }: Lowering, sweep: Sweep): Plan | undefined {
  const { from, to, window, stride, padding, divisions, backwards, bias, sum, relu } = sweep;
  const [n, c, h, width] = from.shape as Four;
  const [, o, oh, ow] = to.shape as Four;
  const [kh, kw] = window;
  const filling = fillingOf(divisions, c / divisions, o / divisions);
  if (storageType(from) !== 'f32' || filling === undefined || padding[0] < 0 || padding[1] < 0)
    return undefined;
  const isBlocked = c % block === 0;
  if (!isBlocked && backwards) return undefined;
  if (filling.narrow && !fitsTogether(kw)) return undefined;
  const { sets, groups, blocks, channels, narrow } = filling;
  const filter = channels * blockBytes;
  const filters = kh * kw * filter;
  // Ungrouped filters lie as the library blocks them, with what the network gives outermost.
  const resultsFirst = !backwards || divisions > 1;
  const between = resultsFirst
    ? { block: groups * filters, group: filters }
    : { block: filters, group: blocks * filters };
  const largest = Math.max(c * h * width, o * oh * ow) * numberBytes;
  if (Math.max(largest, sets * groups * blocks * filters) >= furthest) return undefined;
  return {
    sizes: {
      ...{ pictures: n, groups, channels, blocks: sets * blocks, sets, narrow },
      ...{ h, w: width, oh, ow, kh, kw, stride, padding },
      source: isBlocked ? inBlocks(from.shape as Four, groups) : rowMajor(from.shape as Four),
      target: inBlocks(to.shape as Four, 1),
      weights: {
        ...{ set: groups * blocks * filters, ...between, channel: blockBytes },
        ...(backwards
          ? { row: -kw * filter, column: -filter, first: filters - filter }
          : { row: kw * filter, column: filter, first: 0 }),
      },
      ...{ bias, sum, relu },
    },
    filters: (lowering, node, w) =>
      divisions === 1
        ? lowering.as(w, natives.filters(w.shape, tagOf(isBlocked, backwards)))
        : groupedFilters(lowering, node, w, { filling, divisions, backwards }),
    source: isBlocked ? natives.blocked(from.shape, 'f32', block) : natives.plainLayout(from.shape, 'f32'),
    target: natives.blocked(to.shape, 'f32', block),
  };
}

function tagOf(isBlocked: boolean, backwards: boolean): FilterTag {
  return backwards ? 'OIhw16o16i' : isBlocked ? 'OIhw16i16o' : 'Ohwi16o';
}

/** Filters of grouped convolutions: result blocks, groups of channels, window, channels of a group, lanes. */
function groupedFilters(
  lowering: Lowering,
  node: Node,
  w: Value,
  { filling, divisions, backwards }: { filling: Filling; divisions: number; backwards: boolean },
): Tensor {
  const { natives } = lowering;
  const { sets, narrow } = filling;
  const [outputs, inputs, kh, kw] = w.shape as Four;
  const once = lowering.isUnchanging(w);
  // Axes as the graph has them, outermost first, and their order for the code.
  const inBlock = divisions / sets;
  const o = outputs / divisions;
  const [dims, order] = narrow
    ? [[sets, inBlock, o, inputs, kh * kw], backwards ? [0, 4, 2, 1, 3] : [0, 4, 3, 1, 2]]
    : [
        [sets, o / block, block, inputs / block, block, kh * kw],
        backwards ? [0, 3, 1, 5, 2, 4] : [0, 1, 3, 5, 4, 2],
      ];
  const strides: number[] = [];
  let distance = 1;
  for (const axis of order.toReversed()) {
    strides[axis] = distance;
    distance *= dims[axis] as number;
  }
  const made = lowering.temporary(natives.strided(dims, 'f32', strides), once ? 'kept' : 'arena');
  const own = { ...lowering.plain(w), layout: natives.plainLayout(dims, 'f32') };
  lowering.move(node, own, made, { once });
  return made;
}

function windowOf(w: Value): readonly [number, number] {
  return w.shape.slice(2) as [number, number];
}

function forwardPlan(lowering: Lowering, node: Node, behind: Behind): Plan | undefined {
  const attributes = node.attributes as ConvolutionAttributes;
  const { stride, padding, groups: divisions } = attributes;
  const [from, w] = node.inputs as [Value, Value];
  if (!isSimple(attributes)) return undefined;
  const to = node.outputs[0] as Value;
  const sweep = { from, to, window: windowOf(w), stride: stride[0], padding, divisions, backwards: false };
  return planOf(lowering, { ...sweep, ...behind });
}

function gradientPlan(lowering: Lowering, node: Node): Plan | undefined {
  const attributes = node.attributes as ConvolutionAttributes;
  const { stride, padding, groups: divisions } = attributes;
  const [from, w] = node.inputs as [Value, Value];
  if (!isSimple(attributes) || stride[0] !== 1) return undefined;
  const window = windowOf(w);
  const around = [window[0] - 1 - padding[0], window[1] - 1 - padding[1]] as const;
  const to = node.outputs[0] as Value;
  const sweep = { from, to, window, stride: 1, padding: around, divisions, backwards: true };
  return planOf(lowering, { ...sweep, bias: false, sum: false, relu: false });
}

function codeFor({ natives }: Lowering, sizes: ConvolutionSizes): bigint | undefined {
  const flat = flattened(sizes);
  return natives.code(JSON.stringify(flat), (team) => convolutionCode(flat, cutOf(flat), team));
}

/** Forward; `withSum`: with the addition behind the node inside, over what its other operand left in memory. */
export const generated = (withSum: boolean): Implementation => ({
  name: generatedName,
  isFrugal: true,
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
    const inputs = [lowering.as(x, plan.source), plan.filters(lowering, node, w), b && lowering.plain(b)];
    if (addition !== undefined) {
      const target = lowering.as(otherOperand(addition, node.outputs[0] as Value) as Value, wanted);
      lowering.code(node, { implementation, address, instead: primitive }, [...inputs, target]);
      lowering.alias(result, target);
      lowering.forwards.set(addition, { descriptor: primitive });
      return true;
    }
    const target = targetOf(lowering, node, result, plan.target, wanted);
    lowering.code(node, { implementation, address, instead: primitive }, [...inputs, target.tensor]);
    target.finish();
    return true;
  },
});

export const generatedGradient: Implementation = {
  name: generatedName,
  isFrugal: true,
  lower(lowering, node, primitive) {
    const [dy, w] = node.inputs as [Value, Value];
    const plan = gradientPlan(lowering, node);
    const wanted = primitive.layout('diffSrc');
    const address = plan && wanted && codeFor(lowering, plan.sizes);
    if (plan === undefined || wanted === undefined || address === undefined) return false;
    const inputs = [lowering.as(dy, plan.source), plan.filters(lowering, node, w), undefined];
    const target = targetOf(lowering, node, node.outputs[0] as Value, plan.target, wanted);
    lowering.code(node, { implementation, address, instead: primitive }, [...inputs, target.tensor]);
    target.finish();
    return true;
  },
};
