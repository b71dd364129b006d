// Gradients of 1x1 filters in bf16 by code that zips pairs of pictures itself (../code/point-gradient.ts).
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { vectorBytes } from '../code/cut.ts';
import { addedRoomsCode, codeForOne, type OwnSums, ownSumsCode } from '../code/own-sums.ts';
import { type PointGradientSizes, pointGradientCode, pointGradientCutOf } from '../code/point-gradient.ts';
import type { Lowering } from '../lowering.ts';
import type { Natives } from '../natives.ts';
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
    const threads = natives.library.threads(0);
    const isShared = threads === 1 || sizes.pairs % threads > 0 || made.bytes > ownBytes;
    const works = isShared ? sharedWork(natives, sizes) : ownWork(natives, sizes, made.bytes);
    if (works === undefined) return false;
    const operands = (node.inputs as [Value, Value]).map((value) =>
      lowering.as(value, natives.blocked(value.shape, 'bf16', block)),
    );
    const target = targetOf(lowering, node, dw, made, wanted);
    const code = { implementation: 'generated:avx512_bf16_points', instead: primitive };
    const room = lowering.temporary(natives.plainLayout([works.roomBytes], 'u8'));
    if (works.kind === 'shared') {
      lowering.code(node, { ...code, address: works.whole }, [...operands, target.tensor], { scratch: room });
    } else {
      lowering.code(node, { ...code, address: works.whole }, [...operands, room]);
      lowering.code(node, { ...code, address: works.adding }, [room, target.tensor], { op: 'filters' });
    }
    target.finish();
    return true;
  },
};

type Work = { readonly whole: bigint; readonly roomBytes: number } & (
  | { readonly kind: 'shared' }
  | { readonly kind: 'own'; readonly adding: bigint }
);

/** Each thread computes some of the filters. */
function sharedWork(natives: Natives, sizes: PointGradientSizes): Work | undefined {
  const cut = pointGradientCutOf(sizes, natives.library.threads(0));
  if (cut === undefined) return undefined;
  const whole = natives.code(`points ${JSON.stringify([sizes, cut])}`, (team) =>
    pointGradientCode(sizes, cut, team),
  );
  return whole === undefined ? undefined : { kind: 'shared', whole, roomBytes: cut.threads * cut.room };
}

/** Each thread sums up some of the pictures. */
function ownWork(natives: Natives, whole: PointGradientSizes, filterBytes: number): Work | undefined {
  const threads = natives.library.threads(0);
  const sizes = { ...whole, pairs: whole.pairs / threads };
  const cut = pointGradientCutOf(sizes, 1);
  if (cut === undefined) return undefined;
  const address = codeForOne(natives.code, `points ${JSON.stringify([sizes, cut])}`, (team) =>
    pointGradientCode(sizes, cut, team),
  );
  if (address === undefined) return undefined;
  const bytesOf = (blocks: number, pixels: number): number => 2 * sizes.pairs * blocks * block * pixels * 2;
  const roomBytes = filterBytes + cut.room;
  const own: OwnSums = {
    ...{ pieces: threads, operands: 2, roomBytes },
    steps: [
      {
        address,
        arguments: [
          { operand: 0, pieceBytes: bytesOf(sizes.channels, sizes.h * sizes.w) },
          { operand: 1, pieceBytes: bytesOf(sizes.results, sizes.oh * sizes.ow) },
          { room: 0 },
          { room: filterBytes },
        ],
      },
    ],
  };
  const key = JSON.stringify(whole);
  const all = natives.code(`points of threads ${key}`, (team) => ownSumsCode(own, team));
  const rooms = { lines: filterBytes / vectorBytes, rooms: threads, roomBytes };
  const adding = natives.code(`rooms ${JSON.stringify(rooms)}`, (team) => addedRoomsCode(rooms, team));
  if (all === undefined || adding === undefined) return undefined;
  return { kind: 'own', whole: all, adding, roomBytes: threads * roomBytes };
}
