// The gradient of a convolution's filters as AVX-512 code, made for one set of sizes. Results lie in blocks of 16 channels,
// which are the 16 lanes of a register. A tile of a few blocks of results, a few channels of the picture and all
// columns of the window stays in registers while rows go by: a number of the picture is read once and meets the gradients of
// all results whose window it lies in, which slide through registers. For 3x3 windows that is a load for every four
// multiply-adds. In bf16 a number is one of each of two pictures, which are multiplied and added to a sum in f32 at once:
// nothing but that instruction differs. Every thread has filters of its own, so that the sums come in the same order
// whatever their number.
import { Assembler, at, type Label, type Memory, type Register, r, type Vector } from './assembler.ts';
import { type ConvolutionSizes, cyclesFor, divisors, lanes, registers, vectorBytes } from './cut.ts';
import { args, forEachItem, item, placesIn, split } from './items.ts';
import type { Team } from './team.ts';

/** The sizes of the convolution; `source` is the picture, `target` the results' gradient, `weights` what is computed. */
export type GradientSizes = Omit<ConvolutionSizes, 'bias' | 'sum' | 'relu'>;

/** How the work is cut. */
export interface GradientCut {
  /** Of results, in a tile. */
  readonly blocks: number;
  /** Channels of the picture in each tile: together all of a group's. */
  readonly parts: readonly number[];
  /** Rows of results, and pictures, that a tile sums over before the next one does: their numbers stay in the first cache. */
  readonly rows: number;
  readonly pictures: number;
}

/** Arguments of the code, eight bytes each. */
const slots = { source: 0, signal: 8, weights: 16 } as const;

// What changes more seldom than a tile lies on the stack.
const picture = r.r14;
const signal = r.r15;
const table = r.bp;
const filter = r.dx;
const windowRow = r.r9;
/** Bytes from the first channel of the picture's group to the first of the tile. */
const partFrom = r.r10;
const visitFrom = r.r11;
const visitSignal = r.bx;
const from = r.si;
const given = r.di;
const row = r.r8;
const count = r.cx;
const steps = r.ax;

const stack = {
  ...{ args: 0, firstRow: 8, lastRow: 16, chunk: 24, left: 32, begun: 40, weights: 48 },
  ...{ partFilter: 56, parts: 64, pictures: 72, rows: 80 },
  height: 104,
};

/** Bytes of the picture and of gradients that stay in the first cache beside a tile's filters. */
const nearBytes = 32_000;
const mostBlocks = 4;
/** Instructions that a loop may have. */
const decoded = 600;
/** Of the first and the last rows of results that meet a row of the window. */
const boundsBytes = 16;

/** Undefined where a row of the window does not fit into registers. */
export function gradientCutOf(sizes: GradientSizes): GradientCut | undefined {
  const { sets, channels, h, w, oh, ow, stride, source, pictures } = sizes;
  const setBlocks = sizes.blocks / sets;
  const tiles = divisors(setBlocks)
    .filter((blocks) => blocks <= mostBlocks)
    .flatMap((blocks) =>
      Array.from({ length: channels }, (_, i) => evenly(channels, i + 1))
        .filter((parts) => parts.every((part) => registersOf(part, blocks, sizes) <= registers))
        .map((parts) => ({ blocks, parts, cost: costOf(parts, blocks, sizes) })),
    );
  if (tiles.length === 0) return undefined;
  const { blocks, parts } = tiles.reduce((best, next) => (next.cost < best.cost ? next : best));
  const pixelBytes = Math.max(source.pixel, channels * 4);
  const rowBytes = blocks * ow * vectorBytes + stride * w * pixelBytes;
  const planeBytes = blocks * oh * ow * vectorBytes + h * w * pixelBytes;
  return {
    ...{ blocks, parts },
    rows: Math.min(oh, Math.max(1, Math.floor(nearBytes / rowBytes))),
    pictures: Math.min(pictures, Math.max(1, Math.floor(nearBytes / planeBytes))),
  };
}

/** As few parts of at most `most` as there can be, alike but for one, the larger ones first. */
function evenly(all: number, most: number): number[] {
  const parts = Math.ceil(all / most);
  return Array.from({ length: parts }, (_, i) => Math.ceil((all - i) / parts));
}

/** Gradients of so many results next to each other are in registers. */
function sliding({ kw, stride }: Pick<GradientSizes, 'kw' | 'stride'>): number {
  return Math.ceil(kw / stride);
}

/** For sums, gradients, the places of narrow groups, and at least one number of the picture. */
function registersOf(part: number, blocks: number, sizes: GradientSizes): number {
  const read = 1;
  return part * blocks * sizes.kw + sliding(sizes) * blocks + (sizes.narrow ? part : 0) + read;
}

/** Cycles per result, block, channel and column of the window. */
function costOf(parts: readonly number[], blocks: number, sizes: GradientSizes): number {
  const { kw, stride, narrow, channels } = sizes;
  const cycles = parts.map((part) => {
    const read = part * Math.min(kw, stride);
    const permutations = narrow ? read : 0;
    return cyclesFor({ multiplyAdds: part * blocks * kw, permutations, loads: read + blocks });
  });
  return cycles.reduce((sum, each) => sum + each, 0) / (channels * blocks * kw);
}

/** `adds`: to what is there already. */
export function weightGradientCode(
  sizes: GradientSizes,
  cut: GradientCut,
  team: Team,
  adds = false,
): Uint8Array {
  const { sets, groups, channels, kh, narrow } = sizes;
  const bundles = sizes.blocks / sets / cut.blocks;
  const code = new Assembler();
  const behind: Label = {};
  forEachItem(
    code,
    { count: sets * bundles * groups, frame: stack.height, team },
    () => {
      code.keep(at(r.sp, stack.args), args);
      code.addressOf(table, behind);
    },
    () => itemCode(code, sizes, cut, adds),
  );
  code.place(behind);
  code.numbers(
    Array.from({ length: kh }, (_, each) => boundsOf(each, sizes)).flatMap(([first, end]) => [
      first,
      0,
      end,
      0,
    ]),
  );
  if (narrow) code.numbers(placesIn(channels, lanes));
  return code.code();
}

/** The rows of results for which a row of the window lies in the picture, the end exclusive. */
function boundsOf(windowRow: number, { h, oh, stride, padding }: GradientSizes): readonly [number, number] {
  const met = Array.from({ length: oh }, (_, y) => y).filter((y) => {
    const row = y * stride + windowRow - padding[0];
    return row >= 0 && row < h;
  });
  return met.length === 0 ? [0, 0] : [met[0] as number, (met.at(-1) as number) + 1];
}

/** Where an item's picture, gradients and filters begin. Items go through groups of channels first. */
function locate(code: Assembler, sizes: GradientSizes, cut: GradientCut): void {
  const { sets, groups, source, target, weights } = sizes;
  const bundles = sizes.blocks / sets / cut.blocks;
  code.move(count, at(r.sp, stack.args));
  code.move(picture, at(count, slots.source));
  code.move(signal, at(count, slots.signal));
  code.move(row, at(count, slots.weights));
  const advance = (to: Register, by: Register, bytes: number): void => {
    code.multiplyBy(from, by, bytes);
    code.combine('add', to, from);
  };
  code.move(r.ax, item);
  split(code, groups);
  advance(picture, r.dx, source.group);
  advance(row, r.dx, weights.group);
  split(code, bundles);
  advance(signal, r.dx, cut.blocks * target.group);
  advance(row, r.dx, cut.blocks * weights.block);
  if (sets > 1) {
    advance(picture, r.ax, source.set);
    advance(signal, r.ax, bundles * cut.blocks * target.group);
    advance(row, r.ax, weights.set);
  }
  code.keep(at(r.sp, stack.weights), row);
}

function itemCode(code: Assembler, sizes: GradientSizes, cut: GradientCut, adds: boolean): void {
  const { pictures, oh, source, target } = sizes;
  locate(code, sizes, cut);
  const left = at(r.sp, stack.left);
  code.set(count, pictures);
  code.keep(left, count);
  code.set(count, adds ? 1 : 0);
  code.keep(at(r.sp, stack.begun), count);
  const nextPictures = code.here();
  code.set(count, cut.pictures);
  atMost(code, count, left);
  code.keep(at(r.sp, stack.chunk), count);
  code.set(row, 0);
  code.keep(at(r.sp, stack.firstRow), row);
  const nextBand = code.here();
  code.combineWith('add', row, cut.rows);
  code.set(count, oh);
  atMost(code, row, count);
  code.keep(at(r.sp, stack.lastRow), row);
  partsCode(code, sizes, cut);
  code.set(count, 1);
  code.keep(at(r.sp, stack.begun), count);
  code.move(row, at(r.sp, stack.lastRow));
  code.keep(at(r.sp, stack.firstRow), row);
  code.combineWith('compare', row, oh);
  code.jump(nextBand, 'less');
  code.combineWith('add', picture, cut.pictures * source.picture);
  code.combineWith('add', signal, cut.pictures * target.picture);
  code.move(count, left);
  code.combineWith('subtract', count, cut.pictures);
  code.keep(left, count);
  code.combineWith('compare', count, 0);
  const done: Label = {};
  code.jump(done, 'notGreater');
  code.jump(nextPictures);
  code.place(done);
}

function atMost(code: Assembler, register: Register, most: Register | Memory): void {
  const fits: Label = {};
  code.combine('compare', register, most);
  code.jump(fits, 'notGreater');
  code.move(register, most);
  code.place(fits);
}

/** All tiles of a group of channels, over the same rows. */
function partsCode(code: Assembler, sizes: GradientSizes, cut: GradientCut): void {
  const { kh, source, weights, narrow } = sizes;
  let first = 0;
  for (const [part, alike] of Map.groupBy(cut.parts, (part) => part)) {
    code.move(filter, at(r.sp, stack.weights));
    code.combineWith('add', filter, first * weights.channel);
    code.keep(at(r.sp, stack.partFilter), filter);
    // Lanes of narrow groups take what they need out of the same numbers.
    code.set(partFrom, narrow ? 0 : first * source.channel);
    code.set(count, alike.length);
    code.keep(at(r.sp, stack.parts), count);
    const nextPart = code.here();
    code.set(windowRow, 0);
    code.move(filter, at(r.sp, stack.partFilter));
    const nextWindowRow = code.here();
    visit(code, sizes, cut, part);
    code.combineWith('add', filter, weights.row);
    code.combineWith('add', windowRow, 1);
    code.combineWith('compare', windowRow, kh);
    code.jump(nextWindowRow, 'less');
    if (alike.length > 1) {
      code.move(filter, at(r.sp, stack.partFilter));
      code.combineWith('add', filter, part * weights.channel);
      code.keep(at(r.sp, stack.partFilter), filter);
      if (!narrow) code.combineWith('add', partFrom, part * source.channel);
      code.move(count, at(r.sp, stack.parts));
      code.combineWith('subtract', count, 1);
      code.keep(at(r.sp, stack.parts), count);
      code.jump(nextPart, 'notEqual');
    }
    first += part * alike.length;
  }
}

/** The registers of a tile. */
interface TileOf {
  readonly sizes: GradientSizes;
  readonly blocks: number;
  readonly part: number;
  sum(channel: number, column: number, block: number): Vector;
  /** The gradient of the result at that place in its row. */
  gradient(x: number, block: number): Vector;
  /** The places that the lanes of narrow groups take a channel's number from. */
  places(channel: number): Vector;
  readonly firstFree: Vector;
}

/** One tile: its sums taken up, added to over the rows at hand, and put down. */
function visit(code: Assembler, sizes: GradientSizes, { blocks, pictures }: GradientCut, part: number): void {
  const { kw, kh, stride, padding, source, target, weights, narrow } = sizes;
  const firstGradient = part * kw * blocks;
  const firstPlaces = firstGradient + sliding(sizes) * blocks;
  const tile: TileOf = {
    ...{ sizes, blocks, part },
    sum: (channel, column, block) => (channel * kw + column) * blocks + block,
    gradient: (x, block) => firstGradient + (x % sliding(sizes)) * blocks + block,
    places: (channel) => firstPlaces + channel,
    firstFree: firstPlaces + (narrow ? part : 0),
  };
  const each = (handle: (sum: Vector, place: Memory) => void): void => {
    for (let channel = 0; channel < part; channel++)
      for (let column = 0; column < kw; column++)
        for (let block = 0; block < blocks; block++) {
          const offset = block * weights.block + column * weights.column + channel * weights.channel;
          handle(tile.sum(channel, column, block), at(filter, offset));
        }
  };
  const first: Label = {};
  const begun: Label = {};
  code.move(count, at(r.sp, stack.begun));
  code.combineWith('compare', count, 0);
  code.jump(first, 'equal');
  each((sum, place) => code.load(sum, place));
  code.jump(begun);
  code.place(first);
  each((sum) => code.clear(sum));
  code.place(begun);
  if (narrow) {
    // A place for each lane takes as much room as a weight.
    code.move(count, at(r.sp, stack.partFilter));
    code.combine('subtract', count, at(r.sp, stack.weights));
    code.combine('add', count, table);
    for (let channel = 0; channel < part; channel++)
      code.load(tile.places(channel), at(count, kh * boundsBytes + channel * vectorBytes));
  }

  code.move(count, windowRow);
  code.multiplyBy(count, count, boundsBytes);
  code.combine('add', count, table);
  code.move(row, at(count));
  code.move(steps, at(count, boundsBytes / 2));
  const isBelow: Label = {};
  code.combine('compare', row, at(r.sp, stack.firstRow));
  code.jump(isBelow, 'notLess');
  code.move(row, at(r.sp, stack.firstRow));
  code.place(isBelow);
  atMost(code, steps, at(r.sp, stack.lastRow));
  code.combine('subtract', steps, row);
  const none: Label = {};
  code.combineWith('compare', steps, 0);
  code.jump(none, 'notGreater');
  code.keep(at(r.sp, stack.rows), steps);
  code.multiplyBy(visitFrom, row, stride);
  code.combine('add', visitFrom, windowRow);
  code.combineWith('subtract', visitFrom, padding[0]);
  code.multiplyBy(visitFrom, visitFrom, source.row);
  code.combine('add', visitFrom, picture);
  code.combine('add', visitFrom, partFrom);
  code.multiplyBy(visitSignal, row, target.row);
  code.combine('add', visitSignal, signal);
  if (pictures > 1) {
    code.move(count, at(r.sp, stack.chunk));
    code.keep(at(r.sp, stack.pictures), count);
  }
  const nextPicture = code.here();
  code.move(from, visitFrom);
  code.move(given, visitSignal);
  code.move(count, at(r.sp, stack.rows));
  const nextRow = code.here();
  rowCode(code, tile);
  code.combineWith('subtract', count, 1);
  code.jump(nextRow, 'notEqual');
  if (pictures > 1) {
    code.combineWith('add', visitFrom, source.picture);
    code.combineWith('add', visitSignal, target.picture);
    code.move(count, at(r.sp, stack.pictures));
    code.combineWith('subtract', count, 1);
    code.keep(at(r.sp, stack.pictures), count);
    code.jump(nextPicture, 'notEqual');
  }
  code.place(none);
  each((sum, place) => code.store(place, sum));
}

/** What a place in a row of the picture meets. */
interface Step {
  /** Results whose gradients are needed from here on. */
  readonly loads: readonly number[];
  readonly met: readonly { readonly column: number; readonly x: number }[];
}

function stepsOf({ w, ow, kw, stride, padding }: GradientSizes): Step[] {
  const loaded = new Set<number>();
  return Array.from({ length: w }, (_, place) => {
    const met = Array.from({ length: kw }, (_, column) => ({
      column,
      x: (place + padding[1] - column) / stride,
    })).filter(({ x }) => Number.isInteger(x) && x >= 0 && x < ow);
    const loads = met.map(({ x }) => x).filter((x) => !loaded.has(x));
    for (const x of loads) loaded.add(x);
    return { loads, met };
  });
}

/** The longest stretch of places that repeats itself every `period`; whole periods only. */
function repetition(
  all: readonly Step[],
  period: number,
  results: number,
): { first: number; periods: number } {
  const later = ({ loads, met }: Step): string =>
    JSON.stringify([loads.map((x) => x + results), met.map(({ column, x }) => [column, x + results])]);
  const plain = ({ loads, met }: Step): string =>
    JSON.stringify([loads, met.map(({ column, x }) => [column, x])]);
  let best = { first: 0, periods: 0 };
  let first = 0;
  for (let place = 0; place + period <= all.length; place++) {
    const next = all[place + period];
    if (next !== undefined && later(all[place] as Step) === plain(next)) continue;
    const periods = Math.floor((place + period - first) / period);
    if (periods > best.periods) best = { first, periods };
    first = place + 1;
  }
  return best;
}

/** A row of the picture; both pointers go on to the next that this row of the window meets. */
function rowCode(code: Assembler, tile: TileOf): void {
  const { sizes, blocks, part } = tile;
  const { stride, source, target } = sizes;
  const all = stepsOf(sizes);
  const results = sliding(sizes);
  const period = results * stride;
  const instructions = (some: readonly Step[]): number =>
    some.reduce(
      (sum, { loads, met }) =>
        sum + loads.length * blocks + (met.length > 0 ? part * (1 + met.length * blocks) : 0),
      0,
    );
  const isShort = instructions(all) <= decoded;
  const { first, periods } = isShort ? { first: 0, periods: 0 } : repetition(all, period, results);
  const perPeriod = instructions(all.slice(first, first + period));
  const together = Math.max(1, Math.min(periods, Math.floor(decoded / perPeriod)));
  const times = Math.floor(periods / together);
  const looped = times * together;

  // Pointers stand where the row begins, and further by what the loop has gone over.
  const emit = (begin: number, end: number, gone: number): void => {
    for (let place = begin; place < end; place++) placeCode(code, tile, all[place] as Step, place, gone);
  };
  emit(0, first, 0);
  if (looped > 0) {
    code.set(steps, times);
    const again = code.here();
    emit(first, first + together * period, 0);
    code.combineWith('add', from, together * period * source.pixel);
    code.combineWith('add', given, together * results * target.pixel);
    code.combineWith('subtract', steps, 1);
    code.jump(again, 'notEqual');
  }
  emit(first + looped * period, all.length, looped);
  code.combineWith('add', from, stride * source.row - looped * period * source.pixel);
  code.combineWith('add', given, target.row - looped * results * target.pixel);
}

/** A place of the picture, `gone` periods behind where the pointers were when the row began. */
function placeCode(code: Assembler, tile: TileOf, { loads, met }: Step, place: number, gone: number): void {
  const { sizes, blocks, part, firstFree } = tile;
  const { source, target, narrow } = sizes;
  const results = sliding(sizes);
  for (const x of loads)
    for (let block = 0; block < blocks; block++)
      code.load(
        tile.gradient(x, block),
        at(given, (x - gone * results) * target.pixel + block * target.group),
      );
  if (met.length === 0) return;
  for (let channel = 0; channel < part; channel++) {
    const free = firstFree + ((place * part + channel) % (registers - firstFree));
    const offset = (place - gone * results * sizes.stride) * source.pixel;
    if (narrow) code.permute(free, tile.places(channel), at(from, offset));
    else code.broadcast(free, at(from, offset + channel * source.channel));
    for (const { column, x } of met)
      for (let block = 0; block < blocks; block++)
        code[sizes.pairs ? 'multiplyAddPairs' : 'multiplyAdd'](
          tile.sum(channel, column, block),
          tile.gradient(x, block),
          free,
        );
  }
}
