// What generated code (../code) is made for: sizes and distances of a window that moves over one value and gives another, in
// f32 with channels in blocks of 16, the last of which need not be full, and the layouts that go with them.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { elementBytes, type FilterTag, type Layout } from '../abi.ts';
import { furthest } from '../code/assembler.ts';
import { type ConvolutionSizes, fitsTogether } from '../code/cut.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import type { Behind } from './inside.ts';
import { type Target, targetOf } from './ways.ts';

const block = 16;
const numberBytes = elementBytes.f32;
const blockBytes = block * numberBytes;

type Four = readonly [number, number, number, number];

/** Square strides and no gaps in the window: what the code is made for. */
export function isSimple({ stride, dilation }: ConvolutionAttributes): boolean {
  return stride[0] === stride[1] && dilation[0] === 1 && dilation[1] === 1;
}

/** Bytes between neighbours of pictures in blocks of 16 channels, and between what sets of `setBlocks` blocks begin with. */
function inBlocks([, c, h, w]: Four, setBlocks: number) {
  const group = h * w * blockBytes;
  return {
    ...{ picture: Math.ceil(c / block) * group, group, set: setBlocks * group },
    ...{ channel: numberBytes, row: w * blockBytes, pixel: blockBytes },
  };
}

function rowMajor([, c, h, w]: Four) {
  const plane = h * w * numberBytes;
  return { picture: c * plane, group: 0, set: 0, channel: plane, row: w * numberBytes, pixel: numberBytes };
}

export interface Plan {
  readonly sizes: ConvolutionSizes;
  readonly source: Layout;
  readonly target: Layout;
  readonly filters: FilterPlan;
  /** Whether no block has lanes without a channel, which hold zeros. */
  readonly full: boolean;
}

/** How the code reads and writes filters. */
export interface FilterPlan {
  /** The library's name for it; grouped filters have none. */
  readonly tag: FilterTag | undefined;
  readonly filling: Filling;
  readonly divisions: number;
  readonly backwards: boolean;
}

/** A window that moves over one value and gives another: what forward and gradient have in common. */
export interface Sweep extends Behind {
  readonly from: Value;
  readonly to: Value;
  readonly window: readonly [number, number];
  readonly stride: number;
  readonly padding: readonly [number, number];
  /** Of the convolution: each reads and gives channels of its own. */
  readonly divisions: number;
  /** Pictures in bf16 by twos, as `ConvolutionSizes` has it. */
  readonly pairs: boolean;
  /** Gradients: channels are summed over that the filters give, and the window is turned around. */
  readonly backwards: boolean;
}

/** How channels fill blocks of 16. */
export interface Filling {
  readonly sets: number;
  /** Blocks of results in each set, and groups of channels that they sum over. */
  readonly blocks: number;
  readonly groups: number;
  /** Channels in each group. */
  readonly channels: number;
  readonly narrow: boolean;
}

/** `c` channels summed over and `o` given in each division; undefined where divisions would share a block. */
function fillingOf(divisions: number, c: number, o: number): Filling | undefined {
  const inBlock = block / c;
  if (divisions > 1 && c === o && c < block && Number.isInteger(inBlock) && divisions % inBlock === 0)
    return { sets: divisions / inBlock, blocks: 1, groups: 1, channels: c, narrow: true };
  if (divisions > 1 && (c % block > 0 || o % block > 0)) return undefined;
  return {
    ...{ sets: divisions, blocks: Math.ceil(o / block), groups: Math.ceil(c / block) },
    ...{ channels: Math.min(c, block), narrow: false },
  };
}

/**
 * Undefined where the code is not made for these sizes. Few channels, as those of photographs, are read row-major unless they
 * lie in blocks.
 */
export function planOf(lowering: Lowering, sweep: Sweep): Plan | undefined {
  const { natives, storageType } = lowering;
  const { from, to, window, stride, padding, divisions, backwards, pairs, bias, sum, relu } = sweep;
  const [n, c, h, width] = from.shape as Four;
  const [, o, oh, ow] = to.shape as Four;
  const [kh, kw] = window;
  const filling = fillingOf(divisions, c / divisions, o / divisions);
  const type = pairs ? 'bf16' : 'f32';
  const pictures = pairs ? n / 2 : n;
  if (storageType(from) !== type || filling === undefined || !Number.isInteger(pictures)) return undefined;
  if (filling.narrow && !fitsTogether(kw)) return undefined;
  const { sets, groups, blocks, channels, narrow } = filling;
  const blocked = natives.blocked(from.shape, type, block);
  const isBlocked = backwards || c >= block || natives.sameLayout(lowering.current(from).layout, blocked);
  const filter = (isBlocked && !narrow ? block : channels) * blockBytes;
  const filters = kh * kw * filter;
  // Ungrouped filters lie as the library blocks them, with what the network gives outermost.
  const resultsFirst = !backwards || divisions > 1;
  const between = resultsFirst
    ? { block: groups * filters, group: filters }
    : { block: filters, group: blocks * filters };
  const padded = (count: number): number => Math.ceil(count / block) * block;
  const largest = Math.max(padded(c) * h * width, padded(o) * oh * ow) * numberBytes;
  if (Math.max(largest, sets * groups * blocks * filters) >= furthest) return undefined;
  return {
    sizes: {
      ...{ pictures, pairs, groups, channels, blocks: sets * blocks, sets, narrow },
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
    filters: {
      tag: divisions === 1 ? tagOf(isBlocked, backwards) : undefined,
      ...{ filling, divisions, backwards },
    },
    source: isBlocked ? blocked : natives.plainLayout(from.shape, type),
    target: natives.blocked(to.shape, type, block),
    full: o % block === 0 && (c % block === 0 || !isBlocked),
  };
}

function tagOf(isBlocked: boolean, backwards: boolean): FilterTag {
  return backwards ? 'OIhw16o16i' : isBlocked ? 'OIhw16i16o' : 'Ohwi16o';
}

/** The filters as the code reads them. */
export function filtersOf(lowering: Lowering, node: Node, w: Value, plan: FilterPlan): Tensor {
  const { natives } = lowering;
  if (plan.tag !== undefined) return lowering.as(w, natives.filters(w.shape, plan.tag));
  return withOtherAxes(lowering, node, w, groupedLayouts(lowering, w, plan));
}

/** The bias, with zeros in lanes without a channel. */
export function biasOf(lowering: Lowering, node: Node, bias: Value): Tensor {
  const { natives } = lowering;
  const [count] = bias.shape as [number];
  if (count % block === 0) return lowering.plain(bias);
  const dims = [1, count, 1, 1];
  const layouts = { plain: natives.plainLayout(dims, 'f32'), blocked: natives.blocked(dims, 'f32', block) };
  return withOtherAxes(lowering, node, bias, layouts);
}

/**
 * Weights in blocks that count other axes than the value has, as those of groups, for which the library has an axis of their own:
 * row-major they are the same memory.
 */
export function withOtherAxes(
  lowering: Lowering,
  node: Node,
  value: Value,
  { plain, blocked }: { readonly plain: Layout; readonly blocked: Layout },
): Tensor {
  const once = lowering.isUnchanging(value);
  const made = lowering.temporary(blocked, once ? 'kept' : 'arena');
  lowering.move(node, { ...lowering.plain(value), layout: plain }, made, { once });
  return made;
}

/** Room for the gradient of filters as the code writes them, and how they come to lie in `wanted`. */
export function filterTarget(
  lowering: Lowering,
  node: Node,
  dw: Value,
  plan: FilterPlan,
  wanted: Layout,
): Target {
  const { natives } = lowering;
  if (plan.tag !== undefined)
    return targetOf(lowering, node, dw, natives.filters(dw.shape, plan.tag), wanted);
  const { plain, blocked } = groupedLayouts(lowering, dw, plan);
  const made = lowering.temporary(blocked);
  return {
    tensor: made,
    finish() {
      const whole = targetOf(lowering, node, dw, natives.plainLayout(lowering.dims(dw), 'f32'), wanted);
      lowering.move(node, made, { ...whole.tensor, layout: plain });
      whole.finish();
    },
  };
}

/**
 * Filters of grouped convolutions, row-major and as the code has them: result blocks, groups of channels, window, channels of
 * a group, lanes.
 */
function groupedLayouts({ natives }: Lowering, w: Value, { filling, divisions, backwards }: FilterPlan) {
  const { sets, narrow } = filling;
  const [outputs, inputs, kh, kw] = w.shape as Four;
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
  return { plain: natives.plainLayout(dims, 'f32'), blocked: natives.strided(dims, 'f32', strides) };
}

/** A part of a data gradient: pixels whose distances from the first are multiples of the stride, and what they meet. */
export interface GradientPhase {
  readonly sizes: ConvolutionSizes;
  /** From the first pixel of all to the first of these. */
  readonly byteOffset: number;
}

/**
 * A data gradient with a stride as dense convolutions: the pixels of one phase meet every so many elements of the filters.
 * `plan` is the gradient's with a stride of 1. Undefined where some pixels meet none, or a window begins inside of the picture.
 */
export function gradientPhases(
  { sizes, filters }: Plan,
  to: Value,
  { stride: [stride], padding }: Pick<ConvolutionAttributes, 'stride' | 'padding'>,
): GradientPhase[] | undefined {
  const [, , h, w] = to.shape as Four;
  const { kh, kw, target, weights } = sizes;
  const rows = axisPhases(h, kh, stride, padding[0]);
  const columns = axisPhases(w, kw, stride, padding[1]);
  if ([...rows, ...columns].some(({ taps, before }) => taps === 0 || before < 0)) return undefined;
  if (filters.filling.narrow && columns.some(({ taps }) => !fitsTogether(taps))) return undefined;
  return rows.flatMap((row) =>
    columns.map((column) => ({
      sizes: {
        ...sizes,
        ...{ oh: row.count, ow: column.count, kh: row.taps, kw: column.taps },
        padding: [row.before, column.before],
        target: { ...target, row: stride * target.row, pixel: stride * target.pixel },
        weights: {
          ...weights,
          ...{ row: stride * weights.row, column: stride * weights.column },
          first: -(row.last * weights.row + column.last * weights.column),
        },
      },
      byteOffset: row.first * target.row + column.first * target.pixel,
    })),
  );
}

/** The phases along one axis of `size` pixels. */
function axisPhases(size: number, kernel: number, stride: number, padding: number) {
  return Array.from({ length: Math.min(size, stride) }, (_, first) => {
    const tap = (first + padding) % stride;
    const taps = Math.max(0, Math.ceil((kernel - tap) / stride));
    return {
      ...{ first, taps },
      count: Math.ceil((size - first) / stride),
      /** The element of the filter that meets what comes first. */
      last: tap + stride * (taps - 1),
      before: taps - 1 - Math.floor((first + padding) / stride),
    };
  });
}

export function windowOf(w: Value): readonly [number, number] {
  return w.shape.slice(2) as [number, number];
}
