// What a diagram is made of: layers, blocks that can be folded, and the two ways in which they stand together,
// one after the other and side by side. Residual networks, Inception and SE blocks are built of nothing else, so
// a drawing is a nest of rows and columns and needs no general graph layout.
import type { Shape } from '../graph/tensor.ts';

export type LayerKind =
  | 'input'
  | 'convolution'
  | 'linear'
  | 'pool'
  | 'normalisation'
  | 'activation'
  | 'join'
  | 'other';

interface Sized {
  /** Of one picture, without the batch. */
  readonly shape: Shape;
  readonly params: number;
  /** For one picture. */
  readonly macs: number;
  /** Names of what it reads, where the drawing alone cannot say it. */
  readonly from?: readonly string[];
}

/** A layer, with the ops that follow it position by position (batch norm, ReLU, ...) taken in. */
export interface Layer extends Sized {
  readonly kind: 'layer';
  readonly type: LayerKind;
  /** Module path; empty for ops that stand in no module of their own. */
  readonly path: string;
  /** `conv 3x3, 64 /2`. */
  readonly title: string;
  /** `['batch norm', 'ReLU']`. */
  readonly followers: readonly string[];
}

/** A module of the network. */
export interface Block extends Sized {
  readonly kind: 'block';
  readonly path: string;
  readonly body: Series;
  /** How many equal ones this stands for; params and MACs are those of all. */
  readonly repeats: number;
  /** Equal ones that stand side by side and not one after the other. */
  readonly sideBySide?: true;
  /** Path of the last of them. */
  readonly lastPath: string;
  readonly folded: boolean;
}

export interface Series {
  readonly kind: 'series';
  readonly items: readonly Piece[];
}

/** Branches between one point and the next; an empty one is the bare line of a shortcut. */
export interface Parallel {
  readonly kind: 'parallel';
  readonly branches: readonly Series[];
}

export type Piece = Layer | Block | Parallel;

export function series(items: readonly Piece[]): Series {
  return { kind: 'series', items };
}

/** Boxes on top of each other. */
export function rowsOf(piece: Piece | Series): number {
  switch (piece.kind) {
    case 'layer':
      return 1;
    case 'block':
      return piece.folded ? 1 : 1 + rowsOf(piece.body);
    case 'series':
      return piece.items.reduce((sum, item) => sum + rowsOf(item), 0);
    case 'parallel':
      return Math.max(0, ...piece.branches.map(rowsOf));
  }
}

/** Boxes that are drawn of a piece. */
export function boxesOf(piece: Piece | Series): number {
  if (piece.kind === 'layer' || (piece.kind === 'block' && piece.folded)) return 1;
  if (piece.kind === 'block') return boxesOf(piece.body);
  const parts = piece.kind === 'series' ? piece.items : piece.branches;
  return parts.reduce((sum, part) => sum + boxesOf(part), 0);
}

/** How deep blocks are nested. */
export function levelsOf(piece: Piece | Series): number {
  switch (piece.kind) {
    case 'layer':
      return 0;
    case 'block':
      return 1 + levelsOf(piece.body);
    case 'series':
      return Math.max(0, ...piece.items.map(levelsOf));
    case 'parallel':
      return Math.max(0, ...piece.branches.map(levelsOf));
  }
}
