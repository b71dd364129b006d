// What the stages of Winograd's algorithm for 3x3 windows (winograd.ts) have in common: tiles of 2x2 results and the
// patches of 4x4 numbers that they are made from, which of these lie in the picture, and the transformation of a line
// of numbers.
import type { Assembler, Label, Register, Vector } from './assembler.ts';
import { lanes } from './cut.ts';

/** Of 16 numbers in bf16. */
export const blockBytes = lanes * 2;

/** Results of a tile along an axis, and what they are made from. */
export const [tile, patch] = [2, 4] as const;
export const points = patch * patch;

/** Tiles along an axis. */
export const along = (size: number): number => Math.ceil(size / tile);

/** Which of four rows or columns of a patch lie in the picture, and how many results there are. */
export interface Stretch {
  readonly end: number;
  readonly inside: readonly boolean[];
  readonly results: number;
}

/** Tiles along an axis, those that are alike together. */
export function stretchesAlong(size: number, results: number, padding: number): Stretch[] {
  const found: Stretch[] = [];
  for (let i = 0; i < along(results); i++) {
    const inside = Array.from({ length: patch }, (_, k) => {
      const place = i * tile - padding + k;
      return place >= 0 && place < size;
    });
    const next = { end: i + 1, inside, results: Math.min(tile, results - i * tile) };
    const before = found.at(-1);
    if (before?.results === next.results && `${before.inside}` === `${inside}`) found.pop();
    found.push(next);
  }
  return found;
}

/** The code for the stretch that the place in a register belongs to. */
export function forEachStretch(
  code: Assembler,
  place: Register,
  stretches: readonly Stretch[],
  emit: (stretch: Stretch) => void,
): void {
  stretches.forEach((stretch, i) => {
    const further: Label = {};
    if (i < stretches.length - 1) {
      code.combineWith('compare', place, stretch.end);
      code.jump(further, 'notLess');
    }
    emit(stretch);
    code.place(further);
  });
}

/** In a register; what is undefined is 0. */
export type Held = Vector | undefined;

/** B' of four numbers. */
export function transformLine(
  code: Assembler,
  [a, b, c, d]: readonly Held[],
  to: (i: number) => Vector,
): Held[] {
  return [
    difference(code, to(0), a, c),
    total(code, to(1), b, c),
    difference(code, to(2), c, b),
    difference(code, to(3), b, d),
  ];
}

export function difference(code: Assembler, to: Vector, a: Held, b: Held): Held {
  if (a === undefined && b === undefined) return undefined;
  if (b === undefined) code.copy(to, a as Vector);
  else if (a !== undefined) code.subtract(to, a, b);
  else {
    code.clear(to);
    code.subtract(to, to, b);
  }
  return to;
}

export function total(code: Assembler, to: Vector, a: Held, b: Held): Held {
  if (a !== undefined && b !== undefined) code.add(to, a, b);
  else if (a === undefined && b === undefined) return undefined;
  else code.copy(to, (a ?? b) as Vector);
  return to;
}
