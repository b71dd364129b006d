// Element by element: activations, their gradients (from the output, so that the input need not be kept),
// additions and products. All run in whatever layout their first input has.
import type { Value } from '../../../graph/graph.ts';
import { type ActivationAlgorithm, argument } from '../abi.ts';
import { vectorBytes } from '../code/cut.ts';
import { tanhCode } from '../code/tanh.ts';
import { type Kernel, lowerOnHost, reluAfter } from '../lowering.ts';
import { absorbedReluBackward, batchNormInference } from './batch-norm.ts';
import { isPadded } from './layouts.ts';
import { runsInNormGradient } from './norm-code.ts';
import { scaledSum } from './scaled-sum.ts';

export function activation(algorithm: ActivationAlgorithm): Kernel {
  return (lowering, node) => {
    const source = lowering.current(node.inputs[0] as Value);
    const descriptor = lowering.natives.describe('eltwiseForward', { algorithm, src: source.layout });
    if (descriptor === undefined) return false;
    const y = lowering.define(node.outputs[0] as Value, source.layout);
    lowering.step(node, descriptor, [[argument.src, source]], [[argument.dst, y]], { inPlace: source });
    return true;
  };
}

const plainTanh = activation('tanh');

/** In f32 on AVX-512 by code of our own. */
export const tanh: Kernel = (lowering, node) => {
  const { natives } = lowering;
  const source = lowering.current(node.inputs[0] as Value);
  const { layout } = source;
  const lines = layout.bytes / vectorBytes;
  const instead = natives.describe('eltwiseForward', { algorithm: 'tanh', src: layout });
  const isWhole = layout.type === 'f32' && Number.isInteger(lines);
  const address = isWhole ? natives.code(`tanh ${lines}`, (team) => tanhCode(lines, team)) : undefined;
  if (instead === undefined || address === undefined) return plainTanh(lowering, node);
  const y = lowering.define(node.outputs[0] as Value, layout);
  const code = { implementation: 'generated:avx512', address, instead };
  lowering.code(node, code, [source, y], { inPlace: [source] });
  return true;
};

export function activationBackward(algorithm: ActivationAlgorithm): Kernel {
  return (lowering, node) => {
    const { natives } = lowering;
    const [y, dy] = node.inputs as [Value, Value];
    const data = lowering.current(y);
    const hint = natives.describe('eltwiseForward', { algorithm, src: data.layout });
    const descriptor =
      hint && natives.describe('eltwiseBackward', { algorithm, data: data.layout, diff: data.layout, hint });
    if (descriptor === undefined) return false;
    const gradient = lowering.as(dy, data.layout);
    lowering.step(
      node,
      descriptor,
      [
        [argument.dst, data],
        [argument.diffDst, gradient],
      ],
      [[argument.diffSrc, lowering.define(node.outputs[0] as Value, data.layout)]],
      { inPlace: gradient },
    );
    return true;
  };
}

const plainReluBackward = activationBackward('relu');

export const reluBackward: Kernel = (lowering, node) => {
  if (runsInNormGradient(lowering, node)) return true;
  const next = lowering.consumers(node.outputs[0] as Value)[0];
  if (next !== undefined && absorbedReluBackward(lowering, next) === node) return true;
  return plainReluBackward(lowering, node);
};

export const add: Kernel = (lowering, node) => {
  const { natives } = lowering;
  // Done by the convolution or the batch norm that gave an operand, or by the gradient of a batch norm to come.
  if (lowering.forwards.has(node) || runsInNormGradient(lowering, node)) return true;
  const scaled = lowering.fusion.scaledInto.get(node);
  if (scaled !== undefined) {
    if (scaledSum(lowering, node, scaled)) return true;
    const apart = scaled.op.name === 'multiply' ? multiply : batchNormInference;
    if (!apart(lowering, scaled)) lowerOnHost(lowering, scaled);
  }
  const relu = lowering.fusion.reluAfter.get(node);
  const a = lowering.current(node.inputs[0] as Value);
  const b = lowering.as(node.inputs[1] as Value, a.layout);
  // With padded channels, 2.6's binary primitive with a ReLU behind it leaves wrong numbers in the last block.
  const apart = relu !== undefined && isPadded(a.layout);
  const descriptor = natives.describe(
    'binary',
    { algorithm: 'add', a: a.layout, b: b.layout, dst: a.layout },
    relu && !apart ? reluAfter : [],
  );
  const rectify = apart
    ? natives.describe('eltwiseForward', { algorithm: 'relu', src: a.layout })
    : undefined;
  if (descriptor === undefined || (apart && rectify === undefined)) return false;
  const y = lowering.define((relu ?? node).outputs[0] as Value, a.layout);
  const sum = rectify ? lowering.temporary(a.layout) : y;
  const terms = [
    [argument.src, a],
    [argument.src1, b],
  ] as const;
  lowering.step(node, descriptor, terms, [[argument.dst, sum]], { inPlace: a });
  if (rectify)
    lowering.step(node, rectify, [[argument.src, sum]], [[argument.dst, y]], { inPlace: sum, op: 'relu' });
  return true;
};

/** The second factor may have axes of size 1, along which it is repeated. */
export const multiply: Kernel = (lowering, node) => {
  const [x, gate] = node.inputs as [Value, Value];
  const a = lowering.current(x);
  const b = lowering.as(gate, lowering.natives.layoutLike(a.layout, lowering.dims(gate)));
  const descriptor = lowering.natives.describe('binary', {
    algorithm: 'multiply',
    a: a.layout,
    b: b.layout,
    dst: a.layout,
  });
  if (descriptor === undefined) return false;
  const y = lowering.define(node.outputs[0] as Value, a.layout);
  lowering.step(
    node,
    descriptor,
    [
      [argument.src, a],
      [argument.src1, b],
    ],
    [[argument.dst, y]],
    { inPlace: a },
  );
  return true;
};
