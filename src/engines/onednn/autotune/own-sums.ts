// Lowers what ../code/own-sums.ts computes: a step in which each thread sums up some pictures in a room of its own, and one
// for each sum that adds up what the rooms hold.
import type { Node } from '../../../graph/graph.ts';
import { furthest } from '../code/assembler.ts';
import { vectorBytes } from '../code/cut.ts';
import { addedRoomsCode, type OwnSums, ownSumsCode } from '../code/own-sums.ts';
import type { Code, Lowering, Tensor } from '../lowering.ts';

/** A sum in every room, and where the whole of it goes. */
export interface RoomSum {
  /** From where a room begins. */
  readonly place: number;
  readonly bytes: number;
  readonly op: string;
  target(): Tensor;
}

interface Request {
  /** Of the code: all that it depends on. */
  readonly key: string;
  readonly own: OwnSums;
  readonly operands: readonly Tensor[];
  readonly code: Omit<Code, 'address'>;
  readonly sums: readonly RoomSum[];
}

/** Adds no step and returns false where no code runs, or where operands or rooms are too large for it. */
export function lowerOwnSums(
  lowering: Lowering,
  node: Node,
  { key, own, operands, code, sums }: Request,
): boolean {
  const { natives } = lowering;
  const { rooms, roomBytes } = own;
  if (Math.max(rooms * roomBytes, ...operands.map(({ layout }) => layout.bytes)) >= furthest) return false;
  const whole = natives.code(`own sums ${rooms} ${key}`, (team) => ownSumsCode(own, team));
  const adding = sums.flatMap(({ bytes }) => {
    const sizes = { lines: bytes / vectorBytes, rooms, roomBytes };
    return natives.code(`rooms ${JSON.stringify(sizes)}`, (team) => addedRoomsCode(sizes, team)) ?? [];
  });
  if (whole === undefined || adding.length < sums.length) return false;
  const room = lowering.temporary(natives.plainLayout([rooms * roomBytes], 'u8'));
  lowering.code(node, { ...code, address: whole }, [...operands, room]);
  sums.forEach(({ place, op, target }, i) => {
    const from = { ...room, byteOffset: place };
    lowering.code(node, { ...code, address: adding[i] as bigint }, [from, target()], { op });
  });
  return true;
}
