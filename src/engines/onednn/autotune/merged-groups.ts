// Groups of few channels (ResNeXt 32x4d has four) leave most lanes of a vector idle. Several groups run as one, whose
// filters are zero between channels that do not belong together: more products, on full vectors. In the gradient of
// the filters what lies between foreign channels is left out.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { rowMajorStrides } from '../../../graph/tensor.ts';
import { argument, elementBytes, type Layout, type WindowGeometry } from '../abi.ts';
import { type Lowering, reluAfter, type Tensor } from '../lowering.ts';
import type { Natives } from '../natives.ts';
import { type Implementation, targetOf } from './ways.ts';

/** Channels of a merged group: as many as AVX2, AVX-512 and an AMX tile take at once. */
const widths = [8, 16, 32] as const;

interface Merging {
  /** Groups that run as one. */
  readonly count: number;
  /** Of the merged filters: groups, outputs, channels, height, width. */
  readonly dims: readonly [number, number, number, number, number];
  readonly window: WindowGeometry;
}

function mergingOf(node: Node, filters: Value, width: number): Merging | undefined {
  const { groups, stride, padding, dilation } = node.attributes as ConvolutionAttributes;
  const [outputs, c, kh, kw] = filters.shape as [number, number, number, number];
  const count = width / c;
  if (groups === 1 || c >= width || !Number.isInteger(count) || groups % count !== 0) return undefined;
  const dilates = dilation.map((step) => step - 1);
  return {
    count,
    dims: [groups / count, (outputs / groups) * count, width, kh, kw],
    window: { strides: stride, dilates, padLeft: padding, padRight: padding },
  };
}

/** The filters of every `count`-th group from the `index`-th on, inside merged filters and inside those of the graph. */
function corners(natives: Natives, { count, dims }: Merging, index: number, merged: Tensor, own: Tensor) {
  const [groups, outputs, width, kh, kw] = dims;
  const [o, c] = [outputs / count, width / count];
  const corner = [groups, o, c, kh, kw];
  const inside = rowMajorStrides(dims);
  const [group = 0, output = 0, channel = 0, ...rest] = rowMajorStrides([groups * count, o, c, kh, kw]);
  const first = (index * o * (inside[1] as number) + index * c * (inside[2] as number)) * elementBytes.f32;
  return {
    merged: { layout: natives.strided(corner, 'f32', inside), storage: merged.storage, byteOffset: first },
    own: {
      layout: natives.strided(corner, 'f32', [group * count, output, channel, ...rest]),
      storage: own.storage,
      byteOffset: index * group * elementBytes.f32,
    },
  };
}

/** Merged filters in a layout that a primitive asks for. */
function mergedFilters(lowering: Lowering, node: Node, w: Value, merging: Merging, asked: Layout): Tensor {
  const { natives } = lowering;
  const once = lowering.isUnchanging(w);
  const place = once ? 'kept' : 'arena';
  const layout = natives.plainLayout(merging.dims, 'f32');
  const merged = lowering.temporary(layout, place);
  const zeros = lowering.constant(layout.bytes / elementBytes.f32, 0, 'f32');
  lowering.move(node, { ...zeros, layout }, merged, { once });
  const own = lowering.plain(w);
  for (let i = 0; i < merging.count; i++) {
    const corner = corners(natives, merging, i, merged, own);
    lowering.move(node, corner.own, corner.merged, { once });
  }
  const result = lowering.temporary(asked, place);
  lowering.move(node, merged, result, { once });
  return result;
}

const nameOf = (width: number): string => `merged groups of ${width} channels`;

export const mergedForward: readonly Implementation[] = widths.map((width) => ({
  name: nameOf(width),
  lower(lowering, node, primitive) {
    const { natives, fusion } = lowering;
    const [x, w, b] = node.inputs as [Value, Value, Value?];
    const merging = mergingOf(node, w, width);
    const relu = fusion.reluAfter.get(node);
    const y = (relu ?? node).outputs[0] as Value;
    const descriptor =
      merging &&
      natives.describe(
        'convolutionForward',
        {
          ...merging.window,
          src: lowering.any(x),
          weights: natives.anyLayout(merging.dims, lowering.storageType(x)),
          bias: b && lowering.plain(b).layout,
          dst: lowering.any(y),
        },
        relu ? reluAfter : [],
      );
    if (merging === undefined || descriptor === undefined) return false;
    const inputs = [
      [argument.src, lowering.as(x, descriptor.layout('src') as Layout)],
      [argument.weights, mergedFilters(lowering, node, w, merging, descriptor.layout('weights') as Layout)],
      ...(b ? [[argument.bias, lowering.plain(b)] as const] : []),
    ] as const;
    const [made, wanted] = [descriptor.layout('dst') as Layout, primitive.layout('dst') as Layout];
    const target = targetOf(lowering, node, y, made, wanted);
    lowering.step(node, descriptor, inputs, [[argument.dst, target.tensor]]);
    target.finish();
    return true;
  },
}));

export const mergedGradient: readonly Implementation[] = widths.map((width) => ({
  name: nameOf(width),
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const [dy, w] = node.inputs as [Value, Value];
    const dx = node.outputs[0] as Value;
    const merging = mergingOf(node, w, width);
    if (merging === undefined) return false;
    const asked = {
      ...merging.window,
      src: lowering.any(dx),
      weights: natives.anyLayout(merging.dims, lowering.storageType(dy)),
      dst: lowering.any(dy),
    };
    const hint = natives.describe('convolutionForward', asked);
    const descriptor = hint && natives.describe('convolutionBackwardData', { ...asked, hint });
    if (descriptor === undefined) return false;
    const inputs = [
      [argument.diffDst, lowering.as(dy, descriptor.layout('diffDst') as Layout)],
      [argument.weights, mergedFilters(lowering, node, w, merging, descriptor.layout('weights') as Layout)],
    ] as const;
    const [made, wanted] = [descriptor.layout('diffSrc') as Layout, primitive.layout('diffSrc') as Layout];
    const target = targetOf(lowering, node, dx, made, wanted);
    lowering.step(node, descriptor, inputs, [[argument.diffSrc, target.tensor]]);
    target.finish();
    return true;
  },
}));

export const mergedWeightGradient: readonly Implementation[] = widths.map((width) => ({
  name: nameOf(width),
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const [x, dy] = node.inputs as [Value, Value];
    const [dw, db] = node.outputs as [Value, Value?];
    const merging = mergingOf(node, dw, width);
    if (merging === undefined) return false;
    const asked = {
      ...merging.window,
      src: lowering.any(x),
      weights: natives.anyLayout(merging.dims, lowering.storageType(x)),
      bias: db && lowering.plainLayout(db),
      dst: lowering.any(dy),
    };
    const hint = natives.describe('convolutionForward', asked);
    const weights = natives.anyLayout(merging.dims, 'f32');
    const descriptor = hint && natives.describe('convolutionBackwardWeights', { ...asked, weights, hint });
    if (descriptor === undefined) return false;
    const made = lowering.temporary(descriptor.layout('diffWeights') as Layout);
    lowering.step(
      node,
      descriptor,
      [
        [argument.src, lowering.as(x, descriptor.layout('src') as Layout)],
        [argument.diffDst, lowering.as(dy, descriptor.layout('diffDst') as Layout)],
      ],
      [
        [argument.diffWeights, made],
        ...(db ? [[argument.diffBias, lowering.define(db, lowering.plainLayout(db))] as const] : []),
      ],
    );
    const merged = lowering.temporary(natives.plainLayout(merging.dims, 'f32'));
    lowering.move(node, made, merged);
    const own = lowering.temporary(natives.plainLayout(lowering.dims(dw), 'f32'));
    for (let i = 0; i < merging.count; i++) {
      const corner = corners(natives, merging, i, merged, own);
      lowering.move(node, corner.merged, corner.own);
    }
    lowering.move(node, own, lowering.define(dw, primitive.layout('diffWeights') as Layout));
    return true;
  },
}));
