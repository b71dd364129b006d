// How layers stand together. Modules (`layer3.0`) become blocks, and inside each block the paths from its entrance
// to its exit are taken apart: what every path passes through stands in a row, and between two such points the
// parts that touch each other nowhere stand side by side. A part that cannot be taken apart so keeps its order,
// and each of its layers says by name what it reads.
import { type Block, type Layer, type Parallel, type Piece, type Series, series } from './pieces.ts';
import type { Unit } from './units.ts';

/** A layer, or a module with what is in it. */
interface Item {
  readonly path: string;
  readonly units: readonly Unit[];
  /** Absent for a single layer. */
  readonly inside?: readonly Item[];
}

/** A block whose only content is a long plain chain (VGG's `features`) says nothing: its layers stand for themselves. */
const longChain = 6;

/** The whole network from its picture to its answer; nothing is folded. */
export function structureOf(units: readonly Unit[]): Series {
  return arrange(modulesOf(units, ''), new Set(units));
}

function modulesOf(units: readonly Unit[], path: string): Item[] {
  const items: Item[] = [];
  const groups = new Map<string, Unit[]>();
  for (const unit of units) {
    const rest = path === '' ? unit.layer.path : unit.layer.path.slice(path.length + 1);
    const [name = ''] = rest.split('.');
    if (name === '') {
      items.push({ path: unit.layer.path, units: [unit] });
      continue;
    }
    const child = path === '' ? name : `${path}.${name}`;
    let group = groups.get(child);
    if (group === undefined) {
      group = [];
      groups.set(child, group);
    }
    group.push(unit);
  }
  for (const [child, group] of groups) {
    const [only] = group;
    if (group.length === 1 && only !== undefined) {
      items.push({ path: only.layer.path, units: group });
      continue;
    }
    const inside = modulesOf(group, child);
    const [single] = inside;
    if (inside.length === 1 && single !== undefined) items.push(single);
    else if (path === '' && inside.length > longChain && inside.every((item) => item.inside === undefined))
      items.push(...inside);
    else items.push({ path: child, units: group, inside });
  }
  return items;
}

/** The edges between items: `before.get(i)` holds the items that item i reads, -1 for what comes from outside. */
interface Links {
  readonly before: readonly ReadonlySet<number>[];
  /** Items whose result is used outside. */
  readonly exits: ReadonlySet<number>;
}

/** `everything`: all units of the network, to know what is used outside. */
function arrange(given: readonly Item[], everything: ReadonlySet<Unit>): Series {
  let items = given;
  for (;;) {
    const links = linksOf(items, everything);
    const order = topologicalOrder(items, links);
    const broken = items.find(
      (item, i) => item.inside !== undefined && (!order.includes(i) || exitCount(item, everything) > 1),
    );
    if (broken === undefined) return decompose(items, links, order, everything);
    items = items.flatMap((item) => (item === broken ? (item.inside as readonly Item[]) : [item]));
  }
}

function linksOf(items: readonly Item[], everything: ReadonlySet<Unit>): Links {
  const home = new Map<Unit, number>();
  items.forEach((item, i) => {
    for (const unit of item.units) home.set(unit, i);
  });
  const before = items.map((item, i) => {
    const sources = new Set<number>();
    for (const unit of item.units) {
      for (const input of unit.inputs) {
        const source = input === undefined ? -1 : (home.get(input) ?? -1);
        if (source !== i) sources.add(source);
      }
    }
    return sources;
  });
  const exits = new Set<number>();
  items.forEach((item, i) => {
    if (item.units.some((unit) => unit.isOutput)) exits.add(i);
  });
  for (const unit of everything) {
    if (home.has(unit)) continue;
    for (const input of unit.inputs) {
      const source = input && home.get(input);
      if (source !== undefined) exits.add(source);
    }
  }
  return { before, exits };
}

/** How many of an item's layers are read from outside it. */
function exitCount(item: Item, everything: ReadonlySet<Unit>): number {
  const own = new Set(item.units);
  const read = new Set<Unit>(item.units.filter((unit) => unit.isOutput));
  for (const unit of everything) {
    if (own.has(unit)) continue;
    for (const input of unit.inputs) if (input !== undefined && own.has(input)) read.add(input);
  }
  return read.size;
}

/** Items in an order in which each comes after what it reads; items on a circle are left out. */
function topologicalOrder(items: readonly Item[], { before }: Links): number[] {
  const firstOf = (i: number): number => Math.min(...(items[i] as Item).units.map(({ order }) => order));
  const waiting = new Set(items.map((_, i) => i));
  const order: number[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting].filter((i) => ![...(before[i] ?? [])].some((source) => waiting.has(source)));
    if (ready.length === 0) return order;
    const next = ready.reduce((best, i) => (firstOf(i) < firstOf(best) ? i : best));
    waiting.delete(next);
    order.push(next);
  }
  return order;
}

/** Takes apart what lies between an entrance and an exit. */
function decompose(
  items: readonly Item[],
  { before, exits }: Links,
  order: readonly number[],
  everything: ReadonlySet<Unit>,
): Series {
  const pieceOf = (i: number): Piece => toPiece(items[i] as Item, everything);
  /** Positions in `members`; -1 is the entrance and members.length the exit. */
  const between = (
    members: readonly number[],
    ins: readonly ReadonlySet<number>[],
    outs: ReadonlySet<number>,
  ): Series => {
    const end = members.length;
    const edges: [number, number][] = [];
    members.forEach((_, at) => {
      for (const source of ins[at] as ReadonlySet<number>) edges.push([source, at]);
    });
    for (const source of outs) edges.push([source, end]);
    const cuts = [-1, ...members.keys(), end].filter((at) => !edges.some(([a, b]) => a < at && at < b));
    const pieces: Piece[] = [];
    for (let c = 1; c < cuts.length; c++) {
      const [from, to] = [cuts[c - 1] as number, cuts[c] as number];
      if (to - from > 1) pieces.push(...segment(members, edges, from, to));
      if (to < end) pieces.push(pieceOf(members[to] as number));
    }
    return series(pieces);
  };

  /** What stands strictly between the cuts `from` and `to`. */
  const segment = (
    members: readonly number[],
    edges: readonly (readonly [number, number])[],
    from: number,
    to: number,
  ): Piece[] => {
    const positions = Array.from({ length: to - from - 1 }, (_, i) => from + 1 + i);
    const parts = components(positions, edges);
    const isDirect = edges.some(([a, b]) => a === from && b === to);
    if (parts.length === 1 && !isDirect) {
      // Nothing to stand side by side: layers in order, each with the names of what it reads.
      return positions.map((at) => {
        const sources = edges.filter(([, b]) => b === at).map(([a]) => a);
        const names = sources.map((a) => (a < 0 ? 'the input' : nameOf(items[members[a] as number] as Item)));
        const piece = pieceOf(members[at] as number) as Layer | Block;
        return { ...piece, from: names };
      });
    }
    const branches = parts.map((part) => {
      const place = new Map(part.map((at, i) => [at, i]));
      const inner = part.map(
        (at) => new Set(edges.filter(([, b]) => b === at).map(([a]) => place.get(a) ?? -1)),
      );
      const outs = new Set(
        edges.filter(([a, b]) => b === to && place.has(a)).map(([a]) => place.get(a) as number),
      );
      return withoutFrame(
        between(
          part.map((at) => members[at] as number),
          inner,
          outs,
        ),
      );
    });
    if (isDirect) branches.push(series([]));
    return [{ kind: 'parallel', branches } satisfies Parallel];
  };

  const position = new Map(order.map((i, at) => [i, at]));
  return between(
    order,
    order.map((i) => new Set([...(before[i] ?? [])].map((source) => position.get(source) ?? -1))),
    new Set([...exits].map((i) => position.get(i) as number)),
  );
}

/** A branch that is one module with nothing but a chain in it needs no frame: it is seen to be one. */
function withoutFrame(branch: Series): Series {
  const [only] = branch.items;
  if (branch.items.length !== 1 || only?.kind !== 'block') return branch;
  return only.body.items.every((item) => item.kind === 'layer') ? only.body : branch;
}

/** Groups of positions that edges among them connect, in order. */
function components(positions: readonly number[], edges: readonly (readonly [number, number])[]): number[][] {
  const group = new Map(positions.map((at) => [at, at]));
  const rootOf = (at: number): number => {
    let root = at;
    while (group.get(root) !== root) root = group.get(root) as number;
    return root;
  };
  for (const [a, b] of edges) {
    if (!group.has(a) || !group.has(b)) continue;
    const [first, second] = [rootOf(a), rootOf(b)].sort((x, y) => x - y) as [number, number];
    group.set(second, first);
  }
  const found = new Map<number, number[]>();
  for (const at of positions) found.set(rootOf(at), [...(found.get(rootOf(at)) ?? []), at]);
  return [...found.values()];
}

function nameOf({ path, units: [first] }: Item): string {
  return path === '' ? (first?.layer.title ?? '') : path;
}

function toPiece(item: Item, everything: ReadonlySet<Unit>): Piece {
  if (item.inside === undefined) return (item.units[0] as Unit).layer;
  const body = arrange(item.inside, everything);
  const layers = item.units.map(({ layer }) => layer);
  const exit = item.units.findLast(
    (unit) =>
      unit.isOutput ||
      [...everything].some((other) => !item.units.includes(other) && other.inputs.includes(unit)),
  );
  return {
    kind: 'block',
    path: item.path,
    lastPath: item.path,
    body,
    repeats: 1,
    folded: false,
    shape: (exit?.layer ?? (layers.at(-1) as Layer)).shape,
    params: layers.reduce((sum, { params }) => sum + params, 0),
    macs: layers.reduce((sum, { macs }) => sum + macs, 0),
  };
}
