// Pooling. Max pooling's switches are the library's own record of the maxima (its workspace), which only its
// own backward pass can read; where anyone else wants them, the op runs on the host instead.
import type { Node, Value } from '../../../graph/graph.ts';
import type { AveragePoolAttributes } from '../../../graph/ops/average-pool.ts';
import type { PoolingAttributes } from '../../../graph/ops/pooling.ts';
import type { Shape } from '../../../graph/tensor.ts';
import {
  argument,
  type Layout,
  type PoolingAlgorithm,
  type PrimitiveDescriptor,
  type WindowGeometry,
} from '../abi.ts';
import type { Kernel, Lowering } from '../lowering.ts';

export type Geometry = WindowGeometry & { kernel: readonly number[] };

/** Ceil mode is more padding on the right; undefined where a window would begin beyond what oneDNN allows. */
export function geometry(a: PoolingAttributes, x: Shape, y: Shape): Geometry | undefined {
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

/** The library's loops over row-major pictures take several times as long as its kernels for blocks of channels. */
function isPlainLoop({ implementation }: PrimitiveDescriptor): boolean {
  return /^(simple|ref)/.test(implementation);
}

/** The same on blocks of channels, for which the picture has to be reordered; undefined where that is no better. */
function inBlocks(
  lowering: Lowering,
  x: Value,
  describe: (source: Layout) => PrimitiveDescriptor | undefined,
): PrimitiveDescriptor | undefined {
  const channels = x.shape[1] as number;
  const blocks = ([16, 8] as const).filter((block) => channels % block === 0);
  return blocks
    .map((block) => describe(lowering.natives.blocked(lowering.dims(x), lowering.storageType(x), block)))
    .find((descriptor) => descriptor !== undefined && !isPlainLoop(descriptor));
}

export const maxPool: Kernel = (lowering, node) => {
  const x = node.inputs[0] as Value;
  const [y, switches] = node.outputs as [Value, Value];
  const readers = lowering.consumers(switches);
  if (lowering.isKeptOutput(switches)) return false;
  if (readers.some((reader) => reader.op.name !== 'maxPoolBackward')) return false;
  const window = geometry(node.attributes, x.shape, y.shape);
  if (window === undefined) return false;
  const describe = (source: Layout) => forward(lowering, source, y, 'max', window, readers.length > 0);
  const given = describe(lowering.current(x).layout);
  const descriptor = given && isPlainLoop(given) ? (inBlocks(lowering, x, describe) ?? given) : given;
  if (descriptor === undefined) return false;
  const source = lowering.as(x, descriptor.layout('src') as Layout);
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
