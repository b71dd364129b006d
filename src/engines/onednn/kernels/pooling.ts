// Pooling. Max pooling's switches are the library's own record of the maxima (its workspace), which only its
// own backward pass can read; where anyone else wants them, the op runs on the host instead.
import type { Node, Value } from '../../../graph/graph.ts';
import type { AveragePoolAttributes } from '../../../graph/ops/average-pool.ts';
import type { PoolingAttributes } from '../../../graph/ops/pooling.ts';
import type { Shape } from '../../../graph/tensor.ts';
import { argument, type Layout, type PoolingAlgorithm, type WindowGeometry } from '../abi.ts';
import type { Kernel, Lowering } from '../lowering.ts';

type Geometry = WindowGeometry & { kernel: readonly number[] };

/** Ceil mode is more padding on the right; undefined where a window would begin beyond what oneDNN allows. */
function geometry(a: PoolingAttributes, x: Shape, y: Shape): Geometry | undefined {
  const padRight = ([0, 1] as const).map((axis) => {
    const covered = ((y[axis + 2] as number) - 1) * a.stride[axis] + a.kernel[axis];
    return covered - (x[axis + 2] as number) - a.padding[axis];
  });
  // Windows that end before the picture does are negative padding, which oneDNN takes only as unread pixels.
  const clipped = padRight.map((pixels) => Math.max(0, pixels));
  if (clipped.some((pixels, axis) => pixels >= (a.kernel[axis] as number))) return undefined;
  return { strides: a.stride, kernel: a.kernel, dilates: [0, 0], padLeft: a.padding, padRight: clipped };
}

function forward(
  lowering: Lowering,
  x: Layout,
  y: Value,
  algorithm: PoolingAlgorithm,
  window: Geometry,
  training: boolean,
) {
  const request = { ...window, algorithm, training, src: x, dst: lowering.any(y) };
  return lowering.natives.describe('poolingForward', request);
}

export const maxPool: Kernel = (lowering, node) => {
  const x = node.inputs[0] as Value;
  const [y, switches] = node.outputs as [Value, Value];
  const readers = lowering.consumers(switches);
  if (lowering.isKeptOutput(switches)) return false;
  if (readers.some((reader) => reader.op.name !== 'maxPoolBackward')) return false;
  const window = geometry(node.attributes, x.shape, y.shape);
  if (window === undefined) return false;
  const source = lowering.current(x);
  const descriptor = forward(lowering, source.layout, y, 'max', window, readers.length > 0);
  if (descriptor === undefined) return false;
  const layout = readers.length > 0 ? descriptor.layout('workspace') : undefined;
  if (readers.length > 0 && layout === undefined) return false;
  const workspace = layout && lowering.temporary(layout);
  lowering.forwards.set(node, { descriptor, ...(workspace && { workspace }) });
  lowering.step(
    node,
    descriptor,
    [[argument.src, source]],
    [
      [argument.dst, lowering.define(y, descriptor.layout('dst') as Layout)],
      ...(workspace ? [[argument.workspace, workspace] as const] : []),
    ],
  );
  return true;
};

export const maxPoolBackward: Kernel = (lowering, node) => {
  const [dy, switches] = node.inputs as [Value, Value];
  const dx = node.outputs[0] as Value;
  const pool = switches.source.kind === 'node' ? switches.source.node : undefined;
  const recorded = pool && lowering.forwards.get(pool);
  if (pool === undefined || recorded?.workspace === undefined) return false;
  const hint = recorded.descriptor;
  const window = geometry(node.attributes, dx.shape, dy.shape) as Geometry;
  const src = hint.layout('src') as Layout;
  const dst = hint.layout('dst') as Layout;
  const descriptor = lowering.natives.describe('poolingBackward', {
    ...window,
    algorithm: 'max',
    src,
    dst,
    hint,
  });
  if (descriptor === undefined) {
    throw new Error(`oneDNN: max pooling at '${node.path}' has a forward but no backward implementation.`);
  }
  lowering.step(
    node,
    descriptor,
    [
      [argument.diffDst, lowering.as(dy, dst)],
      [argument.workspace, recorded.workspace],
    ],
    [[argument.diffSrc, lowering.define(dx, src)]],
  );
  return true;
};

/**
 * oneDNN divides by the whole window when it counts padding; the definition (PyTorch's) leaves out what ceil
 * mode adds beyond the padding. Where the two differ, the host computes.
 */
function averageAlgorithm(a: AveragePoolAttributes, window: Geometry): PoolingAlgorithm | undefined {
  if (!a.countIncludePad) return 'averageExcludingPadding';
  const beyond = window.padRight.some((pixels, axis) => pixels > (a.padding[axis] as number));
  return beyond ? undefined : 'averageIncludingPadding';
}

export const averagePool: Kernel = (lowering, node: Node) => {
  const x = node.inputs[0] as Value;
  const y = node.outputs[0] as Value;
  const window = geometry(node.attributes, x.shape, y.shape);
  const algorithm = window && averageAlgorithm(node.attributes, window);
  if (window === undefined || algorithm === undefined) return false;
  const source = lowering.current(x);
  const descriptor = forward(lowering, source.layout, y, algorithm, window, true);
  if (descriptor === undefined) return false;
  const result = lowering.define(y, descriptor.layout('dst') as Layout);
  lowering.step(node, descriptor, [[argument.src, source]], [[argument.dst, result]]);
  return true;
};

export const averagePoolBackward: Kernel = (lowering, node) => {
  const dy = node.inputs[0] as Value;
  const dx = node.outputs[0] as Value;
  const window = geometry(node.attributes, dx.shape, dy.shape);
  const algorithm = window && averageAlgorithm(node.attributes, window);
  if (window === undefined || algorithm === undefined) return false;
  const gradient = lowering.current(dy);
  const src = lowering.natives.layoutLike(gradient.layout, dx.shape);
  const hint = forward(lowering, src, dy, algorithm, window, true);
  const dst = hint?.layout('dst');
  const descriptor =
    hint && dst && lowering.natives.describe('poolingBackward', { ...window, algorithm, src, dst, hint });
  if (descriptor === undefined || dst === undefined) return false;
  lowering.step(
    node,
    descriptor,
    [[argument.diffDst, lowering.as(dy, dst)]],
    [[argument.diffSrc, lowering.define(dx, src)]],
  );
  return true;
};
