// Sums over pictures of which every thread makes its own: each takes some pictures at a time through codes that were made
// for one thread, in a room of its own, so that no core waits for what another's caches hold. Behind it stand as many sums
// as there are rooms, which `addedRoomsCode` adds up. What belongs to a room is settled beforehand, however many threads come.
import { Assembler, at, type Label, r } from './assembler.ts';
import { vectorBytes } from './cut.ts';
import { advance, args, forEachItem, forEachLine, item, slotsOf, split } from './items.ts';
import type { Team } from './team.ts';

/** A code that a thread runs by itself. */
export interface OwnStep {
  /** Of its code; `first`: for a room's first piece, where there is nothing yet to add to. */
  readonly address: bigint;
  readonly first?: bigint;
  /** Its arguments: operands of the whole, of which each piece takes the next bytes, places in the room, or the piece's number. */
  readonly arguments: readonly (
    | { readonly operand: number; readonly pieceBytes: number }
    | { readonly room: number }
    | 'piece'
  )[];
}

export interface OwnSums {
  /** Of which each has an even share of the pieces. */
  readonly rooms: number;
  /** Pieces of work, at least as many as rooms. */
  readonly pieces: number;
  readonly operands: number;
  readonly steps: readonly OwnStep[];
  readonly roomBytes: number;
}

/** As `Natives.code`. */
type Make = (key: string, make: (team: Team) => Uint8Array) => bigint | undefined;

/** Code for a thread that runs it by itself, called by other code. */
export function codeForOne(code: Make, key: string, make: (team: Team) => Uint8Array): bigint | undefined {
  const [threadNumber, threadCount] = [0, 1].map((value) => code(`gives ${value}`, () => giving(value)));
  if (threadNumber === undefined || threadCount === undefined) return undefined;
  return code(`${key}, for one`, (team) => make({ ...team, threadNumber, threadCount, size: () => 1 }));
}

/** `int f()`. */
function giving(value: number): Uint8Array {
  const code = new Assembler();
  code.set(r.ax, value);
  code.back();
  return code.code();
}

const mostArguments = 4;
const stack = { first: 0, piece: 8, end: 16, room: 24, table: 32 } as const;

/** Arguments: the operands, and the rooms. */
export function ownSumsCode({ rooms, pieces, operands, steps, roomBytes }: OwnSums, team: Team): Uint8Array {
  const code = new Assembler();
  const frame = stack.table + 8 * mostArguments + 8;
  const share = (more: number, place: number): void => {
    code.move(r.ax, item);
    code.combineWith('add', r.ax, more);
    code.multiplyBy(r.ax, r.ax, pieces);
    split(code, rooms);
    code.keep(at(r.sp, place), r.ax);
  };
  forEachItem(
    code,
    { count: rooms, frame, team },
    () => {},
    () => {
      code.multiplyBy(r.ax, item, roomBytes);
      code.combine('add', r.ax, at(args, 8 * operands));
      code.keep(at(r.sp, stack.room), r.ax);
      share(1, stack.end);
      share(0, stack.first);
      code.keep(at(r.sp, stack.piece), r.ax);
      const again = code.here();
      for (const step of steps) stepCode(code, step);
      advance(code, stack.piece, 1);
      code.combine('compare', r.ax, at(r.sp, stack.end));
      code.jump(again, 'less');
    },
  );
  return code.code();
}

/** One step of a piece. */
function stepCode(code: Assembler, { address, first = address, arguments: given }: OwnStep): void {
  given.forEach((each, i) => {
    code.move(r.ax, at(r.sp, stack.piece));
    if (each !== 'piece') {
      if ('room' in each) {
        code.move(r.ax, at(r.sp, stack.room));
        code.combineWith('add', r.ax, each.room);
      } else {
        code.multiplyBy(r.ax, r.ax, each.pieceBytes);
        code.combine('add', r.ax, at(args, 8 * each.operand));
      }
    }
    code.keep(at(r.sp, stack.table + 8 * i), r.ax);
  });
  code.setAddress(r.ax, address);
  if (first !== address) {
    const later: Label = {};
    code.move(r.cx, at(r.sp, stack.piece));
    code.combine('compare', r.cx, at(r.sp, stack.first));
    code.jump(later, 'notEqual');
    code.setAddress(r.ax, first);
    code.place(later);
  }
  code.address(r.di, at(r.sp, stack.table));
  code.call(r.ax);
}

/** Registers that a thread takes at a time. */
const pieceLength = 64;

/** Arguments: rooms, of which so many `lines` (registers of 16 numbers) stand every `roomBytes`, and where their sums go. */
export function addedRoomsCode(
  { lines, rooms, roomBytes }: { lines: number; rooms: number; roomBytes: number },
  team: Team,
): Uint8Array {
  const [from, to] = [r.si, r.di] as const;
  const slots = slotsOf('rooms', 'sums');
  const code = new Assembler();
  const pointers = [
    [from, slots.rooms],
    [to, slots.sums],
  ] as const;
  forEachLine(
    code,
    { lines, pieceLength, pointers, team },
    () => {},
    (some) => {
      for (let i = 0; i < some; i++) {
        code.load(i, at(from, i * vectorBytes));
        for (let room = 1; room < rooms; room++) code.add(i, i, at(from, room * roomBytes + i * vectorBytes));
        code.store(at(to, i * vectorBytes), i);
      }
    },
  );
  return code.code();
}
