// 3x3 windows by Winograd's algorithm as code of our own (../code/winograd.ts), in f32 on AVX-512 and in bf16 on CPUs
// whose vectors multiply it: forward, and as the gradient of the data, which is the convolution of the result's gradient
// with the filters turned around, in each group by itself. Tiles of 2x2 take sums of four numbers alone, which bf16 bears;
// larger ones cancel too much.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import type { FilterTag, FloatType, PrimitiveDescriptor } from '../abi.ts';
import { type WinogradSizes, winogradCode, winogradCutOf } from '../code/winograd.ts';
import { type WinogradFilters, winogradFilterBytes, winogradFiltersCode } from '../code/winograd-filters.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import { isSimple, windowOf, withOtherAxes } from './generated-plan.ts';
import { type Behind, insideOf, lowerInto } from './inside.ts';
import type { Implementation } from './ways.ts';

export const ownWinogradNames: Readonly<Record<FloatType, string>> = {
  f32: 'generated winograd of 2x2',
  bf16: 'winograd of 2x2, in bf16',
};
export const implementations: Readonly<Record<FloatType, string>> = {
  f32: 'generated:avx512_winograd',
  bf16: 'generated:avx512_bf16_winograd',
};
const window = 3;
/** Channels in a block. */
export const block = 16;

type Four = readonly [number, number, number, number];

/** What goes over which picture and gives what; of a gradient the data's takes and gives the opposite. */
interface Parts {
  readonly x: Value;
  readonly w: Value;
  readonly y: Value;
}

/** Undefined where the code is not made for a node. */
export function sizesOf(
  { natives, storageType }: Lowering,
  node: Node,
  { x, w, y }: Parts,
  { type, backwards = false, ...behind }: Behind & { readonly type: FloatType; readonly backwards?: boolean },
): WinogradSizes | undefined {
  const attributes = node.attributes as ConvolutionAttributes;
  const { groups: sets } = attributes;
  const [pictures, allChannels, height, width] = x.shape as Four;
  const [, allResults, oh, ow] = y.shape as Four;
  const [channels, results] = [allChannels / sets, allResults / sets];
  const fits =
    (type === 'f32' || natives.bf16Units === 'vectors') &&
    storageType(x) === type &&
    isSimple(attributes) &&
    attributes.stride[0] === 1 &&
    windowOf(w).every((size) => size === window) &&
    attributes.padding.every((size) => size < window) &&
    [channels, results].every((count) => count % block === 0);
  if (!fits) return undefined;
  const [top, left] = attributes.padding;
  return {
    ...{ type, pictures, sets, channels, results, h: height, w: width, oh, ow },
    padding: backwards ? [window - 1 - top, window - 1 - left] : [top, left],
    ...behind,
  };
}

interface Codes {
  readonly type: FloatType;
  readonly filters: bigint;
  readonly filterBytes: number;
  readonly convolution: bigint;
  readonly scratchBytes: number;
}

/** Undefined where no code runs. */
function codesFor({ natives }: Lowering, sizes: WinogradSizes, backwards: boolean): Codes | undefined {
  const cut = winogradCutOf(sizes, natives.library.threads(0));
  const { type, sets, channels, results } = sizes;
  const { blocks } = cut;
  const transformed: WinogradFilters = { type, sets, channels, results, blocks, backwards };
  const convolution = natives.code(`winograd ${JSON.stringify([sizes, cut])}`, (team) =>
    winogradCode(sizes, cut, team),
  );
  const filters = natives.code(`winograd filters ${JSON.stringify(transformed)}`, (team) =>
    winogradFiltersCode(transformed, team),
  );
  if (convolution === undefined || filters === undefined) return undefined;
  const filterBytes = winogradFilterBytes(transformed);
  return { type, filters, filterBytes, convolution, scratchBytes: cut.threads * cut.room };
}

/** The steps of a node up to the one that writes `target`. */
function lowerTo(
  lowering: Lowering,
  node: Node,
  instead: PrimitiveDescriptor,
  { type, filters, filterBytes, convolution, scratchBytes }: Codes,
  { backwards, bias, target }: { backwards: boolean; bias?: Value | undefined; target: () => Tensor },
): void {
  const { natives } = lowering;
  const [x, w] = node.inputs as [Value, Value];
  const once = lowering.isUnchanging(w);
  const given = filtersAs(lowering, node, w, backwards ? 'OIhw16o16i' : 'OIhw16i16o');
  const bytes = (count: number) => natives.plainLayout([count], 'u8');
  const transformed = lowering.temporary(bytes(filterBytes), once ? 'kept' : 'arena');
  const code = { implementation: implementations[type], instead };
  lowering.code(node, { ...code, address: filters }, [given, transformed], { op: 'filters', once });
  const picture = lowering.as(x, natives.blocked(x.shape, type, block));
  const shift = bias && lowering.plain(bias);
  lowering.code(node, { ...code, address: convolution }, [picture, transformed, shift, target()], {
    scratch: lowering.temporary(bytes(scratchBytes)),
  });
}

/** Filters in blocks, those of groups one after the other. */
function filtersAs(lowering: Lowering, node: Node, w: Value, tag: FilterTag): Tensor {
  const { natives } = lowering;
  const blocked = natives.filters(w.shape, tag);
  if (lowering.dims(w).length === w.shape.length) return lowering.as(w, blocked);
  return withOtherAxes(lowering, node, w, { plain: natives.plainLayout(w.shape, 'f32'), blocked });
}

/** Transformed filters in f32 are nearly twice as large as those that everybody keeps. */
function isFrugal(type: FloatType): boolean {
  return type === 'bf16';
}

/** Forward; `withSum`: with the addition behind the node inside, over what its other operand left in memory. */
export const ownWinograd = (type: FloatType, withSum: boolean): Implementation => ({
  name: ownWinogradNames[type],
  isFrugal: isFrugal(type),
  lower(lowering, node, primitive) {
    const [x, w, bias] = node.inputs as [Value, Value, Value?];
    const inside = insideOf(lowering, node, withSum);
    const sizes = sizesOf(lowering, node, { x, w, y: node.outputs[0] as Value }, { type, ...inside.behind });
    const wanted = lowering.natives.blocked(inside.result.shape, type, block);
    if (sizes === undefined || !leaves(lowering, primitive, 'dst', wanted)) return false;
    const codes = codesFor(lowering, sizes, false);
    if (codes === undefined) return false;
    lowerInto(lowering, node, inside, { primitive, wanted }, (target) =>
      lowerTo(lowering, node, primitive, codes, { backwards: false, bias, target }),
    );
    return true;
  },
});

export const ownWinogradGradient = (type: FloatType): Implementation => ({
  name: ownWinogradNames[type],
  isFrugal: isFrugal(type),
  lower(lowering, node, primitive) {
    const [dy, w] = node.inputs as [Value, Value];
    const dx = node.outputs[0] as Value;
    const nothing = { type, bias: false, sum: false, relu: false };
    const sizes = sizesOf(lowering, node, { x: dy, w, y: dx }, { backwards: true, ...nothing });
    const wanted = lowering.natives.blocked(dx.shape, type, block);
    if (sizes === undefined || !leaves(lowering, primitive, 'diffSrc', wanted)) return false;
    const codes = codesFor(lowering, sizes, true);
    if (codes === undefined) return false;
    const target = () => lowering.define(dx, wanted);
    lowerTo(lowering, node, primitive, codes, { backwards: true, target });
    return true;
  },
});

/** Whether the library's first choice would leave its result there too. */
function leaves(
  { natives }: Lowering,
  primitive: PrimitiveDescriptor,
  result: 'dst' | 'diffSrc',
  wanted: Tensor['layout'],
): boolean {
  const layout = primitive.layout(result);
  return layout !== undefined && natives.sameLayout(layout, wanted);
}
