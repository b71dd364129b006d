// 1x1 convolutions as one matrix product over all pixels, whose channels lie last: y = x w^T, dx = dy w. With a stride
// the pixels that the windows meet are gathered first, and for the gradient scattered among zeros.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { argument, type Layout } from '../abi.ts';
import { type Lowering, reluAfter, type Tensor } from '../lowering.ts';
import { canCopy, clearPictures, copyPictures, type Pictures, picturesOf, within } from './pictures.ts';
import { type Implementation, targetOf } from './ways.ts';

function isPointwise(node: Node, filters: Value): boolean {
  const { padding, groups } = node.attributes as ConvolutionAttributes;
  const [, , kh, kw] = filters.shape;
  return kh === 1 && kw === 1 && groups === 1 && padding[0] === 0 && padding[1] === 0;
}

function isDense({ stride }: ConvolutionAttributes): boolean {
  return stride[0] === 1 && stride[1] === 1;
}

/** Filters as a matrix of outputs x channels, row-major, in the type of the activations. */
function filterMatrix(lowering: Lowering, w: Value, type: Layout['type']): Tensor {
  const { natives } = lowering;
  const [o, c] = w.shape as [number, number];
  const { storage } = lowering.as(w, natives.plainLayout(lowering.dims(w), type));
  return { layout: natives.plainLayout([o, c], type), storage };
}

export const pointwise: Implementation = {
  name: 'matrix product',
  lower(lowering, node, primitive) {
    const { natives, fusion } = lowering;
    const attributes = node.attributes as ConvolutionAttributes;
    const [x, w, b] = node.inputs as [Value, Value, Value?];
    const handed = primitive.layout('src');
    const wanted = primitive.layout('dst');
    if (!isPointwise(node, w) || handed === undefined || wanted === undefined) return false;
    const relu = fusion.reluAfter.get(node);
    const y = (relu ?? node).outputs[0] as Value;
    const type = lowering.storageType(x);
    const [n, o, oh, ow] = y.shape as [number, number, number, number];
    const c = x.shape[1] as number;
    const pixels = n * oh * ow;
    const asked = {
      src: natives.plainLayout([pixels, c], type),
      weights: natives.strided([c, o], type, [1, c]),
      bias: b && natives.plainLayout([1, o], 'f32'),
      dst: natives.plainLayout([pixels, o], type),
    };
    const product = natives.describe('matrixProduct', asked, relu ? reluAfter : []);
    if (product === undefined) return false;
    const source = isDense(attributes)
      ? lowering.as(x, natives.channelsLast(x.shape, type))
      : gather(lowering, node, x, handed, [n, c, oh, ow]);
    if (source === undefined) return false;
    const weights = filterMatrix(lowering, w, type);
    const target = targetOf(lowering, node, y, natives.channelsLast(y.shape, type), wanted);
    lowering.step(
      node,
      product,
      [
        [argument.src, { ...source, layout: asked.src }],
        [argument.weights, { ...weights, layout: asked.weights }],
        ...(b && asked.bias ? [[argument.bias, { ...lowering.plain(b), layout: asked.bias }] as const] : []),
      ],
      [[argument.dst, { ...target.tensor, layout: asked.dst }]],
    );
    target.finish();
    return true;
  },
};

export const pointwiseGradient: Implementation = {
  name: 'matrix product',
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const attributes = node.attributes as ConvolutionAttributes;
    const [dy, w] = node.inputs as [Value, Value];
    const dx = node.outputs[0] as Value;
    const wanted = primitive.layout('diffSrc');
    if (!isPointwise(node, w) || wanted === undefined) return false;
    const type = lowering.storageType(dy);
    const [n, o, oh, ow] = dy.shape as [number, number, number, number];
    const c = dx.shape[1] as number;
    const pixels = n * oh * ow;
    const asked = {
      src: natives.plainLayout([pixels, o], type),
      weights: natives.plainLayout([o, c], type),
      dst: natives.plainLayout([pixels, c], type),
    };
    const product = natives.describe('matrixProduct', asked);
    if (product === undefined) return false;
    const dense = isDense(attributes);
    const room = dense ? undefined : picturesOf(natives, { layout: wanted, storage: scattered(wanted) });
    if (!dense && room === undefined) return false;
    const gradient = lowering.as(dy, natives.channelsLast(dy.shape, type));
    const inputs = [
      [argument.src, { ...gradient, layout: asked.src }],
      [argument.weights, filterMatrix(lowering, w, type)],
    ] as const;
    if (room === undefined) {
      const target = targetOf(lowering, node, dx, natives.channelsLast(dx.shape, type), wanted);
      lowering.step(node, product, inputs, [[argument.dst, { ...target.tensor, layout: asked.dst }]]);
      target.finish();
      return true;
    }
    const made = lowering.temporary(natives.channelsLast([n, c, oh, ow], type));
    lowering.step(node, product, inputs, [[argument.dst, { ...made, layout: asked.dst }]]);
    const { storage } = lowering.define(dx, wanted);
    scatter(lowering, node, picturesOf(natives, made) as Pictures, { ...room, storage }, attributes.stride);
    return true;
  },
};

/** Stands for a storage that is not there yet. */
function scattered({ bytes }: Layout): Tensor['storage'] {
  return { place: 'arena', bytes, first: 0, last: 0, offset: 0 };
}

/** The pixels that the windows meet, with their channels last. */
function gather(
  lowering: Lowering,
  node: Node,
  x: Value,
  handed: Layout,
  [n, c, h, w]: readonly [number, number, number, number],
): Tensor | undefined {
  const { natives } = lowering;
  const made = lowering.temporary(natives.channelsLast([n, c, h, w], lowering.storageType(x)));
  const to = picturesOf(natives, made);
  const from = picturesOf(natives, lowering.as(x, handed));
  if (from === undefined || to === undefined || !canCopy(from, to)) return undefined;
  const { stride } = node.attributes as ConvolutionAttributes;
  copyPictures(lowering, node, within(from, { top: 0, left: 0, h, w, step: stride }), to);
  return made;
}

/** Every stride-th pixel; all others are zero. */
function scatter(
  lowering: Lowering,
  node: Node,
  from: Pictures,
  to: Pictures,
  stride: readonly [number, number],
): void {
  for (let top = 0; top < stride[0]; top++) {
    for (let left = 0; left < stride[1]; left++) {
      const h = Math.ceil((to.h - top) / stride[0]);
      const w = Math.ceil((to.w - left) / stride[1]);
      const phase = within(to, { top, left, h, w, step: stride });
      if (top > 0 || left > 0) {
        clearPictures(lowering, node, phase);
        continue;
      }
      copyPictures(lowering, node, from, within(to, { top, left, h: from.h, w: from.w, step: stride }));
      clearPictures(lowering, node, within(phase, { top: from.h, left: 0, h: h - from.h, w }));
      clearPictures(lowering, node, within(phase, { top: 0, left: from.w, h: from.h, w: w - from.w }));
    }
  }
}
