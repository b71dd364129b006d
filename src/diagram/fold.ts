// What of a structure is shown: blocks below a level are folded into one box each, and equal blocks are drawn once
// with their number, so that ResNet-152 fits a page and still shows every kind of block it has.
import { type Block, levelsOf, type Parallel, type Piece, rowsOf, type Series, series } from './pieces.ts';

/** Boxes on top of each other that a drawing may have before equal blocks are drawn once, and before it folds. */
const maxRows = 58;
const maxRowsOfKinds = 90;

/** `auto`: as much as fits; `all`: everything; a number: blocks unfolded down to this level, equal ones drawn once. */
export type Folding = 'auto' | 'all' | number;

export function fold(whole: Series, folding: Folding = 'auto'): Series {
  if (folding === 'all') return whole;
  if (typeof folding === 'number') return foldBelow(mergeEqual(whole), folding);
  if (rowsOf(whole) <= maxRows) return mergePaths(whole);
  const merged = mergeEqual(whole);
  for (let level = levelsOf(merged); level > 0; level--) {
    const view = foldBelow(merged, level);
    if (rowsOf(view) <= maxRowsOfKinds) return view;
  }
  return foldBelow(merged, 0);
}

function foldBelow(whole: Series, levels: number): Series {
  return series(
    whole.items.map((piece) => {
      if (piece.kind === 'layer') return piece;
      if (piece.kind === 'parallel') {
        return { ...piece, branches: piece.branches.map((branch) => foldBelow(branch, levels)) };
      }
      if (levels === 0) return { ...piece, folded: true };
      return { ...piece, body: foldBelow(piece.body, levels - 1) };
    }),
  );
}

/** Equal blocks in a row, and equal branches, are drawn once. */
export function mergeEqual(whole: Series): Series {
  const items: Piece[] = [];
  let previous = '';
  for (const piece of whole.items) {
    const before = items.at(-1);
    const own = piece.kind === 'block' ? signature(piece) : '';
    if (piece.kind === 'layer') items.push(piece);
    else if (piece.kind === 'parallel') {
      items.push(mergeBranches({ ...piece, branches: piece.branches.map(mergeEqual) }));
    } else if (before?.kind === 'block' && own === previous) {
      items[items.length - 1] = together(before, piece);
    } else items.push({ ...piece, body: mergeEqual(piece.body) });
    previous = own;
  }
  return series(items);
}

function together(first: Block, next: Block): Block {
  return {
    ...first,
    repeats: first.repeats + 1,
    lastPath: next.lastPath,
    params: first.params + next.params,
    macs: first.macs + next.macs,
  };
}

/** Equal branches alone: 32 equal paths side by side help nobody. */
function mergePaths(whole: Series): Series {
  return series(
    whole.items.map((piece) => {
      if (piece.kind === 'layer') return piece;
      if (piece.kind === 'block') return { ...piece, body: mergePaths(piece.body) };
      return mergeBranches({ ...piece, branches: piece.branches.map(mergePaths) });
    }),
  );
}

function mergeBranches(parallel: Parallel): Parallel {
  const branches: Series[] = [];
  const groups = Map.groupBy(parallel.branches, (branch) => signature(branch));
  for (const group of groups.values()) {
    if (group.length < 3) branches.push(...group);
    else branches.push(series([oneOfMany(group)]));
  }
  return { ...parallel, branches };
}

function oneOfMany(group: readonly Series[]): Block {
  const all = group.flatMap(({ items }) => items).flatMap(sizesOf);
  const [first] = group as readonly [Series];
  const last = first.items.at(-1);
  const only = first.items.length === 1 && last?.kind === 'block' ? last : undefined;
  return {
    kind: 'block',
    path: only?.path ?? '',
    lastPath: pathOf(group.at(-1)),
    body: only?.body ?? first,
    repeats: group.length,
    sideBySide: true,
    folded: false,
    shape: last === undefined || last.kind === 'parallel' ? [] : last.shape,
    params: all.reduce((sum, { params }) => sum + params, 0),
    macs: all.reduce((sum, { macs }) => sum + macs, 0),
  };
}

function pathOf(branch: Series | undefined): string {
  const last = branch?.items.at(-1);
  return last === undefined || last.kind === 'parallel' ? '' : last.path;
}

function sizesOf(piece: Piece): { params: number; macs: number }[] {
  return piece.kind === 'parallel' ? piece.branches.flatMap(({ items }) => items.flatMap(sizesOf)) : [piece];
}

/** Equal for pieces that do the same to inputs of the same shape, whatever their names. */
function signature(piece: Piece | Series): string {
  switch (piece.kind) {
    case 'layer':
      return JSON.stringify([
        piece.title,
        piece.followers,
        piece.shape,
        piece.params,
        piece.macs,
        piece.from,
      ]);
    case 'block':
      return `{${signature(piece.body)}}`;
    case 'series':
      return piece.items.map(signature).join(';');
    case 'parallel':
      return `(${piece.branches.map(signature).join('|')})`;
  }
}
