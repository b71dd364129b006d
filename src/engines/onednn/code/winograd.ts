// 3x3 windows with a stride of 1 by Winograd's minimal filtering (Lavin and Gray, "Fast Algorithms for Convolutional
// Neural Networks", 2015): 2x2 results of a window cost 16 products a channel instead of 36. Pictures and filters lie
// in f32, or in bf16 and are multiplied by pairs of channels (AVX512-BF16); all sums are in f32, and what is transformed
// is rounded once. A thread takes some tiles through all three stages while they stay in its second cache: the transformed
// pictures of all channels, then for a bundle of result blocks after the other 16 matrix products and what becomes of
// them.
import type { FloatType } from '../abi.ts';
import { Assembler, at, type Label, type Register, r, type Vector } from './assembler.ts';
import { pixelBytes, read, write } from './channel-passes.ts';
import { divisors, lanes, registers, vectorBytes } from './cut.ts';
import { advance, args, countDown, forEachItem, item, roomOfThread, split } from './items.ts';
import type { Team } from './team.ts';
import {
  along,
  forEachStretch,
  patch,
  points,
  type Stretch,
  stretchesAlong,
  tile,
  transformLine,
} from './winograd-tiles.ts';

/** Arguments of the code, eight bytes each. */
const slots = { source: 0, filters: 8, bias: 16, target: 24, scratch: 32 } as const;

/** Of what is multiplied at a time: a channel in f32, a pair of channels in bf16. */
const unitBytes = 4;
/** Pictures and results in blocks of 16 channels. */
export interface WinogradSizes {
  /** How numbers lie in memory. bf16 wants AVX512-BF16. */
  readonly type: FloatType;
  readonly pictures: number;
  /** Groups of the convolution, each of which has so many channels and results, and filters of its own. */
  readonly sets: number;
  readonly channels: number;
  readonly results: number;
  readonly h: number;
  readonly w: number;
  readonly oh: number;
  readonly ow: number;
  readonly padding: readonly [top: number, left: number];
  readonly bias: boolean;
  /** Adds what stood in the results' memory before. */
  readonly sum: boolean;
  readonly relu: boolean;
}

export interface WinogradCut {
  /** Result blocks in a bundle. */
  readonly blocks: number;
  /** Tiles that a thread takes at a time; the last may be fewer. */
  readonly tiles: number;
  /** Pieces that a set is taken in. */
  readonly items: number;
  /** Tiles whose sums stay in registers. */
  readonly group: number;
  /** Threads there is room for. */
  readonly threads: number;
  /** Bytes between the transformed tiles of two points, and between their products. */
  readonly pictureStride: number;
  readonly productStride: number;
  /** Bytes of each thread's room. */
  readonly room: number;
}

/** Bytes of tiles, transformed and multiplied, that stay in the second cache beside filters that pass through. */
const nearBytes = 640_000;

export function winogradCutOf(sizes: WinogradSizes, threads: number): WinogradCut {
  const { pictures, sets, results, oh, ow } = sizes;
  const blocks = (results / lanes) % 2 === 0 ? 2 : 1;
  const tileBytes = tileBytesOf(sizes);
  const perTile = points * (tileBytes + blocks * vectorBytes);
  const all = pictures * Math.ceil(oh / tile) * Math.ceil(ow / tile);
  const { tiles, group } =
    sets > 1 ? inGroups(all, perTile, blocks) : inRounds(all, perTile, blocks, threads);
  // A line more, so that what belongs to one tile does not fall into the same places of the first cache.
  const pictureStride = tiles * tileBytes + vectorBytes;
  const productStride = tiles * blocks * vectorBytes + vectorBytes;
  return {
    ...{ blocks, tiles, group, threads, pictureStride, productStride },
    items: Math.ceil(all / tiles),
    room: points * (pictureStride + productStride),
  };
}

/** How many tiles are taken at a time, and how many of them stay in registers. */
type Tiles = Pick<WinogradCut, 'tiles' | 'group'>;

/**
 * As many as stay in the second cache: in even shares for all threads, or whole groups of the largest size, whichever takes less
 * time.
 */
function inRounds(all: number, perTile: number, blocks: number, threads: number): Tiles {
  const largest = mostTiles(blocks);
  const rounds = Math.ceil((all * perTile) / nearBytes / threads);
  const even = Math.ceil(all / (rounds * threads));
  const wholeGroups = Math.floor(nearBytes / perTile / largest);
  const choices = [even, wholeGroups * largest, (wholeGroups - 1) * largest].filter((tiles) => tiles > 0);
  const costs = choices.map((tiles) => {
    const items = Math.ceil(all / tiles);
    return Math.ceil(items / threads) * costOf(tiles, inEvenShares(tiles, largest));
  });
  const tiles = choices[costs.indexOf(Math.min(...costs))] as number;
  return { tiles, group: inEvenShares(tiles, largest) };
}

/** What reading filters costs a group of tiles, and a thread that begins with some tiles; and groups that wait for their sums. */
const [perGroup, perItem, leastGroup] = [1, 2, 4];

/** Of so many tiles in groups of such a size, in units of a tile among many. */
function costOf(tiles: number, group: number): number {
  const rest = tiles % group;
  const last = rest > 0 ? perGroup + Math.max(rest, leastGroup) : 0;
  return perItem + Math.floor(tiles / group) * (perGroup + group) + last;
}

/** Where sets are shared: whole groups, for with few channels a group of another size costs more than it computes. */
function inGroups(all: number, perTile: number, blocks: number): Tiles {
  const group = inEvenShares(all, mostTiles(blocks));
  const groups = Math.floor(Math.min(all, nearBytes / perTile) / group);
  return { tiles: group * Math.max(1, groups), group };
}

/** Tiles whose sums stay in registers: with fewer than six left over for filters and pictures the code is slower on a Zen 5. */
function mostTiles(blocks: number): number {
  return Math.floor((registers - 6) / blocks);
}

/** The size of shares of so many at most, all but the last of which are alike. */
function inEvenShares(count: number, most: number): number {
  return Math.ceil(count / Math.ceil(count / most));
}

/** Of all channels of a set at one point. */
function tileBytesOf(sizes: WinogradSizes): number {
  return (sizes.channels / lanes) * pixelBytes(sizes);
}

// Registers of the code.
const [from, to, count, line, column, picture] = [r.si, r.di, r.cx, r.r8, r.r9, r.r10];
const [transformed, filters, products] = [r.r11, r.r14, r.r15];
/** Tiles, or groups of them, that are left. */
const left = r.dx;
const biases = r.bp;

const stack = {
  room: 0,
  tiles: 8,
  picture: 16,
  line: 24,
  column: 32,
  bundle: 40,
  point: 48,
  targetOffset: 56,
  bias: 64,
  set: 72,
  height: 88,
} as const;

export function winogradCode(sizes: WinogradSizes, cut: WinogradCut, team: Team): Uint8Array {
  const code = new Assembler();
  forEachItem(
    code,
    { count: sizes.sets * cut.items, frame: stack.height, team, most: cut.threads },
    () => {
      roomOfThread(code, team, at(args, slots.scratch), cut.room);
      code.keep(at(r.sp, stack.room), r.ax);
    },
    () => {
      locate(code, sizes, cut);
      transformPictures(code, sizes, cut);
      const blocks = sizes.results / lanes;
      const planeBytes = sizes.oh * sizes.ow * pixelBytes(sizes);
      code.move(filters, at(args, slots.filters));
      addOfSet(code, sizes, filters, points * unitsOf(sizes) * blocks * vectorBytes);
      code.set(to, 0);
      addOfSet(code, sizes, to, blocks * planeBytes);
      code.keep(at(r.sp, stack.targetOffset), to);
      if (sizes.bias) {
        code.move(biases, at(args, slots.bias));
        addOfSet(code, sizes, biases, blocks * vectorBytes);
        code.keep(at(r.sp, stack.bias), biases);
      }
      const bundles = blocks / cut.blocks;
      code.set(r.ax, bundles);
      code.keep(at(r.sp, stack.bundle), r.ax);
      const again = code.here();
      multiply(code, sizes, cut);
      transformResults(code, sizes, cut);
      advance(code, stack.targetOffset, cut.blocks * planeBytes);
      if (sizes.bias) advance(code, stack.bias, cut.blocks * vectorBytes);
      countDown(code, stack.bundle, again);
    },
  );
  return code.code();
}

/** `register` moves on to the item's set; `bytes`: of a set. Uses up rax. */
function addOfSet(code: Assembler, { sets }: WinogradSizes, register: Register, bytes: number): void {
  if (sets === 1) return;
  code.move(r.ax, at(r.sp, stack.set));
  code.multiplyBy(r.ax, r.ax, bytes);
  code.combine('add', register, r.ax);
}

/** The item's set and its first tile: its picture, line and column; and how many it has. */
function locate(code: Assembler, sizes: WinogradSizes, { tiles, items }: WinogradCut): void {
  const { pictures, sets, oh, ow } = sizes;
  const [lines, columns] = [along(oh), along(ow)];
  const piece = from;
  code.move(piece, item);
  if (sets > 1) {
    code.move(r.ax, item);
    split(code, items);
    code.keep(at(r.sp, stack.set), r.ax);
    code.move(piece, r.dx);
  }
  code.multiplyBy(r.ax, piece, tiles);
  split(code, columns);
  code.keep(at(r.sp, stack.column), r.dx);
  split(code, lines);
  code.keep(at(r.sp, stack.line), r.dx);
  code.keep(at(r.sp, stack.picture), r.ax);
  code.set(r.ax, tiles);
  const last = pictures * lines * columns - (items - 1) * tiles;
  if (last < tiles) {
    const whole: Label = {};
    code.combineWith('compare', piece, items - 1);
    code.jump(whole, 'notEqual');
    code.set(r.ax, last);
    code.place(whole);
  }
  code.keep(at(r.sp, stack.tiles), r.ax);
}

/**
 * Goes through the item's tiles; `each` emits what is done for one, by which rows and columns it has. The first picture of
 * all lies where `picture` points; `bytes`: how long one is.
 */
function forEachTile(
  code: Assembler,
  { h, w, oh, ow, padding }: WinogradSizes,
  bytes: number,
  each: (rows: Stretch, columns: Stretch) => void,
): void {
  const [rows, columns] = [stretchesAlong(h, oh, padding[0]), stretchesAlong(w, ow, padding[1])];
  code.move(r.ax, at(r.sp, stack.picture));
  code.multiplyBy(r.ax, r.ax, bytes);
  code.combine('add', picture, r.ax);
  code.move(line, at(r.sp, stack.line));
  code.move(column, at(r.sp, stack.column));
  code.move(left, at(r.sp, stack.tiles));
  const again = code.here();
  const done: Label = {};
  forEachStretch(code, line, rows, (row) =>
    forEachStretch(code, column, columns, (stretch) => {
      each(row, stretch);
      code.jump(done);
    }),
  );
  code.place(done);
  const next: Label = {};
  code.combineWith('add', column, 1);
  code.combineWith('compare', column, along(ow));
  code.jump(next, 'less');
  code.set(column, 0);
  code.combineWith('add', line, 1);
  code.combineWith('compare', line, along(oh));
  code.jump(next, 'less');
  code.set(line, 0);
  code.combineWith('add', picture, bytes);
  code.place(next);
  code.combineWith('subtract', left, 1);
  code.jump(again, 'notEqual');
}

/** `register = picture + rows of line * 2 + pixels of column * 2`, and `more` pixels; `bytes`: of a pixel. */
function tileAddress(code: Assembler, register: Register, width: number, bytes: number, more = 0): void {
  code.multiplyBy(register, line, tile * width * bytes);
  code.combine('add', register, picture);
  code.multiplyBy(r.ax, column, tile * bytes);
  code.combine('add', register, r.ax);
  if (more !== 0) code.combineWith('add', register, more * bytes);
}

function transformPictures(code: Assembler, sizes: WinogradSizes, cut: WinogradCut): void {
  const { sets, channels, h, w, padding } = sizes;
  const bytes = pixelBytes(sizes);
  const blocks = channels / lanes;
  const setBytes = blocks * h * w * bytes;
  code.move(transformed, at(r.sp, stack.room));
  code.move(picture, at(args, slots.source));
  addOfSet(code, sizes, picture, setBytes);
  forEachTile(code, sizes, sets * setBytes, (rows, columns) => {
    tileAddress(code, from, w, bytes, -(padding[0] * w + padding[1]));
    code.set(count, blocks);
    const again = code.here();
    transformPatch(code, sizes, cut, (row, pixel) =>
      rows.inside[row] && columns.inside[pixel] ? (row * w + pixel) * bytes : undefined,
    );
    code.combineWith('add', from, h * w * bytes);
    code.combineWith('add', transformed, bytes);
    code.combineWith('subtract', count, 1);
    code.jump(again, 'notEqual');
  });
}

/** B'dB of 16 channels. `offsetOf`: where a pixel lies; undefined for those that are 0. */
function transformPatch(
  code: Assembler,
  sizes: WinogradSizes,
  { pictureStride }: WinogradCut,
  offsetOf: (row: number, column: number) => number | undefined,
): void {
  const places = [0, 1, 2, 3];
  const pixels = places.map((row) =>
    places.map((column) => {
      const offset = offsetOf(row, column);
      if (offset === undefined) return undefined;
      const register = row * patch + column;
      read(code, sizes, register, at(from, offset));
      return register;
    }),
  );
  const byRows = places.map((column) =>
    transformLine(
      code,
      pixels.map((row) => row[column]),
      (row) => points + row * patch + column,
    ),
  );
  for (const row of places) {
    const made = transformLine(
      code,
      byRows.map((each) => each[row]),
      (column) => row * patch + column,
    );
    made.forEach((register, column) => {
      const result = row * patch + column;
      if (register === undefined) code.clear(result);
      write(code, sizes, at(transformed, result * pictureStride), result);
    });
  }
}

/** The products of all points with the filters of the next bundle, which lie one after the other. */
function multiply(code: Assembler, sizes: WinogradSizes, cut: WinogradCut): void {
  const { blocks, tiles, items, group, pictureStride, productStride } = cut;
  const all = sizes.pictures * along(sizes.oh) * along(sizes.ow);
  const last = all - (items - 1) * tiles;
  const rests = new Set([tiles % group, last % group].filter((rest) => rest > 0));
  code.move(transformed, at(r.sp, stack.room));
  code.address(products, at(transformed, points * pictureStride));
  code.set(r.ax, points);
  code.keep(at(r.sp, stack.point), r.ax);
  const nextPoint = code.here();
  code.move(picture, transformed);
  code.move(to, products);
  code.move(left, at(r.sp, stack.tiles));
  const done: Label = {};
  const again = code.here();
  const fewer: Label = {};
  code.combineWith('compare', left, group);
  code.jump(fewer, 'less');
  multiplyGroup(code, sizes, cut, group);
  code.combineWith('subtract', left, group);
  code.jump(again);
  code.place(fewer);
  for (const rest of rests) {
    const other: Label = {};
    code.combineWith('compare', left, rest);
    code.jump(other, 'notEqual');
    multiplyGroup(code, sizes, cut, rest);
    code.jump(done);
    code.place(other);
  }
  code.place(done);
  code.combineWith('add', filters, unitsOf(sizes) * blocks * vectorBytes);
  code.combineWith('add', transformed, pictureStride);
  code.combineWith('add', products, productStride);
  countDown(code, stack.point, nextPoint);
}

/** Instructions that a loop may have. */
const decoded = 500;

/** How many products of a number of a picture there are: with channels, or with pairs of them. */
function unitsOf(sizes: WinogradSizes): number {
  return tileBytesOf(sizes) / unitBytes;
}

/** Some tiles times the filters of a point; both ends move on to the next tiles. */
function multiplyGroup(code: Assembler, sizes: WinogradSizes, { blocks }: WinogradCut, tiles: number): void {
  const units = unitsOf(sizes);
  const tileBytes = tileBytesOf(sizes);
  const sum = (each: number, block: number): Vector => each * blocks + block;
  const filterOf = (block: number): Vector => tiles * blocks + block;
  const firstFree = filterOf(blocks);
  const perUnit = blocks + tiles * (1 + blocks);
  const unrolled = Math.max(...divisors(units).filter((some) => some === 1 || some * perUnit <= decoded));
  const multiplyAdd = (to: Vector, a: Vector, b: Vector): void =>
    sizes.type === 'bf16' ? code.multiplyAddPairs(to, a, b) : code.multiplyAdd(to, a, b);
  for (let i = 0; i < tiles * blocks; i++) code.clear(i);
  code.set(count, units / unrolled);
  const again = code.here();
  let turn = 0;
  for (let unit = 0; unit < unrolled; unit++) {
    for (let block = 0; block < blocks; block++) {
      const offset = (unit * blocks + block) * vectorBytes;
      code.load(filterOf(block), at(filters, offset));
      code.prefetch(2, at(filters, units * blocks * vectorBytes + offset));
    }
    for (let each = 0; each < tiles; each++) {
      const free = firstFree + (turn++ % (registers - firstFree));
      code.broadcast(free, at(picture, each * tileBytes + unit * unitBytes));
      for (let block = 0; block < blocks; block++) multiplyAdd(sum(each, block), filterOf(block), free);
    }
  }
  code.combineWith('add', filters, unrolled * blocks * vectorBytes);
  code.combineWith('add', picture, unrolled * unitBytes);
  code.combineWith('subtract', count, 1);
  code.jump(again, 'notEqual');
  for (let each = 0; each < tiles; each++)
    for (let block = 0; block < blocks; block++)
      code.store(at(to, (each * blocks + block) * vectorBytes), sum(each, block));
  code.combineWith('subtract', filters, units * blocks * vectorBytes);
  code.combineWith('add', picture, (tiles - 1) * tileBytes);
  code.combineWith('add', to, tiles * blocks * vectorBytes);
}

function transformResults(code: Assembler, sizes: WinogradSizes, cut: WinogradCut): void {
  const { sets, results, oh, ow } = sizes;
  const bytes = pixelBytes(sizes);
  code.move(products, at(r.sp, stack.room));
  code.combineWith('add', products, points * cut.pictureStride);
  code.move(picture, at(args, slots.target));
  code.combine('add', picture, at(r.sp, stack.targetOffset));
  if (sizes.bias) code.move(biases, at(r.sp, stack.bias));
  forEachTile(code, sizes, sets * (results / lanes) * oh * ow * bytes, (rows, columns) => {
    tileAddress(code, to, ow, bytes);
    for (let block = 0; block < cut.blocks; block++)
      finishTile(code, sizes, cut, { block, rows: rows.results, columns: columns.results });
    code.combineWith('add', products, cut.blocks * vectorBytes);
  });
}

interface Finished {
  readonly block: number;
  readonly rows: number;
  readonly columns: number;
}

/** A'mA of a block of results, and what comes behind. */
function finishTile(
  code: Assembler,
  sizes: WinogradSizes,
  { productStride }: WinogradCut,
  { block, rows, columns }: Finished,
): void {
  const { oh, ow, bias, sum, relu } = sizes;
  const bytes = pixelBytes(sizes);
  const product = (row: number, column: number) =>
    at(products, (row * patch + column) * productStride + block * vectorBytes);
  // Registers: two rows of four sums, then what is at hand.
  const [one, other, zero] = [16, 17, 18];
  const summed = (row: number, column: number): Vector => row * patch + column;
  for (let column = 0; column < patch; column++) {
    code.load(one, product(1, column));
    code.load(other, product(2, column));
    code.add(summed(0, column), one, other);
    code.add(summed(0, column), summed(0, column), product(0, column));
    if (rows === 1) continue;
    code.subtract(summed(1, column), one, other);
    code.subtract(summed(1, column), summed(1, column), product(3, column));
  }
  if (relu) code.clear(zero);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const result = 8 + row * tile + column;
      const [a, b, c, d] = [0, 1, 2, 3].map((each) => summed(row, each)) as [Vector, Vector, Vector, Vector];
      if (column === 0) {
        code.add(result, b, c);
        code.add(result, result, a);
      } else {
        code.subtract(result, b, c);
        code.subtract(result, result, d);
      }
      const place = at(to, (block * oh * ow + row * ow + column) * bytes);
      if (bias) code.add(result, result, at(biases, block * vectorBytes));
      if (sum) {
        read(code, sizes, one, place);
        code.add(result, result, one);
      }
      // In this order what is not a number stays so.
      if (relu) code.maximum(result, zero, result);
      write(code, sizes, place, result);
    }
  }
}
