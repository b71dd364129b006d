// Local response normalisation across channels. oneDNN divides alpha by the window's size, as Caffe does; the
// paper's own form, which does not, is the same with alpha multiplied by the size first.
import type { Value } from '../../../graph/graph.ts';
import type { LrnAttributes } from '../../../graph/ops/lrn.ts';
import { argument, type Layout, type PrimitiveDescriptor } from '../abi.ts';
import type { Kernel, Lowering, Tensor } from '../lowering.ts';

function constants({ size, alpha, beta, k, sum }: LrnAttributes) {
  return { size, alpha: sum ? alpha * size : alpha, beta, k };
}

/** An even window lies unevenly around its channel, and oneDNN's choice is not PyTorch's. */
const isSupported = ({ size }: LrnAttributes): boolean => size % 2 === 1;

function describeForward(lowering: Lowering, layout: Layout, a: LrnAttributes, training: boolean) {
  return lowering.natives.describe('lrnForward', { ...constants(a), training, src: layout, dst: layout });
}

export const lrn: Kernel = (lowering, node) => {
  const attributes = node.attributes as LrnAttributes;
  if (!isSupported(attributes)) return false;
  const x = node.inputs[0] as Value;
  const source = lowering.current(x);
  const training = lowering.consumers(x).some((reader) => reader.op.name === 'lrnBackward');
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
  const { natives } = lowering;
  const [x, dy] = node.inputs as [Value, Value];
  const source = lowering.current(x);
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
  const descriptor =
    hint &&
    natives.describe('lrnBackward', {
      ...constants(attributes),
      src: source.layout,
      dst: source.layout,
      data: source.layout,
      hint,
    });
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
