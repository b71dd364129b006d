// 3x3 filters as Winograd's algorithm multiplies them (winograd.ts): GgG' of each, from f32; for bf16 rounded once, by
// pairs of the channels that are summed over.
import type { FloatType } from '../abi.ts';
import { Assembler, at, r, type Vector } from './assembler.ts';
import { lanes, vectorBytes } from './cut.ts';
import { args, forEachItem, item, split } from './items.ts';
import { numbersBehind } from './numbers.ts';
import type { Team } from './team.ts';
import { points } from './winograd-tiles.ts';

/** Arguments of the code, eight bytes each. */
const slots = { filters: 0, transformed: 8 } as const;

const gradientSlots = { sums: 0, filters: 8 } as const;

export interface WinogradFilters {
  /** What they become. */
  readonly type: FloatType;
  /** Groups of the convolution. */
  readonly sets: number;
  /** Channels that are summed over, and those of the results, in a set. */
  readonly channels: number;
  readonly results: number;
  /** Result blocks in a bundle, as in the cut. */
  readonly blocks: number;
  /**
   * Whether filters lie by blocks of the channels that are summed over, and are turned around, as gradients take them;
   * else they lie by blocks of results; those of a set after the other. Within: blocks of the other, the window, sixteen
   * channels summed over, lanes of results.
   */
  readonly backwards: boolean;
}

const [from, to, count] = [r.si, r.di, r.cx] as const;
const half = 31;
const window = 3;
const side = 4;

export function winogradFilterBytes({ type, sets, channels, results }: WinogradFilters): number {
  return (points * sets * channels * results * vectorBytes) / lanes / togetherIn(type);
}

/** Channels that lie together. */
function togetherIn(type: FloatType): 1 | 2 {
  return type === 'bf16' ? 2 : 1;
}

export function winogradFiltersCode(filters: WinogradFilters, team: Team): Uint8Array {
  const { type, sets, channels, results, blocks, backwards } = filters;
  const together = togetherIn(type);
  const [groups, all] = [channels / lanes, results / lanes];
  const filterBytes = window * window * lanes * vectorBytes;
  const pointBytes = (channels / together) * blocks * vectorBytes;
  const timesInGroup = lanes / together;
  const code = new Assembler();
  const numbers = numbersBehind(code);
  forEachItem(
    code,
    { count: sets * groups * all, frame: 8, team },
    () => numbers.broadcast(half, 0.5),
    () => {
      // r10 becomes the block of results among those of all sets, r8 the group that is summed over.
      code.move(r.ax, item);
      split(code, groups);
      code.move(r.r10, r.ax);
      code.move(r.r8, r.dx);
      // In filters that lie by blocks of results they lie as items come.
      code.move(from, item);
      if (backwards) {
        split(code, all);
        code.multiplyBy(from, r.ax, groups);
        code.combine('add', from, r.r8);
        code.multiplyBy(from, from, all);
        code.combine('add', from, r.dx);
      }
      code.multiplyBy(from, from, filterBytes);
      code.combine('add', from, at(args, slots.filters));
      code.move(r.ax, r.r10);
      split(code, blocks);
      code.multiplyBy(to, r.ax, points * pointBytes);
      code.multiplyBy(r.dx, r.dx, vectorBytes);
      code.combine('add', to, r.dx);
      code.multiplyBy(r.r8, r.r8, timesInGroup * blocks * vectorBytes);
      code.combine('add', to, r.r8);
      code.combine('add', to, at(args, slots.transformed));
      code.set(count, timesInGroup);
      const again = code.here();
      transformTogether(code, filters, pointBytes);
      code.combineWith('add', from, together * vectorBytes);
      code.combineWith('add', to, blocks * vectorBytes);
      code.combineWith('subtract', count, 1);
      code.jump(again, 'notEqual');
    },
  );
  numbers.place();
  return code.code();
}

/** A channel or two of sixteen filters: columns first, twelve registers each, then rows as they are written. */
function transformTogether(code: Assembler, { type, backwards }: WinogradFilters, pointBytes: number): void {
  const [first, second, third] = [24, 25, 26];
  const channels = type === 'bf16' ? [0, 1] : [0];
  const held = (channel: number, row: number, column: number): Vector =>
    channel * side * window + row * window + column;
  for (const channel of channels) {
    for (let column = 0; column < window; column++) {
      [first, second, third].forEach((register, row) => {
        const place = row * window + column;
        const element = backwards ? window * window - 1 - place : place;
        code.load(register, at(from, (element * lanes + channel) * vectorBytes));
      });
      for (let row = 0; row < side; row++)
        combine(code, held(channel, row, column), [first, second, third], row);
    }
  }
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      for (const channel of channels) {
        const register = [first, second][channel] as Vector;
        const line = [0, 1, 2].map((each) => held(channel, row, each)) as [Vector, Vector, Vector];
        combine(code, register, line, column);
      }
      if (type === 'bf16') pair(code, first, second);
      code.store(at(to, (row * side + column) * pointBytes), first);
    }
  }
}

/** Both rounded, side by side in the first. */
function pair(code: Assembler, first: Vector, second: Vector): void {
  for (const register of [first, second]) {
    code.round(register, register);
    code.widen(register, register);
  }
  code.shiftLanes(second, second, 16);
  code.or(first, first, second);
}

/**
 * G'sG of 16 sums for every pair of channels: the gradient of filters, in blocks of results, blocks of channels, the
 * window, sixteen channels, lanes of results. The sums of each point lie like filters of 1x1.
 */
export function winogradFilterGradientCode(
  { channels, results }: Pick<WinogradFilters, 'channels' | 'results'>,
  team: Team,
): Uint8Array {
  const blockBytes = lanes * vectorBytes;
  const blocks = (channels / lanes) * (results / lanes);
  const code = new Assembler();
  const numbers = numbersBehind(code);
  forEachItem(
    code,
    { count: blocks, frame: 8, team },
    () => numbers.broadcast(half, 0.5),
    () => {
      code.multiplyBy(from, item, blockBytes);
      code.combine('add', from, at(args, gradientSlots.sums));
      code.multiplyBy(to, item, window * window * blockBytes);
      code.combine('add', to, at(args, gradientSlots.filters));
      code.set(count, lanes);
      const again = code.here();
      const byRows = Array.from({ length: side }, (_, column) => {
        const given = [16, 17, 18, 19] as const;
        given.forEach((register, row) => {
          code.load(register, at(from, (row * side + column) * blocks * blockBytes));
        });
        const line = (row: number): Vector => row * side + column;
        combineBack(code, line, given);
        return line;
      });
      for (let row = 0; row < window; row++) {
        const line = byRows.map((each) => each(row)) as [Vector, Vector, Vector, Vector];
        combineBack(code, (column) => 16 + column, line);
        for (let column = 0; column < window; column++)
          code.store(at(to, (row * window + column) * blockBytes), 16 + column);
      }
      code.combineWith('add', from, vectorBytes);
      code.combineWith('add', to, vectorBytes);
      code.combineWith('subtract', count, 1);
      code.jump(again, 'notEqual');
    },
  );
  numbers.place();
  return code.code();
}

/** G' times four numbers, the last of which comes with the other sign. */
function combineBack(
  code: Assembler,
  to: (i: number) => Vector,
  [a, b, c, d]: readonly [Vector, Vector, Vector, Vector],
): void {
  const sum = 20;
  code.add(sum, b, c);
  code.multiply(sum, sum, half);
  code.subtract(to(1), b, c);
  code.multiply(to(1), to(1), half);
  code.add(to(0), a, sum);
  code.subtract(to(2), sum, d);
}

/** Line `i` of G times three numbers. */
function combine(code: Assembler, to: Vector, [a, b, c]: readonly [Vector, Vector, Vector], i: number): void {
  if (i === 0) code.copy(to, a);
  else if (i === side - 1) code.copy(to, c);
  else {
    code.add(to, a, c);
    if (i === 1) code.add(to, to, b);
    else code.subtract(to, to, b);
    code.multiply(to, to, half);
  }
}
