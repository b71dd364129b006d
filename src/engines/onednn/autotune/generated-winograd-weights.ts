// The gradient of 3x3 filters in bf16 by Winograd's algorithm (../code/winograd-pairs.ts): pictures and the results'
// gradient are transformed by pairs of pictures, some at a time, so that the caches keep them; for each of 16 points
// they are summed up like the gradient of a 1x1 window, by the code for that; and what comes out is transformed back.
import type { Node, Value } from '../../../graph/graph.ts';
import { channelSumsCode } from '../code/channel-sums.ts';
import { divisors, vectorBytes } from '../code/cut.ts';
import { type GradientSizes, gradientCutOf, weightGradientCode } from '../code/weight-gradient.ts';
import type { WinogradSizes } from '../code/winograd.ts';
import { winogradFilterGradientCode } from '../code/winograd-filters.ts';
import { type PairedTiles, pairedTilesCode, pointBytes } from '../code/winograd-pairs.ts';
import { along, points } from '../code/winograd-tiles.ts';
import type { Lowering } from '../lowering.ts';
import { block, implementations, ownWinogradNames, sizesOf } from './generated-winograd.ts';
import { type PairChunk, pairChunks } from './pair-chunks.ts';
import { type Implementation, targetOf } from './ways.ts';

/** The point at which tiles of a gradient are added up. */
const totals = 5;
/** Bytes of pairs that a cache keeps until they are read again. */
const chunkBytes = 4_000_000;
/** Tiles that pass for a row: together with those of a few blocks they stay in the first cache. */
const longestRow = 64;

export const pairedWinogradWeightGradient: Implementation = {
  name: ownWinogradNames.bf16,
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const [x, dy] = node.inputs as [Value, Value];
    const [dw, db] = node.outputs as [Value, Value?];
    const wanted = primitive.layout('diffWeights');
    const sizes = weightSizesOf(lowering, node);
    if (sizes === undefined || wanted === undefined) return false;
    const { channels, results, pictures } = sizes;
    const values = [
      { value: x, tiles: pairedTilesOf(sizes, 'picture') },
      { value: dy, tiles: pairedTilesOf(sizes, 'signal') },
    ];
    const pairBytes = values.map(({ tiles }) => points * pointBytes(tiles));
    const sumBytes = points * channels * results * 4;
    const bytesInAll = pairBytes.reduce((sum, each) => sum + each);
    const chunks = pairChunks(pictures / 2, bytesInAll, sumBytes, chunkBytes);
    const atATime = chunks[0]?.pairs ?? 0;
    const codes = chunks.map((chunk) => codesFor(lowering, sizes, chunk));
    const back = natives.code(`winograd gradient ${channels} ${results}`, (team) =>
      winogradFilterGradientCode({ channels, results }, team),
    );
    if (back === undefined || codes.some((code) => code === undefined)) return false;

    const bytes = (count: number) => natives.plainLayout([count], 'u8');
    const code = { implementation: implementations.bf16, instead: primitive };
    const operands = values.map(({ value }) =>
      lowering.as(value, natives.blocked(value.shape, 'bf16', block)),
    );
    const rooms = pairBytes.map((each) => lowering.temporary(bytes(atATime * each)));
    const sums = lowering.temporary(bytes(sumBytes));
    const total = db && lowering.define(db, lowering.plainLayout(db));
    codes.forEach((made, i) => {
      const { transforms, products, bias } = made as Codes;
      const { first } = chunks[i] as PairChunk;
      operands.forEach((operand, which) => {
        const pictureBytes = operand.layout.bytes / pictures;
        const from = { ...operand, byteOffset: (operand.byteOffset ?? 0) + 2 * first * pictureBytes };
        const address = transforms[which] as bigint;
        lowering.code(node, { ...code, address }, [from, rooms[which]], { op: 'pairs' });
      });
      lowering.code(node, { ...code, address: products }, [...rooms, sums]);
      if (total !== undefined && rooms[1] !== undefined) {
        const signal = { ...rooms[1], byteOffset: totals * pointBytes({ ...sizes, channels: results }) };
        lowering.code(node, { ...code, address: bias }, [signal, total], { op: 'biasGradient' });
      }
    });
    const target = targetOf(lowering, node, dw, natives.filters(dw.shape, 'OIhw16i16o'), wanted);
    lowering.code(node, { ...code, address: back }, [sums, target.tensor], { op: 'filters' });
    target.finish();
    return true;
  },
};

/** Undefined where the code is not made for a node. */
function weightSizesOf(lowering: Lowering, node: Node): WinogradSizes | undefined {
  const [x, dy] = node.inputs as [Value, Value];
  const parts = { x, w: node.outputs[0] as Value, y: dy };
  const sizes = sizesOf(lowering, node, parts, { type: 'bf16', bias: false, sum: false, relu: false });
  return sizes?.sets === 1 && sizes.pictures % 2 === 0 ? sizes : undefined;
}

function pairedTilesOf(
  { channels, results, h, w, oh, ow, padding }: WinogradSizes,
  of: PairedTiles['of'],
): Omit<PairedTiles, 'pairs'> {
  return { of, channels: of === 'picture' ? channels : results, h, w, oh, ow, padding };
}

interface Codes {
  readonly transforms: readonly bigint[];
  readonly products: bigint;
  readonly bias: bigint;
}

/** Undefined where no code runs. */
function codesFor(
  { natives }: Lowering,
  sizes: WinogradSizes,
  { first, pairs }: PairChunk,
): Codes | undefined {
  const adds = first > 0;
  const transforms = (['picture', 'signal'] as const).map((of) => {
    const tiles = { ...pairedTilesOf(sizes, of), pairs };
    return natives.code(`winograd pairs ${JSON.stringify(tiles)}`, (team) => pairedTilesCode(tiles, team));
  });
  const window = productSizes(sizes, pairs);
  const cut = gradientCutOf(window);
  const key = JSON.stringify([adds, window]);
  const products =
    cut && natives.code(`weights ${key}`, (team) => weightGradientCode(window, cut, team, adds));
  const one = { ...window, blocks: sizes.results / block };
  const bias = natives.code(`sums ${JSON.stringify([adds, one])}`, (team) =>
    channelSumsCode(one, team, adds),
  );
  if (products === undefined || bias === undefined) return undefined;
  const made = transforms.flatMap((each) => each ?? []);
  return made.length < transforms.length ? undefined : { transforms: made, products, bias };
}

/** Points as sets of channels, tiles as the pixels that a window of one goes over. */
function productSizes({ channels, results, oh, ow }: WinogradSizes, pairs: number): GradientSizes {
  const tiles = along(oh) * along(ow);
  const width = Math.max(...divisors(tiles).filter((some) => some <= longestRow));
  const [groups, blocks] = [channels / block, results / block];
  const plane = tiles * vectorBytes;
  const filter = block * vectorBytes;
  const distances = { group: plane, row: width * vectorBytes, pixel: vectorBytes };
  return {
    ...{ pictures: pairs, pairs: true, groups, channels: block, blocks: points * blocks, sets: points },
    ...{ narrow: false, h: tiles / width, w: width, oh: tiles / width, ow: width },
    ...{ kh: 1, kw: 1, stride: 1, padding: [0, 0] },
    source: { ...distances, picture: points * groups * plane, set: groups * plane, channel: 4 },
    target: { ...distances, picture: points * blocks * plane },
    weights: {
      ...{ set: blocks * groups * filter, block: groups * filter, group: filter },
      ...{ row: filter, column: filter, channel: vectorBytes, first: 0 },
    },
  };
}
