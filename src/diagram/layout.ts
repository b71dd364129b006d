// Where everything stands: rows go down, branches stand side by side, and a block is a frame around what is in it.
// Each part has an axis, the x at which lines enter and leave it; parts of a row stand with their axes on one line.
import { textWidth } from '../figures/text.ts';
import type { Block, Layer, Parallel, Piece, Series } from './pieces.ts';
import { blockName, costText, innerPath, notesOf, shapeText, titleOf } from './words.ts';

/** Sizes in px. */
export const sizes = {
  title: 13,
  text: 11,
  boxHeight: 54,
  joinHeight: 26,
  /** Of the line between two boxes, with room for the shape on it. */
  gap: 30,
  /** From the line that fans out to the branches, and back. */
  fan: 18,
  branchGap: 18,
  frame: 14,
  frameHeading: 24,
  bare: 26,
} as const;

export interface Placed {
  readonly piece: Piece | Series;
  readonly width: number;
  readonly height: number;
  /** From the left edge. */
  readonly axis: number;
  /** Parts with their offsets from the upper left corner. */
  readonly parts: readonly { readonly part: Placed; readonly x: number; readonly y: number }[];
}

export function isJoin(piece: Piece | Series): boolean {
  return piece.kind === 'layer' && piece.type === 'join';
}

/** The width that all boxes of a drawing share, from the widest of their words. */
export function boxWidth(whole: Series): number {
  let widest = 96;
  const look = (piece: Piece | Series, outer: string): void => {
    if (piece.kind === 'series') for (const item of piece.items) look(item, outer);
    else if (piece.kind === 'parallel') for (const branch of piece.branches) look(branch, outer);
    else if (piece.kind === 'block' && !piece.folded) look(piece.body, piece.path || outer);
    else {
      const bottom =
        textWidth(costText(piece), sizes.text) + textWidth(innerPath(nameUnder(piece), outer), sizes.text);
      const middle = textWidth(notesOf(piece), sizes.text);
      widest = Math.max(
        widest,
        textWidth(titleOf(piece), sizes.title, 600),
        Math.min(230, bottom + 12),
        Math.min(230, middle),
      );
    }
  };
  look(whole, '');
  return Math.ceil(widest) + 22;
}

/** A layer's path stands in its box; a folded block has it as its title. */
export function nameUnder(piece: Layer | Block): string {
  return piece.kind === 'layer' ? piece.path : '';
}

export function place(piece: Piece | Series, width: number): Placed {
  switch (piece.kind) {
    case 'layer':
      return isJoin(piece) ? placeJoin(piece) : box(piece, width, sizes.boxHeight);
    case 'block':
      return piece.folded ? box(piece, width, sizes.boxHeight) : placeBlock(piece, width);
    case 'series':
      return placeSeries(piece, width);
    case 'parallel':
      return placeParallel(piece, width);
  }
}

function box(piece: Piece, width: number, height: number): Placed {
  return { piece, width, height, axis: width / 2, parts: [] };
}

function placeJoin(piece: Layer): Placed {
  const text = [titleOf(piece), notesOf(piece)].filter(Boolean).join(', ');
  return box(piece, Math.ceil(textWidth(text, sizes.text, 600)) + 24, sizes.joinHeight);
}

function placeSeries(piece: Series, width: number): Placed {
  if (piece.items.length === 0)
    return { piece, width: sizes.bare, height: 0, axis: sizes.bare / 2, parts: [] };
  const placed = piece.items.map((item) => place(item, width));
  const axis = Math.max(...placed.map((part) => part.axis));
  const right = Math.max(...placed.map((part) => part.width - part.axis));
  let y = 0;
  const parts = placed.map((part, i) => {
    if (i > 0) y += gapBetween(piece.items[i - 1] as Piece, piece.items[i] as Piece);
    const at = { part, x: axis - part.axis, y };
    y += part.height;
    return at;
  });
  return { piece, width: axis + right, height: y, axis, parts };
}

/** Branches end in a line of their own, so that what joins them may stand near. */
export function gapBetween(before: Piece, after: Piece): number {
  if (before.kind === 'parallel') return isJoin(after) ? 14 : sizes.gap;
  return sizes.gap;
}

function placeParallel(piece: Parallel, width: number): Placed {
  const placed = piece.branches.map((branch) => place(branch, width));
  const tallest = Math.max(...placed.map(({ height }) => height));
  let x = 0;
  const parts = placed.map((part, i) => {
    if (i > 0) x += sizes.branchGap;
    // A label may stand right of a branch's last line.
    const at = { part, x, y: sizes.fan };
    x += Math.max(part.width, part.axis + labelRoom(part));
    return at;
  });
  // Two branches are a way and what leads around it; of more, none is the main one.
  const [first] = parts;
  const axis = parts.length === 2 && first !== undefined ? first.x + first.part.axis : x / 2;
  return { piece, width: x, height: tallest + 2 * sizes.fan + 8, axis, parts };
}

function labelRoom({ piece }: Placed): number {
  const last = piece.kind === 'series' ? piece.items.at(-1) : undefined;
  if (last === undefined || last.kind === 'parallel') return 0;
  return textWidth(shapeText(last.shape), sizes.text) + 8;
}

function placeBlock(piece: Block, width: number): Placed {
  const body = place(piece.body, width);
  const title = textWidth(headingOf(piece), sizes.text, 600) + textWidth(costText(piece), sizes.text) + 30;
  // The line enters at the axis; the heading stands left of it and the costs right of it where there is room.
  const inner = Math.max(body.width, title);
  const shift = sizes.frame + (inner - body.width) / 2;
  const y = sizes.frameHeading + sizes.frame;
  return {
    piece,
    width: inner + 2 * sizes.frame,
    height: y + body.height + sizes.frame + 4,
    axis: shift + body.axis,
    parts: [{ part: body, x: shift, y }],
  };
}

/** `layer1.1 to 2  ×2`. */
export function headingOf(piece: Block): string {
  const times = piece.repeats === 1 ? '' : `  ×${piece.repeats}${piece.sideBySide ? ' side by side' : ''}`;
  return `${blockName(piece)}${times}`;
}
