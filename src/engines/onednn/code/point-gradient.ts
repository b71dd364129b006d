// The gradient of 1x1 filters in bf16 as AVX-512 code, with what it needs of pairs of pictures made inside. Two pictures
// are zipped into one whose every number is a pair, as VDPBF16PS wants it, some pixels at a time: as many as the first cache
// keeps of a tile of results and a block of channels. A thread has some results and some channels to itself, so that no sums of
// threads are added up, and what it has zipped stays in its second cache until all tiles have met it; nothing but the
// pictures and the filters passes through memory. A window with a stride reads the pixels that it meets and no others.
import { Assembler, at, type Label, r, type Vector } from './assembler.ts';
import { cyclesFor, divisors, lanes, registers, vectorBytes } from './cut.ts';
import { advance, args, countDown, forEachItem, item, repeat, roomOfThread, split } from './items.ts';
import type { Team } from './team.ts';

export interface PointGradientSizes {
  /** Of pictures. */
  readonly pairs: number;
  /** Blocks of 16 channels of the picture, and of results. */
  readonly channels: number;
  readonly results: number;
  readonly h: number;
  readonly w: number;
  readonly oh: number;
  readonly ow: number;
  readonly stride: number;
}

/** How the work is cut. */
export interface PointGradientCut {
  /** Blocks of results and of channels that a thread takes at a time. */
  readonly results: number;
  readonly channels: number;
  /** Of results, in a tile. */
  readonly tile: number;
  /** What is zipped at a time: pairs of pictures, rows of each, and pixels of a row. */
  readonly pairs: number;
  readonly rows: number;
  readonly pixels: number;
  readonly threads: number;
  /** Bytes of a thread's room. */
  readonly room: number;
}

/** Arguments of the code, eight bytes each. */
const slots = { source: 0, signal: 8, weights: 16, scratch: 24 } as const;
const pixelBytes = 2 * lanes;
/** Of the filters between one block of channels and one of results. */
const blockBytes = lanes * vectorBytes;
/** Pairs of pixels that are zipped at a time: with a tile's four blocks of results they fill two thirds of the first cache. */
const mostPixels = 112;
/** Filters and zipped pixels that stay in the second cache. */
const nearBytes = 600_000;
const mostInTile = 4;
/** Pixels that are zipped between two jumps. */
const mostAtOnce = 16;
/** For a block of channels of a pair of pixels. */
const cyclesToZip = 3;

export function pointGradientCutOf(sizes: PointGradientSizes, threads: number): PointGradientCut | undefined {
  const chunk = chunkOf(sizes);
  if (chunk === undefined) return undefined;
  const zipped = chunk.pairs * chunk.rows * chunk.pixels * vectorBytes;
  const cuts = divisors(sizes.results).flatMap((results) =>
    divisors(sizes.channels).map((channels) => {
      const tile = Math.max(...divisors(results).filter((blocks) => blocks <= mostInTile));
      const room = (results + channels) * zipped;
      const items = (sizes.results / results) * (sizes.channels / channels);
      const unevenness = (Math.ceil(items / threads) * threads) / items;
      const cost = (cyclesToMeet(tile) + cyclesToZip * (1 / results + 1 / channels)) * unevenness;
      return { results, channels, tile, room, cost, near: room + results * channels * blockBytes };
    }),
  );
  const fitting = cuts.filter(({ near }) => near <= nearBytes);
  if (fitting.length === 0) return undefined;
  const { results, channels, tile, room } = fitting.reduce((best, next) =>
    next.cost < best.cost ? next : best,
  );
  return { results, channels, tile, ...chunk, threads, room };
}

/** Cycles for a block of channels of a pair of pixels to meet one of results. */
function cyclesToMeet(tile: number): number {
  const cycles = partsOf(tile).map((part) =>
    cyclesFor({ multiplyAdds: tile * part, permutations: 0, loads: tile + part }),
  );
  return cycles.reduce((sum, each) => sum + each, 0) / tile;
}

/** Channels of a block whose sums with a tile of results stay in registers together. */
function partsOf(tile: number): number[] {
  // Three registers for numbers of the picture that come one after the other.
  const most = Math.floor((registers - tile - spare) / tile);
  const parts = Math.ceil(lanes / most);
  return Array.from({ length: parts }, (_, i) => Math.ceil((lanes - i) / parts));
}

const spare = 3;

/** Undefined where a row is too long. Windows without a stride go over planes as over one row. */
function chunkOf(sizes: PointGradientSizes): Pick<PointGradientCut, 'pairs' | 'rows' | 'pixels'> | undefined {
  const { oh, ow, stride } = sizes;
  const most = (all: number, limit: number) => Math.max(...divisors(all).filter((some) => some <= limit));
  if (stride > 1) {
    if (ow > mostPixels) return undefined;
    const rows = most(oh, Math.floor(mostPixels / ow));
    const pairs = rows === oh ? most(sizes.pairs, Math.max(1, Math.floor(mostPixels / (oh * ow)))) : 1;
    return { pairs, rows, pixels: ow };
  }
  const pixels = most(oh * ow, mostPixels);
  const pairs = pixels === oh * ow ? most(sizes.pairs, Math.max(1, Math.floor(mostPixels / pixels))) : 1;
  return { pairs, rows: 1, pixels };
}

const stack = {
  room: 0,
  source: 8,
  signal: 16,
  pairs: 24,
  bands: 32,
  sourceBand: 40,
  signalBand: 48,
  sourceNext: 56,
  signalNext: 64,
  ahead: 72,
  height: 88,
};
const begun = r.bp;
/** Those of the item. */
const weights = r.r15;

/** Filters lie in blocks: results, channels, 16 channels, 16 results. */
export function pointGradientCode(sizes: PointGradientSizes, cut: PointGradientCut, team: Team): Uint8Array {
  const { channels, results } = sizes;
  const { source, signal } = planesOf(sizes);
  const [channelParts, resultParts] = [channels / cut.channels, results / cut.results];
  const code = new Assembler();
  const ahead = aheadOf(sizes, cut);
  forEachItem(
    code,
    { count: channelParts * resultParts, frame: stack.height, team, most: cut.threads },
    () => {
      roomOfThread(code, team, at(args, slots.scratch), cut.room);
      code.keep(at(r.sp, stack.room), r.ax);
    },
    () => {
      code.move(r.ax, item);
      split(code, channelParts);
      const begin = (slot: number, part: typeof r.ax | typeof r.dx, bytes: number): void => {
        code.multiplyBy(r.si, part, bytes);
        code.combine('add', r.si, at(args, slot));
      };
      begin(slots.source, r.dx, cut.channels * planeBytes(source));
      code.keep(at(r.sp, stack.source), r.si);
      begin(slots.signal, r.ax, cut.results * planeBytes(signal));
      code.keep(at(r.sp, stack.signal), r.si);
      begin(slots.weights, r.ax, cut.results * channels * blockBytes);
      code.move(weights, r.si);
      code.multiplyBy(r.si, r.dx, cut.channels * blockBytes);
      code.combine('add', weights, r.si);
      code.set(begun, 0);
      forEachChunk(code, sizes, cut, () => {
        code.move(zipped, at(r.sp, stack.room));
        zip(code, cut, stack.sourceBand, cut.channels, source);
        zip(code, cut, stack.signalBand, cut.results, signal);
        multiply(code, sizes, cut, ahead);
        code.set(begun, 1);
      });
    },
  );
  if (ahead !== undefined) {
    code.place(ahead.table);
    code.numbers(ahead.rows.flatMap(({ offset, next }) => [offset, 0, next, 0]));
  }
  return code.code();
}

/** Rows of pixels that the next chunk will zip, which are fetched while this one is multiplied: one for each run over all pixels. */
interface Ahead {
  /** Behind the code: for each run the offset of its row, and the place on the stack of what it is counted from. */
  readonly table: Label;
  readonly rows: readonly { readonly offset: number; readonly next: number }[];
}

const rowBytes = 16;

/** Undefined where pixels do not lie one after the other. */
function aheadOf(sizes: PointGradientSizes, cut: PointGradientCut): Ahead | undefined {
  if (sizes.stride > 1) return undefined;
  const { source, signal } = planesOf(sizes);
  const rowsOf = (plane: Plane, blocks: number, next: number) =>
    Array.from({ length: blocks * 2 * cut.pairs }, (_, i) => {
      const [block, picture] = [Math.floor(i / (2 * cut.pairs)), i % (2 * cut.pairs)];
      return { offset: block * planeBytes(plane) + picture * pictureBytes(plane), next };
    });
  const rows = [
    ...rowsOf(source, cut.channels, stack.sourceNext),
    ...rowsOf(signal, cut.results, stack.signalNext),
  ];
  const runs = (cut.results / cut.tile) * cut.channels * partsOf(cut.tile).length;
  const last = rows.at(-1) as (typeof rows)[number];
  return { table: {}, rows: Array.from({ length: runs }, (_, i) => rows[i] ?? last) };
}

/** A picture of blocks of channels, and the distance of the pixels that count. */
interface Plane {
  readonly blocks: number;
  readonly height: number;
  readonly width: number;
  readonly stride: number;
}

function planesOf({ channels, results, h, w, oh, ow, stride }: PointGradientSizes): {
  source: Plane;
  signal: Plane;
} {
  return {
    source: { blocks: channels, height: h, width: w, stride },
    signal: { blocks: results, height: oh, width: ow, stride: 1 },
  };
}

/** Moves both bands on, over the rows of a pair of pictures and over all pairs. */
function forEachChunk(
  code: Assembler,
  sizes: PointGradientSizes,
  cut: PointGradientCut,
  oneChunk: () => void,
): void {
  const { oh, ow, w, stride } = sizes;
  const { source, signal } = planesOf(sizes);
  const [nextPairs, nextBand] = [{} as Label, {} as Label];
  const bandBytes = cut.rows * cut.pixels * pixelBytes;
  code.set(r.ax, sizes.pairs / cut.pairs);
  code.keep(at(r.sp, stack.pairs), r.ax);
  code.place(nextPairs);
  for (const [band, whole] of [
    [stack.sourceBand, stack.source],
    [stack.signalBand, stack.signal],
  ] as const) {
    code.move(r.ax, at(r.sp, whole));
    code.keep(at(r.sp, band), r.ax);
  }
  code.set(r.ax, (oh * ow) / (cut.rows * cut.pixels));
  code.keep(at(r.sp, stack.bands), r.ax);
  code.place(nextBand);
  for (const [next, band, whole, plane] of [
    [stack.sourceNext, stack.sourceBand, stack.source, source],
    [stack.signalNext, stack.signalBand, stack.signal, signal],
  ] as const) {
    const isLast: Label = {};
    code.move(r.cx, at(r.sp, whole));
    code.combineWith('add', r.cx, 2 * cut.pairs * pictureBytes(plane));
    code.move(r.ax, at(r.sp, stack.bands));
    code.combineWith('compare', r.ax, 1);
    code.jump(isLast, 'equal');
    code.move(r.cx, at(r.sp, band));
    code.combineWith('add', r.cx, bandBytes);
    code.place(isLast);
    code.keep(at(r.sp, next), r.cx);
  }
  oneChunk();
  advance(code, stack.sourceBand, stride === 1 ? bandBytes : cut.rows * stride * w * pixelBytes);
  advance(code, stack.signalBand, bandBytes);
  countDown(code, stack.bands, nextBand);
  advance(code, stack.source, 2 * cut.pairs * pictureBytes(source));
  advance(code, stack.signal, 2 * cut.pairs * pictureBytes(signal));
  countDown(code, stack.pairs, nextPairs);
}

function planeBytes({ height, width }: Plane): number {
  return height * width * pixelBytes;
}

function pictureBytes(plane: Plane): number {
  return plane.blocks * planeBytes(plane);
}

/** Where the next pair of pixels comes to lie. */
const zipped = r.r8;

/** Zips a chunk of `count` blocks, which begin where `place` on the stack says, block after block. */
function zip(code: Assembler, cut: PointGradientCut, place: number, count: number, plane: Plane): void {
  const [block, blocks, picture, pictures, row, rows, from, left] = [
    ...[r.r9, r.cx, r.r10, r.r11, r.r14, r.dx, r.si, r.ax],
  ] as const;
  const other = pictureBytes(plane);
  const step = plane.stride * pixelBytes;
  const atOnce = Math.max(...divisors(cut.pixels).filter((some) => some <= mostAtOnce));
  code.move(block, at(r.sp, place));
  repeat(code, blocks, count, () => {
    code.move(picture, block);
    repeat(code, pictures, cut.pairs, () => {
      code.move(row, picture);
      repeat(code, rows, cut.rows, () => {
        code.move(from, row);
        repeat(code, left, cut.pixels / atOnce, () => {
          for (let i = 0; i < atOnce; i++) {
            const [one, next] = [2 * (i % 8), 2 * (i % 8) + 1];
            code.widen(one, at(from, i * step));
            code.widen(next, at(from, other + i * step));
            code.shiftLanes(next, next, 16);
            code.or(one, one, next);
            code.store(at(zipped, i * vectorBytes), one);
          }
          code.combineWith('add', from, atOnce * step);
          code.combineWith('add', zipped, atOnce * vectorBytes);
        });
        code.combineWith('add', row, plane.stride * plane.width * pixelBytes);
      });
      code.combineWith('add', picture, 2 * other);
    });
    code.combineWith('add', block, planeBytes(plane));
  });
}

/** All tiles of results and channels over what is zipped. */
function multiply(
  code: Assembler,
  sizes: PointGradientSizes,
  cut: PointGradientCut,
  ahead: Ahead | undefined,
): void {
  const [signal, picture, tiles, blocks, filters, left] = [r.r14, r.r9, r.dx, r.r11, r.r10, r.cx] as const;
  const [tileFilters, one, more] = [r.r8, r.si, r.di] as const;
  const pixels = cut.pairs * cut.rows * cut.pixels;
  const zippedBytes = pixels * vectorBytes;
  const between = sizes.channels * blockBytes;
  const unrolled = pixels % 2 === 0 ? 2 : 1;
  const comingRow = r.ax;
  if (ahead !== undefined) {
    code.addressOf(r.ax, ahead.table);
    code.keep(at(r.sp, stack.ahead), r.ax);
  }
  code.move(signal, at(r.sp, stack.room));
  code.combineWith('add', signal, cut.channels * zippedBytes);
  code.move(tileFilters, weights);
  repeat(code, tiles, cut.results / cut.tile, () => {
    code.move(filters, tileFilters);
    code.move(picture, at(r.sp, stack.room));
    repeat(code, blocks, cut.channels, () => {
      let first = 0;
      for (const part of partsOf(cut.tile)) {
        const sum = (channel: number, block: number): Vector => channel * cut.tile + block;
        const given = (block: number): Vector => part * cut.tile + block;
        const read = (channel: number): Vector => registers - 1 - (channel % spare);
        const each = (visit: (register: Vector, channel: number, block: number) => void): void => {
          for (let c = 0; c < part; c++) for (let b = 0; b < cut.tile; b++) visit(sum(c, b), first + c, b);
        };
        const filter = (channel: number, block: number) =>
          at(filters, block * between + channel * vectorBytes);
        const [fresh, ready]: [Label, Label] = [{}, {}];
        code.combineWith('compare', begun, 0);
        code.jump(fresh, 'equal');
        each((register, channel, block) => code.load(register, filter(channel, block)));
        code.jump(ready);
        code.place(fresh);
        each((register) => code.clear(register));
        code.place(ready);
        if (ahead !== undefined) {
          code.move(one, at(r.sp, stack.ahead));
          code.move(comingRow, at(one));
          code.move(more, at(one, rowBytes / 2));
          code.combine('add', more, r.sp);
          code.combine('add', comingRow, at(more));
          code.combineWith('add', one, rowBytes);
          code.keep(at(r.sp, stack.ahead), one);
        }
        code.move(one, picture);
        code.move(more, signal);
        repeat(code, left, pixels / unrolled, () => {
          for (let i = 0; i < unrolled; i++) {
            for (let b = 0; b < cut.tile; b++)
              code.load(given(b), at(more, b * zippedBytes + i * vectorBytes));
            for (let c = 0; c < part; c++) {
              code.broadcast(read(c), at(one, i * vectorBytes + (first + c) * 4));
              for (let b = 0; b < cut.tile; b++) code.multiplyAddPairs(sum(c, b), given(b), read(c));
            }
          }
          if (ahead !== undefined) {
            code.prefetch(2, at(comingRow));
            code.combineWith('add', comingRow, unrolled * pixelBytes);
          }
          code.combineWith('add', one, unrolled * vectorBytes);
          code.combineWith('add', more, unrolled * vectorBytes);
        });
        each((register, channel, block) => code.store(filter(channel, block), register));
        first += part;
      }
      code.combineWith('add', filters, blockBytes);
      code.combineWith('add', picture, zippedBytes);
    });
    code.combineWith('add', signal, cut.tile * zippedBytes);
    code.combineWith('add', tileFilters, cut.tile * between);
  });
}
