// Local response normalisation across channels. oneDNN divides alpha by the window's size, as Caffe does; the
// paper's own form, which does not, is the same with alpha multiplied by the size first.
import type { Value } from '../../../graph/graph.ts';
import type { LrnAttributes } from '../../../graph/ops/lrn.ts';
import { argument, type Layout, type PrimitiveDescriptor } from '../abi.ts';
import type { Kernel, Lowering, Tensor } from '../lowering.ts';
import { isFast, readable } from './layouts.ts';

function constants({ size, alpha, beta, k, sum }: LrnAttributes) {
  return { size, alpha: sum ? alpha * size : alpha, beta, k };
}

/** An even window lies unevenly around its channel, and oneDNN's choice is not PyTorch's. */
const isSupported = ({ size }: LrnAttributes): boolean => size % 2 === 1;

function describeForward(lowering: Lowering, layout: Layout, a: LrnAttributes, training: boolean) {
  return lowering.natives.describe('lrnForward', { ...constants(a), training, src: layout, dst: layout });
}

function describeBackward(lowering: Lowering, data: Layout, a: LrnAttributes, hint: PrimitiveDescriptor) {
  const request = { ...constants(a), src: data, dst: data, data, hint };
  return lowering.natives.describe('lrnBackward', request);
}

/** Of row-major pictures the library has only a reference gradient: both passes read blocks of channels then. */
function trainingSource(lowering: Lowering, x: Value, a: LrnAttributes): Tensor {
  return readable(lowering, x, (layout) => {
    const forward = describeForward(lowering, layout, a, true);
    return isFast(forward && describeBackward(lowering, layout, a, forward));
  });
}

export const lrn: Kernel = (lowering, node) => {
  const attributes = node.attributes as LrnAttributes;
  if (!isSupported(attributes)) return false;
  const x = node.inputs[0] as Value;
  const training = lowering.consumers(x).some((reader) => reader.op.name === 'lrnBackward');
  const source = training ? trainingSource(lowering, x, attributes) : lowering.current(x);
  const descriptor = describeForward(lowering, source.layout, attributes, training);
  if (descriptor === undefined) return false;
  const layout = training ? descriptor.layout('workspace') : undefined;
  const workspace = layout && lowering.temporary(layout);
  lowering.forwards.set(node, { descriptor, ...(workspace && { workspace }) });
  lowering.step(
    node,
    descriptor,
    [[argument.src, source]],
    [
      [argument.dst, lowering.define(node.outputs[0] as Value, source.layout)],
      ...(workspace ? [[argument.workspace, workspace] as const] : []),
    ],
  );
  return true;
};

export const lrnBackward: Kernel = (lowering, node) => {
  const attributes = node.attributes as LrnAttributes;
  if (!isSupported(attributes)) return false;
  const [x, dy] = node.inputs as [Value, Value];
  const source = trainingSource(lowering, x, attributes);
  const forward = lowering
    .consumers(x)
    .find(
      (reader) =>
        reader.op.name === 'lrn' && JSON.stringify(reader.attributes) === JSON.stringify(attributes),
    );
  const recorded: { descriptor: PrimitiveDescriptor; workspace?: Tensor } | undefined =
    forward && lowering.forwards.get(forward);
  // A pass of its own where the graph has only the gradient: its workspace is what the gradient reads.
  const hint = recorded?.descriptor ?? describeForward(lowering, source.layout, attributes, true);
  const descriptor = hint && describeBackward(lowering, source.layout, attributes, hint);
  if (descriptor === undefined || hint === undefined) return false;
  let workspace = recorded?.workspace;
  if (recorded === undefined) {
    const layout = hint.layout('workspace');
    workspace = layout && lowering.temporary(layout);
    lowering.step(
      node,
      hint,
      [[argument.src, source]],
      [
        [argument.dst, lowering.temporary(source.layout)],
        ...(workspace ? [[argument.workspace, workspace] as const] : []),
      ],
      { op: 'lrn' },
    );
  }
  lowering.step(
    node,
    descriptor,
    [
      [argument.src, source],
      [argument.diffDst, lowering.as(dy, source.layout)],
      ...(workspace ? [[argument.workspace, workspace] as const] : []),
    ],
    [[argument.diffSrc, lowering.define(node.outputs[0] as Value, source.layout)]],
  );
  return true;
};
