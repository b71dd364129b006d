// A direct convolution as AVX-512 code, made for one set of sizes. Results lie in blocks of 16 channels, which are the 16
// lanes of a register. A tile of pixels in a row times a few blocks of result channels stays in registers while
// all that it sums over goes by: per number of the picture one broadcast and one multiply-add for each block. The tile is chosen
// so that multiply-adds, not loads, are what the CPU waits for; channels are summed over in parts whose weights
// stay in the first cache, with the sums so far in memory between.
import { Assembler, at, type Label, type Memory, r, type Vector } from './assembler.ts';
import {
  type ConvolutionSizes,
  type Cut,
  divisors,
  lanes,
  reach,
  registers,
  type Stretch,
  stretchesOf,
  vectorBytes,
} from './cut.ts';
import { args, forEachItem, item, placesIn, split } from './items.ts';
import type { Team } from './team.ts';

const lineBytes = 64;
/** Instructions that a loop may have. */
const decoded = 600;

/** Arguments of the code, eight bytes each. */
export const slots = { source: 0, weights: 8, bias: 16, target: 24 } as const;

// Registers of the code. What changes more seldom than a tile lies on the stack.
const picture = r.r14;
const result = r.r15;
const weights = r.bp;
const row = r.r8;
/** From the weights that are read to those that the next part will begin with. */
const ahead = r.r9;
/** Where the places stand that narrow groups take their numbers from; they have one part, and nothing to look ahead to. */
const places = ahead;
const part = r.r10;
const windowRows = r.r11;
const from = r.si;
const filter = r.dx;
const tile = r.ax;
const count = r.cx;
const to = r.di;

const stack = {
  firstRow: 0,
  source: 8,
  target: 16,
  bias: 24,
  rowFilter: 32,
  tiles: 40,
  groups: 48,
  windowRows: 56,
  lastRow: 64,
  bundle: 72,
  partGroups: 80,
  /** In `locate` alone. */
  left: 48,
  height: 88,
};

export function convolutionCode(sizes: ConvolutionSizes, cut: Cut, team: Team): Uint8Array {
  const bands = Math.ceil(sizes.oh / cut.rows);
  const bundles = Math.ceil(sizes.blocks / cut.blocks);
  const code = new Assembler();
  const table: Label = {};
  forEachItem(
    code,
    { count: sizes.pictures * bands * bundles, frame: stack.height, team },
    () => {
      if (sizes.narrow) code.addressOf(places, table);
    },
    () => {
      locate(code, sizes, cut, bands, bundles);
      const whole: Label = {};
      const done: Label = {};
      if (cut.rest !== undefined) {
        code.move(count, at(r.sp, stack.bundle));
        code.combineWith('compare', count, bundles - 1);
        code.jump(whole, 'notEqual');
        itemCode(code, sizes, { ...cut, ...cut.rest });
        code.jump(done);
      }
      code.place(whole);
      itemCode(code, sizes, cut);
      code.place(done);
    },
  );
  if (sizes.narrow) {
    code.place(table);
    code.numbers(placesIn(sizes.channels, lanes));
  }
  return code.code();
}

/** A band of rows of a bundle of blocks, part by part. */
function itemCode(code: Assembler, sizes: ConvolutionSizes, cut: Cut): void {
  code.set(part, 0);
  if (cut.ahead) code.set(ahead, cut.groups * sizes.weights.group);
  const nextPart = code.here();
  code.set(count, cut.groups);
  const left = sizes.groups % cut.groups;
  if (left > 0) {
    const whole: Label = {};
    code.combineWith('compare', part, partsOf(sizes, cut) - 1);
    code.jump(whole, 'notEqual');
    code.set(count, left);
    code.place(whole);
  }
  code.keep(at(r.sp, stack.partGroups), count);
  code.move(row, at(r.sp, stack.firstRow));
  const nextRow = code.here();
  rowCode(code, sizes, cut);
  code.combineWith('add', row, 1);
  code.combine('compare', row, at(r.sp, stack.lastRow));
  code.jump(nextRow, 'less');
  code.combineWith('add', picture, cut.groups * sizes.source.group);
  code.combineWith('add', weights, cut.groups * sizes.weights.group);
  code.combineWith('add', part, 1);
  code.combineWith('compare', part, partsOf(sizes, cut));
  code.jump(nextPart, 'less');
}

function partsOf({ groups }: ConvolutionSizes, cut: Cut): number {
  return Math.ceil(groups / cut.groups);
}

/**
 * Where an item's rows, pictures, results, filters and biases begin. Items go through bundles first, then bands, then pictures;
 * or bundles come last.
 */
function locate(code: Assembler, sizes: ConvolutionSizes, cut: Cut, bands: number, bundles: number): void {
  const { source, target } = sizes;
  code.move(r.ax, item);
  if (cut.first === 'results') {
    split(code, bundles);
  } else {
    split(code, sizes.pictures * bands);
    code.move(r.cx, r.ax);
    code.move(r.ax, r.dx);
    code.move(r.dx, r.cx);
  }
  code.keep(at(r.sp, stack.bundle), r.dx);
  code.multiplyBy(result, r.dx, cut.blocks * target.group);
  code.multiplyBy(r.si, r.dx, cut.blocks * vectorBytes);
  code.combine('add', r.si, at(args, slots.bias));
  code.keep(at(r.sp, stack.bias), r.si);
  code.move(picture, at(args, slots.source));
  if (sizes.sets > 1) {
    code.keep(at(r.sp, stack.left), r.ax);
    code.move(r.ax, r.dx);
    split(code, bundles / sizes.sets);
    code.multiplyBy(r.si, r.ax, source.set);
    code.combine('add', picture, r.si);
    code.multiplyBy(r.si, r.ax, sizes.weights.set);
    code.move(r.ax, at(r.sp, stack.left));
  }
  code.multiplyBy(weights, r.dx, cut.blocks * sizes.weights.block);
  if (sizes.sets > 1) code.combine('add', weights, r.si);
  split(code, bands);
  code.multiplyBy(row, r.dx, cut.rows);
  code.keep(at(r.sp, stack.firstRow), row);
  code.combineWith('add', row, cut.rows);
  const whole: Label = {};
  code.combineWith('compare', row, sizes.oh);
  code.jump(whole, 'notGreater');
  code.set(row, sizes.oh);
  code.place(whole);
  code.keep(at(r.sp, stack.lastRow), row);
  code.multiplyBy(r.si, r.ax, source.picture);
  code.combine('add', picture, r.si);
  code.multiplyBy(r.ax, r.ax, target.picture);
  code.combine('add', result, r.ax);
  code.combine('add', result, at(args, slots.target));
  code.combine('add', weights, at(args, slots.weights));
  code.combineWith('add', weights, sizes.weights.first);
}

/** A row of results, summed over one part of the channels. */
function rowCode(code: Assembler, sizes: ConvolutionSizes, cut: Cut): void {
  const { h, kh, stride, padding, source, target } = sizes;
  // The first row of the picture that the window meets, and how many it meets.
  code.multiplyBy(r.ax, row, stride);
  code.combineWith('subtract', r.ax, padding[0]);
  code.set(windowRows, kh);
  code.move(filter, weights);
  const meetsTop: Label = {};
  code.combineWith('compare', r.ax, 0);
  code.jump(meetsTop, 'notLess');
  code.combine('add', windowRows, r.ax);
  code.multiplyBy(r.cx, r.ax, sizes.weights.row);
  code.combine('subtract', filter, r.cx);
  code.set(r.ax, 0);
  code.place(meetsTop);
  code.keep(at(r.sp, stack.rowFilter), filter);
  const meetsBottom: Label = {};
  code.set(r.cx, h);
  code.combine('subtract', r.cx, r.ax);
  code.combine('compare', windowRows, r.cx);
  code.jump(meetsBottom, 'notGreater');
  code.move(windowRows, r.cx);
  code.place(meetsBottom);
  code.multiplyBy(r.ax, r.ax, source.row);
  code.combine('add', r.ax, picture);
  code.multiplyBy(to, row, target.row);
  code.combine('add', to, result);
  for (const stretch of stretchesOf(sizes, cut.pixels)) {
    if (stretch.count === 1) {
      tileCode(code, sizes, cut, stretch);
      continue;
    }
    // Tiles count from the row's first pixel, at which both pointers stand again afterwards.
    code.keep(at(r.sp, stack.source), tile);
    code.keep(at(r.sp, stack.target), to);
    code.set(count, stretch.count);
    code.keep(at(r.sp, stack.tiles), count);
    const again = code.here();
    tileCode(code, sizes, cut, stretch);
    code.combineWith('add', tile, stretch.pixels * stride * source.pixel);
    code.combineWith('add', to, stretch.pixels * target.pixel);
    code.move(count, at(r.sp, stack.tiles));
    code.combineWith('subtract', count, 1);
    code.keep(at(r.sp, stack.tiles), count);
    code.jump(again, 'notEqual');
    code.move(tile, at(r.sp, stack.source));
    code.move(to, at(r.sp, stack.target));
  }
}

/** Where a stretch of tiles lies, and which registers a tile of it uses. */
interface TileOf {
  readonly sizes: ConvolutionSizes;
  readonly cut: Cut;
  readonly stretch: Stretch;
  readonly sourceOffset: number;
  sum(pixel: number, block: number): Vector;
  result(pixel: number, block: number): Memory;
  /** Visits all sums. */
  each(visit: (sum: Vector, result: Memory, pixel: number, block: number) => void): void;
}

/** One tile: its sums begun, added to, and written. */
function tileCode(code: Assembler, sizes: ConvolutionSizes, cut: Cut, stretch: Stretch): void {
  const { source, target, stride, padding } = sizes;
  const sum = (pixel: number, block: number): Vector => pixel * cut.blocks + block;
  const result = (pixel: number, block: number): Memory =>
    at(to, (stretch.first + pixel) * target.pixel + block * target.group);
  const self: TileOf = {
    ...{ sizes, cut, stretch, sum, result },
    sourceOffset: (stretch.first * stride - padding[1]) * source.pixel,
    each(visit) {
      for (let block = 0; block < cut.blocks; block++)
        for (let pixel = 0; pixel < stretch.pixels; pixel++)
          visit(sum(pixel, block), result(pixel, block), pixel, block);
    },
  };
  beginSums(code, self);
  addGroups(code, self);
  finishSums(code, self);
}

/**
 * Sums begin with the bias and what is to be added to, in later parts with what the part before left. The first part fetches
 * the memory of the next tile's results: later ones find it in the caches.
 */
function beginSums(code: Assembler, { sizes, cut, stretch, sum, result, each }: TileOf): void {
  const begin: Label = {};
  const begun: Label = {};
  if (sizes.groups > cut.groups) {
    code.combineWith('compare', part, 0);
    code.jump(begin, 'equal');
    each((register, result) => code.load(register, result));
    code.jump(begun);
    code.place(begin);
  }
  if (sizes.bias) code.move(count, at(r.sp, stack.bias));
  each((register, _, pixel, block) => {
    if (!sizes.bias) code.clear(register);
    else if (pixel === 0) code.load(register, at(count, block * vectorBytes));
    else code.copy(register, sum(0, block));
  });
  if (sizes.sum) each((register, result) => code.add(register, register, result));
  each((_, _result, pixel, block) => code.prefetch(1, result(stretch.pixels + pixel, block)));
  code.place(begun);
}

/** The groups of channels of this part. */
function addGroups(code: Assembler, self: TileOf): void {
  const { sizes, cut, sourceOffset } = self;
  lookAhead(code, sizes, cut);
  code.address(from, at(tile, sourceOffset));
  code.move(filter, at(r.sp, stack.rowFilter));
  if (cut.groups === 1) {
    addRows(code, self);
    return;
  }
  code.move(count, at(r.sp, stack.partGroups));
  code.keep(at(r.sp, stack.groups), count);
  const again = code.here();
  addRows(code, self);
  code.combineWith('add', from, sizes.source.group);
  code.combineWith('add', filter, sizes.weights.group);
  code.move(count, at(r.sp, stack.groups));
  code.combineWith('subtract', count, 1);
  code.keep(at(r.sp, stack.groups), count);
  code.jump(again, 'notEqual');
}

/** Each tile fetches what the next part begins with for one block, the next tile for the next. */
function lookAhead(code: Assembler, { weights: { group, block } }: ConvolutionSizes, cut: Cut): void {
  if (!cut.ahead || cut.blocks === 1) return;
  const further: Label = {};
  code.combineWith('add', ahead, block);
  code.combineWith('compare', ahead, cut.groups * group + cut.blocks * block);
  code.jump(further, 'less');
  code.set(ahead, cut.groups * group);
  code.place(further);
}

/** The rows of the window that meet the picture; both pointers come back to where they were. */
function addRows(code: Assembler, self: TileOf): void {
  const { kh, padding, source, weights: filters } = self.sizes;
  if (kh === 1 && padding[0] === 0) {
    addChannels(code, self);
    return;
  }
  const skipped: Label = {};
  code.combineWith('compare', windowRows, 0);
  code.jump(skipped, 'notGreater');
  code.keep(at(r.sp, stack.windowRows), windowRows);
  const again = code.here();
  addChannels(code, self);
  code.combineWith('add', from, source.row);
  code.combineWith('add', filter, filters.row);
  code.combineWith('subtract', windowRows, 1);
  code.jump(again, 'notEqual');
  code.move(windowRows, at(r.sp, stack.windowRows));
  code.multiplyBy(count, windowRows, source.row);
  code.combine('subtract', from, count);
  code.multiplyBy(count, windowRows, filters.row);
  code.combine('subtract', filter, count);
  code.place(skipped);
}

/** The channels of a group: some at a time, so that the loop stays in the cache of decoded instructions. */
function addChannels(code: Assembler, self: TileOf): void {
  const { sizes, cut, stretch } = self;
  const { channels, kw, source, weights: filters } = sizes;
  const read = cut.together ? reach(stretch.pixels, sizes) : kw * stretch.pixels;
  const perChannel = kw * stretch.pixels * cut.blocks + read;
  // Places of narrow groups are part of instructions.
  const unrolled = sizes.narrow
    ? channels
    : Math.max(...divisors(channels).filter((some) => some === 1 || some * perChannel <= decoded));
  if (unrolled === channels) {
    addPixels(code, self, channels);
    return;
  }
  code.set(count, channels / unrolled);
  const again = code.here();
  addPixels(code, self, unrolled);
  code.combineWith('add', from, unrolled * source.channel);
  code.combineWith('add', filter, unrolled * filters.channel);
  code.combineWith('subtract', count, 1);
  code.jump(again, 'notEqual');
  code.combineWith('subtract', from, channels * source.channel);
  code.combineWith('subtract', filter, channels * filters.channel);
}

/** A row of the window times all pixels of the tile, for the next channels. */
function addPixels(code: Assembler, self: TileOf, channels: number): void {
  if (self.cut.together) addColumnsTogether(code, self, channels);
  else addColumnsApart(code, self, channels);
}

/** Each number of the picture is read once, and meets the weights of all columns of the window. */
function addColumnsTogether(code: Assembler, { sizes, cut, stretch, sum }: TileOf, channels: number): void {
  const { kw, stride, source, weights: filters, narrow } = sizes;
  const { pixels, inside } = stretch;
  const filterOf = (column: number, block: number): Vector => sum(pixels, column * cut.blocks + block);
  const taken = sum(pixels, kw * cut.blocks);
  const firstFree = narrow ? taken + 1 : taken;
  const used = inside.map((pixels) => pixels.length > 0);
  let turn = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let column = 0; column < kw; column++) {
      const offset = column * filters.column + channel * filters.channel;
      for (let block = 0; used[column] && block < cut.blocks; block++)
        code.load(filterOf(column, block), at(filter, block * filters.block + offset));
      if (cut.ahead) code.prefetch(2, at(filter, offset), ahead);
    }
    if (narrow) code.load(taken, at(places, channel * vectorBytes));
    for (let x = 0; x < reach(pixels, sizes); x++) {
      const met = inside.flatMap((pixels, column) =>
        pixels.filter((pixel) => pixel * stride + column === x).map((pixel) => ({ pixel, column })),
      );
      if (met.length === 0) continue;
      const free = firstFree + (turn++ % (registers - firstFree));
      const offset = x * source.pixel;
      if (narrow) code.permute(free, taken, at(from, offset));
      else code.broadcast(free, at(from, offset + channel * source.channel));
      for (const { pixel, column } of met)
        for (let block = 0; block < cut.blocks; block++)
          code.multiplyAdd(sum(pixel, block), filterOf(column, block), free);
    }
  }
}

/** Each number of the picture is read once for each column of the window. */
function addColumnsApart(code: Assembler, { sizes, cut, stretch, sum }: TileOf, channels: number): void {
  const { kw, stride, source, weights: filters } = sizes;
  const { pixels, inside } = stretch;
  const firstFilter = sum(pixels, 0);
  const firstFree = firstFilter + cut.blocks;
  for (let column = 0; column < kw; column++) {
    const met = inside[column] as readonly number[];
    if (met.length === 0) continue;
    for (let channel = 0; channel < channels; channel++) {
      for (let block = 0; block < cut.blocks; block++) {
        const offset = block * filters.block + column * filters.column + channel * filters.channel;
        code.load(firstFilter + block, at(filter, offset));
      }
      if (cut.ahead) code.prefetch(2, at(filter, column * filters.column + channel * filters.channel), ahead);
      met.forEach((pixel, turn) => {
        // What the next tile will read first.
        if (channel === 0 && column < stride && source.pixel >= lineBytes)
          code.prefetch(1, at(from, ((pixels + pixel) * stride + column) * source.pixel));
        const free = firstFree + (turn % (registers - firstFree));
        const offset = (pixel * stride + column) * source.pixel + channel * source.channel;
        code.broadcast(free, at(from, offset));
        for (let block = 0; block < cut.blocks; block++)
          code.multiplyAdd(sum(pixel, block), firstFilter + block, free);
      });
    }
  }
}

function finishSums(code: Assembler, { sizes, cut, stretch, sum, each }: TileOf): void {
  if (sizes.relu) {
    const kept: Label = {};
    if (sizes.groups > cut.groups) {
      code.combineWith('compare', part, partsOf(sizes, cut) - 1);
      code.jump(kept, 'notEqual');
    }
    const zero = sum(stretch.pixels, 0);
    code.clear(zero);
    // In this order what is not a number stays so.
    each((register) => code.maximum(register, zero, register));
    code.place(kept);
  }
  each((register, result) => code.store(result, register));
}
