// The strongest activations of every unit of a layer, kept while pictures go by: per unit the best few pictures,
// each with the one position at which the unit was strongest (ZFNet's figure 2 shows nine, at most one per
// picture). Memory depends on the number of units alone, whatever the number of pictures.
//
// Ties: within a picture the first position in row order, between pictures the one that came first. NaN is never
// the strongest; a picture whose plane holds nothing else is left out.

/** As many pictures of a unit as figure 2 of the paper shows. */
export const topSize = 9;

export interface TopList {
  readonly units: number;
  /** Places per unit. The arrays below hold unit u's best at u * size, the strongest first. */
  readonly size: number;
  readonly values: Float32Array;
  /** Index of the picture; -1 where there were not so many. */
  readonly pictures: Int32Array;
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  /** Of each unit: the pictures in which it was anywhere above zero. */
  readonly active: Int32Array;
}

/** One place of a list. */
export interface TopEntry {
  readonly picture: number;
  readonly value: number;
  readonly position: readonly [row: number, column: number];
}

export function createTopList(units: number, size = topSize): TopList {
  const count = units * size;
  return {
    units,
    size,
    values: new Float32Array(count),
    pictures: new Int32Array(count).fill(-1),
    rows: new Int32Array(count),
    columns: new Int32Array(count),
    active: new Int32Array(units),
  };
}

/**
 * Takes in `count` pictures, numbered from `first` on. `activations`: count x units x `plane` values, planes of
 * `width` columns. Pictures must come in order.
 */
export function addActivations(
  list: TopList,
  activations: ArrayLike<number>,
  first: number,
  count: number,
  plane: number,
  width: number,
): void {
  const { units, size, values, pictures, active } = list;
  for (let i = 0, start = 0; i < count; i++) {
    for (let unit = 0; unit < units; unit++, start += plane) {
      let best = Number.NEGATIVE_INFINITY;
      let place = -1;
      for (let at = 0; at < plane; at++) {
        const value = activations[start + at] as number;
        if (value > best) {
          best = value;
          place = at;
        }
      }
      if (place < 0) continue;
      if (best > 0) active[unit] = (active[unit] as number) + 1;
      const last = (unit + 1) * size - 1;
      if (pictures[last] === -1 || best > (values[last] as number)) {
        insert(list, unit, best, first + i, Math.floor(place / width), place % width);
      }
    }
  }
}

function insert(list: TopList, unit: number, value: number, picture: number, row: number, column: number) {
  const { size, values, pictures, rows, columns } = list;
  const start = unit * size;
  let at = start + size - 1;
  // Whatever is weaker, or was no picture at all, moves one place down.
  while (at > start && (pictures[at - 1] === -1 || (values[at - 1] as number) < value)) {
    values[at] = values[at - 1] as number;
    pictures[at] = pictures[at - 1] as number;
    rows[at] = rows[at - 1] as number;
    columns[at] = columns[at - 1] as number;
    at--;
  }
  values[at] = value;
  pictures[at] = picture;
  rows[at] = row;
  columns[at] = column;
}

/** Takes in the strongest of other pictures, in whatever order they come; between equals the first picture wins. */
export function mergeTop(list: TopList, other: TopList): void {
  for (let unit = 0; unit < list.units; unit++) {
    const best = [...topEntries(list, unit), ...topEntries(other, unit)]
      .sort((a, b) => b.value - a.value || a.picture - b.picture)
      .slice(0, list.size);
    for (const [place, { picture, value, position }] of best.entries()) {
      const at = unit * list.size + place;
      list.values[at] = value;
      list.pictures[at] = picture;
      [list.rows[at], list.columns[at]] = position;
    }
    list.active[unit] = (list.active[unit] as number) + (other.active[unit] as number);
  }
}

/** The best of one unit, the strongest first. */
export function topEntries(list: TopList, unit: number): TopEntry[] {
  const entries: TopEntry[] = [];
  for (let at = unit * list.size; at < (unit + 1) * list.size; at++) {
    const picture = list.pictures[at] as number;
    if (picture === -1) break;
    const position = [list.rows[at] as number, list.columns[at] as number] as const;
    entries.push({ picture, value: list.values[at] as number, position });
  }
  return entries;
}
