// Ops that move numbers without computing: concat, slice, pad, reshape. Every n-th pixel is what a mean over windows of
// one pixel gives that stand n apart; zeros between pixels are its gradient, and zeros around channels a concatenation.
import type { Node, Value } from '../../../graph/graph.ts';
import type { PadAttributes, SliceAttributes } from '../../../graph/ops/slice-pad.ts';
import type { Shape } from '../../../graph/tensor.ts';
import { argument, type Layout } from '../abi.ts';
import type { Kernel, Lowering, Tensor } from '../lowering.ts';
import { isPadded } from './layouts.ts';

export const concat: Kernel = (lowering, node) => {
  const sources = node.inputs.map((value) => lowering.current(value));
  const descriptor = lowering.natives.describe('concat', {
    axis: node.attributes.axis,
    sources: sources.map(({ layout }) => layout),
    dst: null,
  });
  if (descriptor === undefined) return false;
  const result = lowering.define(node.outputs[0] as Value, descriptor.layout('dst') as Layout);
  lowering.step(
    node,
    descriptor,
    sources.map((source, i) => [argument.multipleSources + i, source] as const),
    [[argument.dst, result]],
  );
  return true;
};

/** A slice without steps is a copy out of a box; the box may not cut a block of channels, or is taken row-major. */
export const slice: Kernel = (lowering, node) => {
  const { natives } = lowering;
  const { start, size, step } = node.attributes as SliceAttributes;
  const x = node.inputs[0] as Value;
  const y = node.outputs[0] as Value;
  if (step.some((distance) => distance !== 1))
    return start.every((first) => first === 0) && takePixels(lowering, node, x, y, step);
  const current = lowering.current(x);
  const inBlocks = natives.sublayout(current.layout, size, start);
  const whole = inBlocks === undefined ? lowering.nativePlain(x) : current;
  const box = inBlocks ?? natives.sublayout(whole.layout, size, start);
  if (box === undefined) return false;
  const target = natives.layoutLike(whole.layout, lowering.dims(y));
  const descriptor = natives.describe('reorder', { src: box, dst: target });
  if (descriptor === undefined) return false;
  lowering.step(
    node,
    descriptor,
    [[argument.src, { layout: box, storage: whole.storage }]],
    [[argument.dst, lowering.define(y, target)]],
  );
  return true;
};

function pixels(whole: Shape, part: Shape, step: readonly number[]) {
  const [n, c, h, w] = whole as [number, number, number, number];
  const [, , vertical = 1, horizontal = 1] = step;
  const taken = [n, c, Math.ceil(h / vertical), Math.ceil(w / horizontal)];
  const fits = whole.length === 4 && taken.every((size, axis) => size === part[axis]);
  if (!fits || step[0] !== 1 || step[1] !== 1) return undefined;
  const none = [0, 0] as const;
  return {
    algorithm: 'averageExcludingPadding' as const,
    kernel: [1, 1],
    strides: [vertical, horizontal],
    dilates: none,
    padLeft: none,
    padRight: none,
  };
}

function takePixels(lowering: Lowering, node: Node, x: Value, y: Value, step: readonly number[]): boolean {
  const window = pixels(x.shape, y.shape, step);
  if (window === undefined) return false;
  const source = lowering.current(x);
  const descriptor = lowering.natives.describe('poolingForward', {
    ...window,
    training: false,
    src: source.layout,
    dst: lowering.any(y),
  });
  if (descriptor === undefined) return false;
  const result = lowering.define(y, descriptor.layout('dst') as Layout);
  lowering.step(node, descriptor, [[argument.src, source]], [[argument.dst, result]]);
  return true;
}

export const pad: Kernel = (lowering, node) => {
  const { before, after, interior } = node.attributes as PadAttributes;
  const x = node.inputs[0] as Value;
  if (x.shape.length !== 4) return false;
  const isNone = (amounts: readonly number[]): boolean => amounts.every((amount) => amount === 0);
  if (isNone(before) && !isNone(interior)) return spreadPixels(lowering, node, interior);
  const elsewhere = [before, after].some((amounts) => !isNone(amounts.toSpliced(1, 1)));
  return !elsewhere && isNone(interior) && addChannels(lowering, node, before[1] ?? 0, after[1] ?? 0);
};

function spreadPixels(lowering: Lowering, node: Node, interior: readonly number[]): boolean {
  const { natives } = lowering;
  const [x, y] = [node.inputs[0] as Value, node.outputs[0] as Value];
  const window = pixels(
    y.shape,
    x.shape,
    interior.map((zeros) => zeros + 1),
  );
  if (window === undefined) return false;
  const source = lowering.current(x);
  const src = natives.layoutLike(source.layout, lowering.dims(y));
  const hint = natives.describe('poolingForward', { ...window, training: true, src, dst: source.layout });
  const request = hint && { ...window, src, dst: source.layout, hint };
  const descriptor = request && natives.describe('poolingBackward', request);
  if (descriptor === undefined) return false;
  const spread = lowering.define(y, src);
  lowering.step(node, descriptor, [[argument.diffDst, source]], [[argument.diffSrc, spread]]);
  return true;
}

function addChannels(lowering: Lowering, node: Node, before: number, after: number): boolean {
  const { natives } = lowering;
  const [x, y] = [node.inputs[0] as Value, node.outputs[0] as Value];
  const [n, , ...sizes] = x.shape as [number, number, ...number[]];
  const zeros = (like: Tensor, channels: number): Tensor[] => {
    if (channels === 0) return [];
    const layout = natives.layoutLike(like.layout, [n, channels, ...sizes]);
    const count = layout.dims.reduce((product, size) => product * size, 1);
    return [{ layout, storage: lowering.constant(count, 0, layout.type).storage }];
  };
  const blocked = lowering.current(x);
  const partsOf = (source: Tensor) => [...zeros(source, before), source, ...zeros(source, after)];
  // Channels that do not fill their blocks lie row-major.
  const isWhole = [before, after, x.shape[1] as number].every(
    (channels) => channels === 0 || !isPadded(natives.layoutLike(blocked.layout, [n, channels, ...sizes])),
  );
  const source = isWhole ? blocked : lowering.nativePlain(x);
  const parts = partsOf(source);
  // Left to choose, the library follows the first part: one block of channels also lies as if they came last.
  const dst = natives.layoutLike(source.layout, lowering.dims(y));
  const descriptor = natives.describe('concat', { axis: 1, sources: parts.map(({ layout }) => layout), dst });
  if (descriptor === undefined) return false;
  const result = lowering.define(y, dst);
  const sources = parts.map((part, i) => [argument.multipleSources + i, part] as const);
  lowering.step(node, descriptor, sources, [[argument.dst, result]]);
  return true;
}

/** Row-major numbers under other sizes: the same memory, no step. */
export const reshape: Kernel = (lowering, node) => {
  const y = node.outputs[0] as Value;
  const { storage } = lowering.nativePlain(node.inputs[0] as Value);
  lowering.alias(y, { layout: lowering.plainLayout(y), storage });
  return true;
};
