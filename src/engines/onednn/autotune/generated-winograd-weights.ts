// The gradient of 3x3 filters in bf16 by Winograd's algorithm (../code/winograd-pairs.ts): pictures and the results'
// gradient are transformed by pairs of pictures, some at a time, so that the caches keep them; for each of 16 points
// they are summed up like the gradient of a 1x1 window, by the code for that; and what comes out is transformed back.
import type { Node, Value } from '../../../graph/graph.ts';
import type { PrimitiveDescriptor } from '../abi.ts';
import { channelSumsCode } from '../code/channel-sums.ts';
import { divisors, vectorBytes } from '../code/cut.ts';
import { codeForOne, type OwnStep } from '../code/own-sums.ts';
import type { Team } from '../code/team.ts';
import { type GradientSizes, gradientCutOf, weightGradientCode } from '../code/weight-gradient.ts';
import type { WinogradSizes } from '../code/winograd.ts';
import { winogradFilterGradientCode } from '../code/winograd-filters.ts';
import { blockOfTilesBytes, type PairedTiles, pairedTilesCode, pointBytes } from '../code/winograd-pairs.ts';
import { along, points } from '../code/winograd-tiles.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import type { Natives } from '../natives.ts';
import { block, implementations, ownWinogradNames, sizesOf } from './generated-winograd.ts';
import { lowerOwnSums, type RoomSum } from './own-sums.ts';
import { type PairChunk, pairChunks } from './pair-chunks.ts';
import { type Implementation, targetOf } from './ways.ts';

/** The point at which tiles of a gradient are added up. */
const totals = 5;
/** Bytes of pairs that a cache keeps until they are read again. */
const chunkBytes = 4_000_000;
/** Bytes of sums, of which threads have some each: adding up more costs more than it saves. */
const ownSumBytes = 4_300_000;
/** Bytes of pairs that caches keep for each of a few threads until they are read again. */
const nearBytes = 2_200_000;
/** Pieces for each thread from which on one more or less does not count. */
const enough = 8;
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
    const { channels, results } = sizes;
    const sumBytes = points * channels * results * 4;
    const back = natives.code(`winograd gradient ${channels} ${results}`, (team) =>
      winogradFilterGradientCode({ channels, results }, team),
    );
    if (back === undefined) return false;
    const request: Request = {
      ...{ lowering, node, sizes, primitive, sumBytes },
      operands: [x, dy].map((value) => lowering.as(value, natives.blocked(value.shape, 'bf16', block))) as [
        Tensor,
        Tensor,
      ],
      sums: lowering.temporary(natives.plainLayout([sumBytes], 'u8')),
      total: db,
    };
    if (!(sumBytes <= ownSumBytes && lowerOwn(request)) && !lowerShared(request)) return false;
    const target = targetOf(lowering, node, dw, natives.filters(dw.shape, 'OIhw16i16o'), wanted);
    const code = { implementation: implementations.bf16, instead: primitive, address: back };
    lowering.code(node, code, [request.sums, target.tensor], { op: 'filters' });
    target.finish();
    return true;
  },
};

interface Request {
  readonly lowering: Lowering;
  readonly node: Node;
  readonly primitive: PrimitiveDescriptor;
  readonly sizes: WinogradSizes;
  readonly sumBytes: number;
  /** The picture and the results' gradient. */
  readonly operands: readonly [Tensor, Tensor];
  /** At 16 points, for the filters to be made of. */
  readonly sums: Tensor;
  /** The gradient of the bias, if it has one. */
  readonly total: Value | undefined;
}

/** All threads take some pairs through one stage after the other; adds no step and returns false where no code runs. */
function lowerShared(request: Request): boolean {
  const { lowering, node, primitive, sizes, sumBytes, operands, sums, total } = request;
  const { natives } = lowering;
  const pairBytes = transformedBytes(sizes, 1);
  const chunks = pairChunks(sizes.pictures / 2, pairBytes[0] + pairBytes[1], sumBytes, chunkBytes);
  const atATime = chunks[0]?.pairs ?? 0;
  const codes = chunks.map(({ pairs }, i) => codesFor(natives, sizes, { pairs, bands: 1, adds: i > 0 }));
  if (codes.some((code) => code === undefined)) return false;
  const rooms = pairBytes.map((each) => lowering.temporary(natives.plainLayout([atATime * each], 'u8')));
  const code = { implementation: implementations.bf16, instead: primitive };
  const bias = total && lowering.define(total, lowering.plainLayout(total));
  codes.forEach((made, i) => {
    const { transforms, products, channelSums } = made as Codes;
    const { first } = chunks[i] as PairChunk;
    operands.forEach((operand, which) => {
      const pictureBytes = operand.layout.bytes / sizes.pictures;
      const from = { ...operand, byteOffset: (operand.byteOffset ?? 0) + 2 * first * pictureBytes };
      const address = transforms[which] as bigint;
      lowering.code(node, { ...code, address }, [from, rooms[which]], { op: 'pairs' });
    });
    lowering.code(node, { ...code, address: products }, [...rooms, sums]);
    if (bias !== undefined && rooms[1] !== undefined) {
      const signal = { ...rooms[1], byteOffset: totalsOffset(sizes, 1) };
      lowering.code(node, { ...code, address: channelSums }, [signal, bias], { op: 'biasGradient' });
    }
  });
  return true;
}

/**
 * Each thread takes pairs of its own through all stages: what one core has written no other reads. Adds no step and returns false
 * where no code runs, or where threads had uneven shares.
 */
function lowerOwn(request: Request): boolean {
  const { lowering, node, primitive, sizes, sumBytes, operands, sums, total } = request;
  const { natives } = lowering;
  const threads = natives.library.threads(0);
  const { pairs, bands } = piecesOf(sizes, sumBytes, threads);
  const pieces = (sizes.pictures / 2 / pairs) * bands;
  if (pieces % threads > 0 && pieces < enough * threads) return false;
  const [first, later] = [false, true].map((adds) =>
    codesFor(natives, sizes, { pairs, bands, adds, alone: true }),
  );
  if (first === undefined || later === undefined) return false;
  const [pictureBytes, signalBytes] = transformedBytes(sizes, bands).map((bytes) => pairs * bytes) as [
    number,
    number,
  ];
  const sumsPlace = pictureBytes + signalBytes;
  const places = { signal: pictureBytes, sums: sumsPlace, bias: sumsPlace + sumBytes };
  const biasBytes = sizes.results * 4;
  const steps: OwnStep[] = [
    ...operands.map(
      ({ layout }, operand): OwnStep => ({
        address: first.transforms[operand] as bigint,
        arguments: [
          { operand, pieceBytes: bands > 1 ? 0 : layout.bytes / pieces },
          { room: operand === 0 ? 0 : places.signal },
          'piece',
        ],
      }),
    ),
    {
      ...{ first: first.products, address: later.products },
      arguments: [{ room: 0 }, { room: places.signal }, { room: places.sums }],
    },
  ];
  const added: RoomSum[] = [{ place: places.sums, bytes: sumBytes, op: 'filters', target: () => sums }];
  if (total !== undefined) {
    steps.push({
      ...{ first: first.channelSums, address: later.channelSums },
      arguments: [{ room: places.signal + totalsOffset(sizes, bands) }, { room: places.bias }],
    });
    added.push({
      ...{ place: places.bias, bytes: biasBytes, op: 'biasGradient' },
      target: () => lowering.define(total, lowering.plainLayout(total)),
    });
  }
  return lowerOwnSums(lowering, node, {
    key: `winograd ${JSON.stringify([sizes, pairs, bands, total !== undefined])}`,
    own: {
      ...{ rooms: threads, pieces, operands: operands.length },
      ...{ steps, roomBytes: places.bias + biasBytes },
    },
    ...{ operands, code: { implementation: implementations.bf16, instead: primitive }, sums: added },
  });
}

/**
 * What a thread takes at a time: so few lines of tiles that caches keep them, or so many pairs that the sums, which go to a far
 * cache and back, are few beside what is read for them.
 */
function piecesOf(sizes: WinogradSizes, sumBytes: number, threads: number): { pairs: number; bands: number } {
  const all = sizes.pictures / 2;
  const [picture, signal] = transformedBytes(sizes, 1);
  const wanted = Math.max(nearBytes, 2 * sumBytes);
  const bands =
    divisors(along(sizes.oh)).find((some) => (picture + signal) / some <= wanted) ?? along(sizes.oh);
  if (bands > 1) return { pairs: 1, bands };
  const most = Math.min(all / threads, wanted / (picture + signal));
  return { pairs: Math.max(...divisors(all).filter((some) => some === 1 || some <= most)), bands };
}

/** Of a band of a pair of each operand. */
function transformedBytes(sizes: WinogradSizes, bands: number): [picture: number, signal: number] {
  const bytesOf = (of: PairedTiles['of']): number => points * pointBytes(pairedTilesOf(sizes, of, bands));
  return [bytesOf('picture'), bytesOf('signal')];
}

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
  bands: number,
): Omit<PairedTiles, 'pairs'> {
  return { of, bands, channels: of === 'picture' ? channels : results, h, w, oh, ow, padding };
}

interface Codes {
  readonly transforms: readonly bigint[];
  readonly products: bigint;
  readonly channelSums: bigint;
}

interface CodesOf {
  readonly pairs: number;
  readonly bands: number;
  /** To what is there already. */
  readonly adds: boolean;
  /** For a thread by itself. */
  readonly alone?: boolean;
}

/** Undefined where no code runs. */
function codesFor(
  natives: Natives,
  sizes: WinogradSizes,
  { pairs, bands, adds, alone = false }: CodesOf,
): Codes | undefined {
  const make = (key: string, code: (team: Team) => Uint8Array): bigint | undefined =>
    alone ? codeForOne(natives.code, key, code) : natives.code(key, code);
  const transforms = (['picture', 'signal'] as const).map((of) => {
    const tiles = { ...pairedTilesOf(sizes, of, bands), pairs };
    return make(`winograd pairs ${JSON.stringify(tiles)}`, (team) => pairedTilesCode(tiles, team));
  });
  const window = productSizes(sizes, pairs, bands);
  const cut = gradientCutOf(window);
  const key = JSON.stringify([adds, window]);
  const products = cut && make(`weights ${key}`, (team) => weightGradientCode(window, cut, team, adds));
  const one = { ...window, blocks: sizes.results / block };
  const channelSums = make(`sums ${JSON.stringify([adds, one])}`, (team) => channelSumsCode(one, team, adds));
  if (products === undefined || channelSums === undefined) return undefined;
  const made = transforms.flatMap((each) => each ?? []);
  return made.length < transforms.length ? undefined : { transforms: made, products, channelSums };
}

/** Where the tiles of a transformed gradient lie that add up to the bias's. */
function totalsOffset(sizes: WinogradSizes, bands: number): number {
  return totals * pointBytes({ ...sizes, bands, channels: sizes.results });
}

/** Points as sets of channels, tiles as the pixels that a window of one goes over. */
function productSizes(
  { channels, results, oh, ow }: WinogradSizes,
  pairs: number,
  bands: number,
): GradientSizes {
  const tiles = (along(oh) / bands) * along(ow);
  const width = Math.max(...divisors(tiles).filter((some) => some <= longestRow));
  const [groups, blocks] = [channels / block, results / block];
  const plane = blockOfTilesBytes({ oh, ow, bands });
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
