// Code that the threads of a team share: a function of one pointer, the table of arguments, that goes through pieces of work.
import { type Assembler, at, type Label, type Memory, type Register, r } from './assembler.ts';
import { vectorBytes } from './cut.ts';
import type { Team } from './team.ts';

/** The piece of work that a thread is at. */
export const item = r.r12;
const lastItem = r.r13;
/** The table of arguments. */
export const args = r.bx;

const saved: readonly Register[] = [r.bx, r.bp, r.r12, r.r13, r.r14, r.r15];

export interface Items {
  readonly count: number;
  /** Bytes of the stack, a multiple of 16 and 8 more, as calls expect it; default 8. */
  readonly frame?: number;
  readonly team: Team;
  /** Threads that take part, where there is room for no more: those beyond have nothing to do. */
  readonly most?: number;
}

/** Every thread does an even share of the items, one after another; `prepare` comes before the first. */
export function forEachItem(
  code: Assembler,
  { count, frame = 8, team, most }: Items,
  prepare: () => void,
  oneItem: () => void,
): void {
  for (const register of saved) code.push(register);
  code.combineWith('subtract', r.sp, frame);
  code.move(args, r.di);
  share(code, count, team, most);
  prepare();
  const next = code.here();
  const done: Label = {};
  code.combine('compare', item, lastItem);
  code.jump(done, 'notLess');
  oneItem();
  code.combineWith('add', item, 1);
  code.jump(next);
  code.place(done);
  code.combineWith('add', r.sp, frame);
  for (const register of saved.toReversed()) code.pop(register);
  code.leave();
}

/** Vectors that code goes through side by side. */
export interface Vectors {
  /** Registers of 16 numbers in each. */
  readonly lines: number;
  /** That a thread takes at a time; a multiple of four. */
  readonly pieceLength: number;
  /** What goes through them, and where in the table of arguments each begins. rax and rcx are used up. */
  readonly pointers: readonly (readonly [pointer: Register, slot: number])[];
  readonly team: Team;
}

/** Threads take pieces of the vectors; `some` is the code for so many registers from where the pointers stand. */
export function forEachLine(
  code: Assembler,
  { lines, pieceLength, pointers, team }: Vectors,
  prepare: () => void,
  some: (count: number) => void,
): void {
  const left = r.cx;
  const atOnce = [4, 2, 1].find((count) => lines % count === 0) as number;
  forEachItem(code, { count: Math.ceil(lines / pieceLength), team }, prepare, () => {
    code.multiplyBy(r.ax, item, pieceLength * vectorBytes);
    for (const [pointer, slot] of pointers) {
      code.move(pointer, at(args, slot));
      code.combine('add', pointer, r.ax);
    }
    // The last piece may be shorter.
    const whole: Label = {};
    code.set(left, lines);
    code.multiplyBy(r.ax, item, pieceLength);
    code.combine('subtract', left, r.ax);
    code.combineWith('compare', left, pieceLength);
    code.jump(whole, 'notGreater');
    code.set(left, pieceLength);
    code.place(whole);
    const again = code.here();
    some(atOnce);
    for (const [pointer] of pointers) code.combineWith('add', pointer, atOnce * vectorBytes);
    code.combineWith('subtract', left, atOnce);
    code.jump(again, 'notEqual');
  });
}

/** This thread's items: an even share of all. */
function share(
  code: Assembler,
  items: number,
  { threadNumber, threadCount }: Team,
  most: number | undefined,
): void {
  const count = r.cx;
  code.setAddress(r.ax, threadNumber);
  code.call(r.ax);
  code.move(item, r.ax);
  code.setAddress(r.ax, threadCount);
  code.call(r.ax);
  code.move(count, r.ax);
  // Both are ints, whose upper halves are not defined; and there are never as many as 2^16.
  for (const register of [item, count]) keepLow(code, register);
  if (most !== undefined) for (const register of [item, count]) atMost(code, register, most);
  const scaled = (register: Register, more: number): void => {
    code.move(r.ax, item);
    code.combineWith('add', r.ax, more);
    code.multiplyBy(r.ax, r.ax, items);
    code.combine('exclusiveOr', r.dx, r.dx);
    code.divide(count);
    code.move(register, r.ax);
  };
  scaled(lastItem, 1);
  scaled(item, 0);
  // The threads beyond begin behind the last item.
  if (most !== undefined) atMost(code, lastItem, items);
}

function atMost(code: Assembler, register: Register, most: number): void {
  const within: Label = {};
  code.combineWith('compare', register, most);
  code.jump(within, 'notGreater');
  code.set(register, most);
  code.place(within);
}

function keepLow(code: Assembler, register: Register): void {
  code.shift('left', register, 48);
  code.shift('right', register, 48);
}

/** The address of the running thread's own room in rax, of so many bytes each behind the address that `rooms` holds. */
export function roomOfThread(code: Assembler, { threadNumber }: Team, rooms: Memory, bytes: number): void {
  code.setAddress(r.ax, threadNumber);
  code.call(r.ax);
  // The upper half of an int is not defined.
  code.shift('left', r.ax, 32);
  code.shift('right', r.ax, 32);
  code.multiplyBy(r.ax, r.ax, bytes);
  code.combine('add', r.ax, rooms);
}

/** Distances of arguments in their table, in the order in which they stand there. */
export function slotsOf<Name extends string>(...names: readonly (Name | false)[]): Record<Name, number> {
  const there = names.filter((name) => name !== false);
  return Object.fromEntries(there.map((name, i) => [name, 8 * i])) as Record<Name, number>;
}

/** Does `once` so many times, `left` of them to go. */
export function repeat(code: Assembler, left: Register, times: number, once: () => void): void {
  if (times === 1) {
    once();
    return;
  }
  code.set(left, times);
  const again = code.here();
  once();
  code.combineWith('subtract', left, 1);
  code.jump(again, 'notEqual');
}

/** Adds to a number at a place of the stack; uses up rax. */
export function advance(code: Assembler, place: number, bytes: number): void {
  code.move(r.ax, at(r.sp, place));
  code.combineWith('add', r.ax, bytes);
  code.keep(at(r.sp, place), r.ax);
}

/** Takes one from a number at a place of the stack and goes on at `again` unless none is left; uses up rax. */
export function countDown(code: Assembler, place: number, again: Label): void {
  advance(code, place, -1);
  code.combineWith('compare', r.ax, 0);
  code.jump(again, 'notEqual');
}

/** rax into a quotient, which stays there, and a rest in rdx; rcx is used up. */
export function split(code: Assembler, by: number): void {
  code.combine('exclusiveOr', r.dx, r.dx);
  code.set(r.cx, by);
  code.divide(r.cx);
}

/** For each channel of a narrow group the place of every lane's number: the channel of the group that the lane belongs to. */
export function placesIn(channels: number, lanes: number): number[] {
  return Array.from({ length: channels * lanes }, (_, i) => {
    const [channel, lane] = [Math.floor(i / lanes), i % lanes];
    return lane - (lane % channels) + channel;
  });
}
