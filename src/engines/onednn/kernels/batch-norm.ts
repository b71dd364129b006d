// Batch normalisation, with the ReLU behind it where there is one: code of our own (`norm-code.ts`), or the library's
// primitive, which keeps the sign of its result in a workspace then, so that its gradient masks without reading the output again.
import type { Node, Value } from '../../../graph/graph.ts';
import { argument, type Layout, type PostOperation, type PrimitiveDescriptor } from '../abi.ts';
import { type Kernel, type Lowering, reluAfter, type Tensor } from '../lowering.ts';
import { isFast, readable } from './layouts.ts';
import { gradientByCode, normalisationByCode, trainingByCode } from './norm-code.ts';

/** oneDNN normalises pictures; vectors (NxC) are few numbers and stay on the host. */
function isPicture(value: Value): boolean {
  return value.shape.length === 4;
}

/** Grouped convolutions on AVX-512 leave layouts (blocks of 4) that the library normalises by plain loops. */
function sourceOf(lowering: Lowering, x: Value): Tensor {
  return readable(lowering, x, (src) =>
    isFast(
      lowering.natives.describe('normalizationForward', { src, epsilon: 1e-5, training: true, flags: {} }),
    ),
  );
}

export const batchNormTraining: Kernel = (lowering, node) => {
  const [x, gamma, beta] = node.inputs as [Value, Value, Value];
  if (!isPicture(x)) return false;
  const relu = lowering.fusion.reluAfter.get(node);
  const [, mean, variance] = node.outputs as [Value, Value, Value];
  const y = (relu ?? node).outputs[0] as Value;
  const describe = ({ layout }: Tensor) =>
    lowering.natives.describe('normalizationForward', {
      src: layout,
      epsilon: node.attributes.epsilon,
      training: true,
      flags: { relu: relu !== undefined },
    });
  if (trainingByCode(lowering, node, describe)) return true;
  const source = sourceOf(lowering, x);
  const descriptor = describe(source);
  if (descriptor === undefined) return false;
  const workspaceLayout = relu && descriptor.layout('workspace');
  const workspace = workspaceLayout && lowering.temporary(workspaceLayout);
  lowering.forwards.set(node, { descriptor, ...(workspace && { workspace }) });
  lowering.step(
    node,
    descriptor,
    [
      [argument.src, source],
      [argument.scale, lowering.plain(gamma)],
      [argument.shift, lowering.plain(beta)],
    ],
    [
      [argument.dst, lowering.define(y, source.layout)],
      [argument.mean, lowering.define(mean, lowering.plainLayout(mean))],
      [argument.variance, lowering.define(variance, lowering.plainLayout(variance))],
      ...(workspace ? [[argument.workspace, workspace] as const] : []),
    ],
  );
  return true;
};

export const batchNormInference: Kernel = (lowering, node) => {
  const [x, gamma, beta, mean, variance] = node.inputs as [Value, Value, Value, Value, Value];
  if (!isPicture(x)) return false;
  const relu = lowering.fusion.reluAfter.get(node);
  const y = (relu ?? node).outputs[0] as Value;
  const describe = ({ layout }: Tensor) => givenStatistics(lowering, node, layout, relu && reluAfter);
  if (normalisationByCode(lowering, node, undefined, describe)) return true;
  const source = sourceOf(lowering, x);
  const descriptor = describe(source);
  if (descriptor === undefined) return false;
  lowering.step(
    node,
    descriptor,
    [
      [argument.src, source],
      [argument.mean, lowering.plain(mean)],
      [argument.variance, lowering.plain(variance)],
      [argument.scale, lowering.plain(gamma)],
      [argument.shift, lowering.plain(beta)],
    ],
    [[argument.dst, lowering.define(y, source.layout)]],
    { inPlace: source },
  );
  return true;
};

/** What the library has for a norm whose statistics are there. */
export function givenStatistics(
  { natives }: Lowering,
  { attributes }: Node,
  src: Layout,
  behind: readonly PostOperation[] = [],
): PrimitiveDescriptor | undefined {
  const { epsilon } = attributes as { epsilon: number };
  const flags = { globalStatistics: true };
  return natives.describe('normalizationForward', { src, epsilon, training: false, flags }, behind);
}

/** The ReLU gradient that this batch norm gradient takes over: only if the forward pass left the workspace. */
export function absorbedReluBackward(lowering: Lowering, node: Node): Node | undefined {
  const reluBackward = lowering.fusion.reluBackwardInto.get(node);
  const forward = reluBackward && forwardOf(node);
  return forward && lowering.forwards.get(forward)?.workspace ? reluBackward : undefined;
}

/** The training-form node whose statistics a gradient node reads. */
function forwardOf(node: Node): Node | undefined {
  const mean = node.inputs[3] as Value;
  return mean.source.kind === 'node' && mean.source.node.op.name === 'batchNormTraining'
    ? mean.source.node
    : undefined;
}

export const batchNormBackward: Kernel = (lowering, node) => {
  const [x, dyAsGiven, gamma, mean, variance] = node.inputs as [Value, Value, Value, Value, Value];
  if (!isPicture(x)) return false;
  const { natives } = lowering;
  const { epsilon, globalStatistics } = node.attributes as { epsilon: number; globalStatistics: boolean };
  const absorbed = absorbedReluBackward(lowering, node);
  const dy = absorbed ? (absorbed.inputs[1] as Value) : dyAsGiven;
  const flags = { globalStatistics, relu: absorbed !== undefined };
  const forward = absorbed && lowering.forwards.get(forwardOf(node) as Node);
  const describe = ({ layout: src }: Tensor) => {
    const hint =
      forward?.descriptor ??
      natives.describe('normalizationForward', { src, epsilon, training: true, flags });
    return hint && natives.describe('normalizationBackward', { src, diff: src, epsilon, flags, hint });
  };
  if (gradientByCode(lowering, node, describe)) return true;
  const source = sourceOf(lowering, x);
  const descriptor = describe(source);
  if (descriptor === undefined) return false;
  const [dx, dgamma, dbeta] = node.outputs as [Value, Value, Value];
  const gradient = lowering.as(dy, source.layout as Layout);
  lowering.step(
    node,
    descriptor,
    [
      [argument.src, source],
      [argument.diffDst, gradient],
      [argument.mean, lowering.plain(mean)],
      [argument.variance, lowering.plain(variance)],
      [argument.scale, lowering.plain(gamma)],
      // Where a shift is asked for, any vector will do: the gradient does not depend on it.
      ...(natives.normalizationGradientTakesShift ? [[argument.shift, lowering.plain(gamma)] as const] : []),
      ...(forward?.workspace ? [[argument.workspace, forward.workspace] as const] : []),
    ],
    [
      [argument.diffSrc, lowering.define(dx, source.layout)],
      [argument.diffScale, lowering.define(dgamma, lowering.plainLayout(dgamma))],
      [argument.diffShift, lowering.define(dbeta, lowering.plainLayout(dbeta))],
    ],
    { inPlace: gradient },
  );
  return true;
};
