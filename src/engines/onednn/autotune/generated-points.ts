// Gradients of 1x1 filters in bf16 by code that zips pairs of pictures itself (../code/point-gradient.ts).
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { codeForOne } from '../code/own-sums.ts';
import { type PointGradientSizes, pointGradientCode, pointGradientCutOf } from '../code/point-gradient.ts';
import type { Code, Lowering, Tensor } from '../lowering.ts';
import { isSimple, windowOf } from './generated-plan.ts';
import { lowerOwnSums } from './own-sums.ts';
import { type Implementation, type Target, targetOf } from './ways.ts';

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

/** Bytes of filters of which each thread has some of its own: adding up more takes as long as is saved. */
const ownBytes = 600_000;

export const generatedPoints: Implementation = {
  name: pointsName,
  isFrugal: true,
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const sizes = sizesOf(lowering, node);
    const wanted = primitive.layout('diffWeights');
    if (sizes === undefined || wanted === undefined) return false;
    const dw = node.outputs[0] as Value;
    const made = natives.filters(dw.shape, 'OIhw16i16o');
    const [x, dy] = (node.inputs as [Value, Value]).map((value) =>
      lowering.as(value, natives.blocked(value.shape, 'bf16', block)),
    ) as [Tensor, Tensor];
    let target: Target | undefined;
    const request: Request = {
      ...{ lowering, node, sizes, operands: [x, dy], filterBytes: made.bytes },
      code: { implementation: 'generated:avx512_bf16_points', instead: primitive },
      target: () => {
        target = targetOf(lowering, node, dw, made, wanted);
        return target.tensor;
      },
    };
    const threads = natives.library.threads(0);
    const isShared = threads === 1 || sizes.pairs % threads > 0 || made.bytes > ownBytes;
    const isLowered = isShared ? lowerShared(request) : lowerOwn(request, threads);
    target?.finish();
    return isLowered;
  },
};

interface Request {
  readonly lowering: Lowering;
  readonly node: Node;
  readonly sizes: PointGradientSizes;
  readonly operands: readonly [Tensor, Tensor];
  readonly filterBytes: number;
  readonly code: Omit<Code, 'address'>;
  target(): Tensor;
}

/** Each thread computes some of the filters. */
function lowerShared({ lowering, node, sizes, operands, code, target }: Request): boolean {
  const { natives } = lowering;
  const cut = pointGradientCutOf(sizes, natives.library.threads(0));
  if (cut === undefined) return false;
  const address = natives.code(`points ${JSON.stringify([sizes, cut])}`, (team) =>
    pointGradientCode(sizes, cut, team),
  );
  if (address === undefined) return false;
  const scratch = lowering.temporary(natives.plainLayout([cut.threads * cut.room], 'u8'));
  lowering.code(node, { ...code, address }, [...operands, target()], { scratch });
  return true;
}

/** Each thread sums up some of the pictures. */
function lowerOwn(request: Request, threads: number): boolean {
  const { lowering, node, sizes: whole, operands, filterBytes, code, target } = request;
  const sizes = { ...whole, pairs: whole.pairs / threads };
  const cut = pointGradientCutOf(sizes, 1);
  if (cut === undefined) return false;
  const key = JSON.stringify([sizes, cut]);
  const address = codeForOne(lowering.natives.code, `points ${key}`, (team) =>
    pointGradientCode(sizes, cut, team),
  );
  if (address === undefined) return false;
  const pieces = operands.map(({ layout }, operand) => ({ operand, pieceBytes: layout.bytes / threads }));
  const step = { address, arguments: [...pieces, { room: 0 }, { room: filterBytes }] };
  return lowerOwnSums(lowering, node, {
    ...{ key, operands, code },
    own: {
      ...{ rooms: threads, pieces: threads, operands: operands.length },
      ...{ steps: [step], roomBytes: filterBytes + cut.room },
    },
    sums: [{ place: 0, bytes: filterBytes, op: 'filters', target }],
  });
}
