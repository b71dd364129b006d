// Gradients of 1x1 filters in bf16 by code that zips pairs of pictures itself (../code/point-gradient.ts).
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { type PointGradientSizes, pointGradientCode, pointGradientCutOf } from '../code/point-gradient.ts';
import type { Lowering } from '../lowering.ts';
import { isSimple, windowOf } from './generated-plan.ts';
import { type Implementation, targetOf } from './ways.ts';

export const pointsName = 'generated code for points';
const block = 16;

type Four = readonly [number, number, number, number];

/** Undefined where the code is not made for a node. */
function sizesOf({ natives, storageType }: Lowering, node: Node): PointGradientSizes | undefined {
  const attributes = node.attributes as ConvolutionAttributes;
  const { stride, padding, groups } = attributes;
  const [x, dy] = node.inputs as [Value, Value];
  const [dw, db] = node.outputs as [Value, Value?];
  const [pictures, channels, h, w] = x.shape as Four;
  const [, results, oh, ow] = dy.shape as Four;
  const counts = { pairs: pictures / 2, channels: channels / block, results: results / block };
  const fits =
    natives.bf16Units === 'vectors' &&
    storageType(x) === 'bf16' &&
    isSimple(attributes) &&
    groups === 1 &&
    db === undefined &&
    [...windowOf(dw), ...padding.map((size) => size + 1)].every((size) => size === 1) &&
    Object.values(counts).every(Number.isInteger);
  return fits ? { ...counts, h, w, oh, ow, stride: stride[0] } : undefined;
}

export const generatedPoints: Implementation = {
  name: pointsName,
  isFrugal: true,
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const sizes = sizesOf(lowering, node);
    const wanted = primitive.layout('diffWeights');
    const cut = sizes && pointGradientCutOf(sizes, natives.library.threads(0));
    if (sizes === undefined || cut === undefined || wanted === undefined) return false;
    const address = natives.code(`points ${JSON.stringify([sizes, cut])}`, (team) =>
      pointGradientCode(sizes, cut, team),
    );
    if (address === undefined) return false;
    const [picture, signal] = (node.inputs as [Value, Value]).map((value) =>
      lowering.as(value, natives.blocked(value.shape, 'bf16', block)),
    );
    const dw = node.outputs[0] as Value;
    const target = targetOf(lowering, node, dw, natives.filters(dw.shape, 'OIhw16i16o'), wanted);
    lowering.code(
      node,
      { implementation: 'generated:avx512_bf16_points', address, instead: primitive },
      [picture, signal, target.tensor],
      { scratch: lowering.temporary(natives.plainLayout([cut.threads * cut.room], 'u8')) },
    );
    target.finish();
    return true;
  },
};
