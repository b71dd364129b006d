// A batch norm with given statistics, or a gate, with the addition behind it and the ReLU behind that, as one pass:
//   y = relu(s x + t + r),  s = gamma / sqrt(variance + epsilon),  t = beta - s mean,  one number a channel each
//   y = relu(g x + r),      g one number a channel of a picture (an SE block's gate)
// It is one product, with sums and ReLU as operations behind it. Ends of residual blocks that are computed again for
// the backward pass take three passes over memory this way instead of five.
import type { Node, Value } from '../../../graph/graph.ts';
import type { NumericArray } from '../../../graph/tensor.ts';
import { argument, type Layout, type PostOperation } from '../abi.ts';
import { otherOperand } from '../fusion.ts';
import { type Lowering, reluAfter, type Tensor } from '../lowering.ts';
import { givenStatistics } from './batch-norm.ts';
import { isPadded } from './layouts.ts';
import { normalisationByCode } from './norm-code.ts';

/** `scaled`: the node that gives one operand of `addition`. False where the library has no such pass. */
export function scaledSum(lowering: Lowering, addition: Node, scaled: Node): boolean {
  const { natives } = lowering;
  const norm = ({ layout }: Tensor) => givenStatistics(lowering, scaled, layout);
  if (scaled.op.name === 'batchNormInference' && normalisationByCode(lowering, scaled, addition, norm))
    return true;
  const x = lowering.current(scaled.inputs[0] as Value);
  const other = lowering.as(otherOperand(addition, scaled.outputs[0] as Value) as Value, x.layout);
  if (isPadded(x.layout)) return false;
  const relu = lowering.fusion.reluAfter.get(addition);
  const isGate = scaled.op.name === 'multiply';
  const perChannel = [1, x.layout.dims[1] as number, 1, 1];
  const inFull = natives.layoutOfType(x.layout, 'f32');
  if (inFull === undefined) return false;
  const factors = natives.layoutLike(inFull, perChannel);
  const offsets = natives.plainLayout(perChannel, 'f32');
  const gate = isGate ? gateIn(lowering, scaled.inputs[1] as Value, x.layout) : undefined;
  const behind: readonly PostOperation[] = [
    ...(isGate ? [] : [{ kind: 'add', layout: offsets } as const]),
    { kind: 'add', layout: other.layout },
    ...(relu ? reluAfter : []),
  ];
  const product = { algorithm: 'multiply', a: x.layout, b: gate?.layout ?? factors, dst: x.layout } as const;
  const descriptor = natives.describe('binary', product, behind);
  if (descriptor === undefined || descriptor.implementation.startsWith('ref')) return false;
  const [factor, offset] = gate ? [gate] : lineOf(lowering, scaled, factors, offsets);
  const summands = offset ? [offset, other] : [other];
  const y = lowering.define((relu ?? addition).outputs[0] as Value, x.layout);
  lowering.step(
    addition,
    descriptor,
    [
      [argument.src, x],
      [argument.src1, factor as Tensor],
      ...summands.map((tensor, i) => [natives.postOperand(i), tensor] as const),
    ],
    [[argument.dst, y]],
  );
  return true;
}

function gateIn(lowering: Lowering, gate: Value, like: Layout): Tensor {
  return lowering.as(gate, lowering.natives.layoutLike(like, lowering.dims(gate)));
}

/** The factor and the offset of each channel: a few hundred numbers, which the host has before threads would wake. */
function lineOf(
  lowering: Lowering,
  norm: Node,
  factors: Layout,
  offsets: Layout,
): [factor: Tensor, offset: Tensor] {
  const { epsilon } = norm.attributes as { epsilon: number };
  const vectors = norm.inputs.slice(1, 5).map((value) => lowering.plain(value));
  const made = [lowering.temporary(factors), lowering.temporary(offsets)] as [Tensor, Tensor];
  lowering.host(norm, vectors, made, (inputs, outputs) => {
    const [gamma, beta, mean, variance] = inputs as [NumericArray, NumericArray, NumericArray, NumericArray];
    const [factor, offset] = outputs as [NumericArray, NumericArray];
    for (let c = 0; c < gamma.length; c++) {
      const scale = (gamma[c] as number) / Math.sqrt((variance[c] as number) + epsilon);
      factor[c] = scale;
      offset[c] = (beta[c] as number) - scale * (mean[c] as number);
    }
  });
  return made;
}
