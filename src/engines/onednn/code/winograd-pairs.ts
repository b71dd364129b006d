// What Winograd's algorithm multiplies for the gradient of 3x3 filters (Lavin and Gray 2015; the transposes of
// winograd.ts): patches of pictures, B'dB, and tiles of the results' gradient, AyA', of two pictures at a time as pairs
// of bf16. For each of 16 points they then lie as the numbers of a 1x1 window do: points, blocks of channels, tiles,
// sixteen pairs.
import { Assembler, at, type Label, r, type Vector } from './assembler.ts';
import { lanes, vectorBytes } from './cut.ts';
import { args, forEachItem, item, split } from './items.ts';
import type { Team } from './team.ts';
import {
  along,
  blockBytes,
  difference,
  forEachStretch,
  type Held,
  patch,
  points,
  type Stretch,
  stretchesAlong,
  tile,
  total,
  transformLine,
} from './winograd-tiles.ts';

/** Arguments of the code, eight bytes each; `piece` where there are bands. */
const slots = { pictures: 0, pairs: 8, piece: 16 } as const;

/** Of one value: the picture that filters go over, or the gradient of what they gave. */
export interface PairedTiles {
  readonly of: 'picture' | 'signal';
  /** Pairs of pictures; one where there are bands. */
  readonly pairs: number;
  /**
   * Even shares of a picture's lines of tiles. Where they are several, the code makes one of them: a number says which, counted
   * through the bands of all pairs.
   */
  readonly bands: number;
  readonly channels: number;
  readonly h: number;
  readonly w: number;
  /** Of the results, which tiles are counted in. */
  readonly oh: number;
  readonly ow: number;
  readonly padding: readonly [top: number, left: number];
}

/**
 * Bytes between blocks of channels: a line more than their tiles take, so that the points of one tile do not fall into the same
 * places of the first cache.
 */
export function blockOfTilesBytes({ oh, ow, bands }: Pick<PairedTiles, 'oh' | 'ow' | 'bands'>): number {
  return ((along(oh) / bands) * along(ow) + 1) * vectorBytes;
}

/** Bytes between points. */
export function pointBytes(tiles: Pick<PairedTiles, 'channels' | 'oh' | 'ow' | 'bands'>): number {
  return (tiles.channels / lanes) * blockOfTilesBytes(tiles);
}

const [from, to, count, line] = [r.si, r.di, r.cx, r.r8];

export function pairedTilesCode(tiles: PairedTiles, team: Team): Uint8Array {
  const { of, pairs, bands, channels, h, w, oh, ow, padding } = tiles;
  const isPicture = of === 'picture';
  const [height, width] = isPicture ? [h, w] : [oh, ow];
  const blocks = channels / lanes;
  const [lines, columns] = [along(oh) / bands, along(ow)];
  const planeBytes = height * width * blockBytes;
  const tilesBytes = blockOfTilesBytes(tiles);
  const rowStretches = stretchesAlong(h, oh, padding[0]);
  const columnStretches = stretchesAlong(w, ow, padding[1]);
  const code = new Assembler();
  forEachItem(
    code,
    { count: pairs * blocks * lines, frame: 8, team },
    () => {},
    () => {
      code.move(r.ax, item);
      split(code, lines);
      code.move(line, r.dx);
      split(code, blocks);
      // rax is the pair now, rdx the block.
      code.multiplyBy(from, r.ax, 2 * blocks * planeBytes);
      code.multiplyBy(to, r.ax, points * blocks * tilesBytes);
      code.multiplyBy(r.ax, r.dx, planeBytes);
      code.combine('add', from, r.ax);
      code.multiplyBy(r.ax, r.dx, tilesBytes);
      code.combine('add', to, r.ax);
      code.multiplyBy(r.ax, line, columns * vectorBytes);
      code.combine('add', to, r.ax);
      if (bands > 1) {
        code.move(r.ax, at(args, slots.piece));
        split(code, bands);
        code.multiplyBy(r.ax, r.ax, 2 * blocks * planeBytes);
        code.combine('add', from, r.ax);
        code.multiplyBy(r.ax, r.dx, lines);
        code.combine('add', line, r.ax);
      }
      code.multiplyBy(r.ax, line, tile * width * blockBytes);
      code.combine('add', from, r.ax);
      code.combine('add', from, at(args, slots.pictures));
      code.combine('add', to, at(args, slots.pairs));
      if (isPicture) code.combineWith('add', from, -(padding[0] * w + padding[1]) * blockBytes);
      const done: Label = {};
      forEachStretch(code, line, rowStretches, (rows) => {
        let begin = 0;
        for (const stretch of columnStretches) {
          code.set(count, stretch.end - begin);
          begin = stretch.end;
          const again = code.here();
          transformTile(code, tiles, rows, stretch);
          code.combineWith('add', from, tile * blockBytes);
          code.combineWith('add', to, vectorBytes);
          code.combineWith('subtract', count, 1);
          code.jump(again, 'notEqual');
        }
        code.jump(done);
      });
      code.place(done);
    },
  );
  return code.code();
}

/** Registers: what both pictures hold on to, then a line of numbers, its transform, and that of the other picture. */
const [heldPerPicture, firstLoaded, firstLine, firstResult] = [8, 16, 20, 24];

function transformTile(code: Assembler, tiles: PairedTiles, rows: Stretch, columns: Stretch): void {
  const { of, channels, h, w, oh, ow } = tiles;
  const isPicture = of === 'picture';
  const width = isPicture ? w : ow;
  const pictureBytes = (channels / lanes) * (isPicture ? h * w : oh * ow) * blockBytes;
  const load = (register: Vector, picture: number, row: number, column: number): Held => {
    const isThere = isPicture
      ? rows.inside[row] && columns.inside[column]
      : row < rows.results && column < columns.results;
    if (!isThere) return undefined;
    code.widen(register, at(from, picture * pictureBytes + (row * width + column) * blockBytes));
    code.shiftLanes(register, register, 16);
    return register;
  };
  // The rows that more than one line is made from: the two in the middle of a patch, or all of a tile.
  const firstKept = isPicture ? 1 : 0;
  const across = isPicture ? patch : tile;
  const kept = [0, 1].map((picture) =>
    [0, 1].map((row) =>
      Array.from({ length: across }, (_, column) =>
        load(picture * heldPerPicture + row * patch + column, picture, firstKept + row, column),
      ),
    ),
  );
  for (let row = 0; row < patch; row++) {
    const made = [0, 1].map((picture) => {
      const [one, other] = kept[picture] as [Held[], Held[]];
      const line = Array.from({ length: across }, (_, column) => {
        // Tiles of results are used as they are in part: both pictures have lines of their own.
        const to = firstLine + (isPicture ? 0 : picture * tile) + column;
        const [a, b] = [one[column], other[column]];
        if (isPicture)
          return lineOfPatch(code, to, row, a, b, (outer) =>
            load(firstLoaded + column, picture, outer, column),
          );
        return lineOfTile(code, to, row, a, b);
      });
      const result = (column: number): Vector => firstResult + picture * patch + column;
      return isPicture
        ? transformLine(code, line, result)
        : Array.from({ length: patch }, (_, column) =>
            lineOfTile(code, result(column), column, line[0], line[1]),
          );
    });
    for (let column = 0; column < patch; column++)
      storePair(
        code,
        at(to, (row * patch + column) * pointBytes(tiles)),
        made.map((each) => each[column]),
      );
  }
}

/** Number `i` of B' times the four rows of a patch, of which the two in the middle are at hand. */
function lineOfPatch(
  code: Assembler,
  to: Vector,
  i: number,
  b: Held,
  c: Held,
  outer: (row: number) => Held,
): Held {
  if (i === 0) return difference(code, to, outer(0), c);
  if (i === 1) return total(code, to, b, c);
  return i === 2 ? difference(code, to, c, b) : difference(code, to, b, outer(patch - 1));
}

/** Number `i` of A times two numbers; the last with the other sign, which the filters' gradient takes back. */
function lineOfTile(code: Assembler, to: Vector, i: number, a: Held, b: Held): Held {
  if (i === 0) return a;
  if (i === 1) return total(code, to, a, b);
  return i === 2 ? difference(code, to, a, b) : b;
}

/** One number of each picture, rounded, the first in the lower halves. Neither is written over: they may be used again. */
function storePair(code: Assembler, place: ReturnType<typeof at>, [first, second]: readonly Held[]): void {
  const [low, high] = [firstLoaded, firstLoaded + 1];
  if (first !== undefined) {
    code.round(low, first);
    code.widen(low, low);
  }
  if (second !== undefined) {
    code.round(high, second);
    code.widen(high, high);
    code.shiftLanes(high, high, 16);
  }
  if (first !== undefined && second !== undefined) code.or(low, low, high);
  else if (first === undefined && second === undefined) code.clear(low);
  code.store(place, first !== undefined || second === undefined ? low : high);
}
