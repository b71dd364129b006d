// The words in the boxes and on the lines of a diagram, the same in every kind of drawing.
import type { Shape } from '../graph/tensor.ts';
import type { Block, Layer } from './pieces.ts';

/** `64×56×56`, channels first. */
export function shapeText(shape: Shape): string {
  return shape.join('×');
}

/** A count with three significant digits: `1.23M`; the exact one below a thousand. */
export function shortCount(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T'];
  let unit = 0;
  let rest = value;
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit++;
  }
  if (unit === 0) return `${value}`;
  return `${rest.toFixed(rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0)}${units[unit]}`;
}

/** `9.41k · 118M`: parameters and multiply-adds, where there are any. */
export function costText({ params, macs }: { readonly params: number; readonly macs: number }): string {
  if (params === 0 && macs === 0) return '';
  return `${shortCount(params)} · ${shortCount(macs)}`;
}

/** `conv 3×3, 64`. */
export function titleOf(piece: Layer | Block): string {
  return piece.kind === 'block' ? blockName(piece) : piece.title.replace(/(\d)x(?=\d)/g, '$1×');
}

/** `layer3.1 to 35` for blocks that are drawn once. */
export function blockName({ path, lastPath, repeats }: Block): string {
  if (path === '') return 'equal paths';
  if (repeats === 1) return path;
  const shared = path.split('.');
  const last = lastPath.split('.');
  while (shared.length > 1 && last.length > 1 && shared[0] === last[0]) {
    shared.shift();
    last.shift();
  }
  return `${path} to ${last.join('.')}`;
}

/** A path as it reads inside the block `outer`. */
export function innerPath(path: string, outer: string): string {
  return outer !== '' && path.startsWith(`${outer}.`) ? path.slice(outer.length + 1) : path;
}

/** What a box says under its title: the ops that follow, and what it reads where the lines cannot say it. */
export function notesOf(piece: Layer | Block): string {
  const notes = piece.kind === 'layer' ? piece.followers.filter((name) => name !== 'flatten') : [];
  const reads = piece.from === undefined ? [] : [`reads ${piece.from.join(' and ')}`];
  return [...notes, ...reads].join(', ').replaceAll('batch norm', 'BN');
}
