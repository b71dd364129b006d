// The sizes of a convolution, and how its work is cut for code of its own (convolution.ts): tiles that stay in registers,
// parts whose weights stay in the first cache, bands of rows that threads share.
export const vectorBytes = 64;
const numberBytes = 4;
/** Numbers in a register. */
export const lanes = vectorBytes / numberBytes;

/** What is summed over and written, with distances in bytes. */
export interface ConvolutionSizes {
  /** Pictures; where numbers are pairs, pairs of pictures. */
  readonly pictures: number;
  /** Every number of a picture and of a gradient is two in bf16, one of each picture of a pair; sums are in f32. */
  readonly pairs: boolean;
  /** Groups of channels that are summed over one after another, and channels in each. */
  readonly groups: number;
  readonly channels: number;
  /** Blocks of 16 result channels. */
  readonly blocks: number;
  /** Sets of blocks that read channels of their own: more than one in grouped convolutions. */
  readonly sets: number;
  /** Groups narrower than a block: every lane reads `channels` channels of its own group in the block that its set reads. */
  readonly narrow: boolean;
  readonly h: number;
  readonly w: number;
  readonly oh: number;
  readonly ow: number;
  readonly kh: number;
  readonly kw: number;
  readonly stride: number;
  readonly padding: readonly [top: number, left: number];
  readonly source: Distances & { readonly set: number };
  readonly target: Omit<Distances, 'channel'>;
  readonly weights: WeightDistances;
  readonly bias: boolean;
  /** Adds what stood in the results' memory before. */
  readonly sum: boolean;
  readonly relu: boolean;
}

export interface Distances {
  readonly picture: number;
  /** Between groups of channels, for results between blocks. */
  readonly group: number;
  readonly channel: number;
  readonly row: number;
  readonly pixel: number;
}

export interface WeightDistances {
  readonly set: number;
  /** Within a set. */
  readonly block: number;
  readonly group: number;
  readonly row: number;
  readonly column: number;
  readonly channel: number;
  /** Of the element that the first row and column of the window meet: gradients go through filters backwards. */
  readonly first: number;
}

/** How the work is cut; `pixels` and `blocks` of a tile. */
export interface Cut extends Tile {
  /** The tile for blocks that are left over; undefined where none are. */
  readonly rest?: Tile | undefined;
  /** Groups of channels summed over before the sums go to memory; the last part may have fewer. */
  readonly groups: number;
  /** Rows of results that a thread takes at a time. */
  readonly rows: number;
  /**
   * What a thread goes through first: all results of some rows, while these rows stay in the second cache; or all rows with the
   * weights of some results, where all pictures stay there: then shares are even although the last band may be shorter.
   */
  readonly first: 'results' | 'rows';
  /** Whether weights of the next part are fetched while one is summed over. */
  readonly ahead: boolean;
}

/**
 * Bytes of weights that may stay in the first cache: for windows of one pixel, which read little of the picture beside them, and for
 * others.
 */
const [nearPointBytes, nearBytes] = [36_000, 20_000];
/** Bytes of rows of a picture that may stay in the second cache, and of all pictures there. */
const [nextBytes, wholeBytes] = [400_000, 900_000];
/** Weights of a tile that the second cache does not keep beside the picture: more than these are worth fetching ahead. */
const aheadBytes = 250_000;
/** Pieces of work that threads share, at least: so few that one more or less does not count. */
const fewestItems = 16;
/** Pieces of work for each thread from which on shares are even enough. */
const manyItems = 64;
/** What it costs that another band meets all weights again, in pixels of a plane. */
const perBand = 4;
/** Pixels of a plane that pass for a row. */
const longestRow = 400;
export const registers = 32;
/** Of a tile. */
const mostBlocks = 4;
/** Multiply-adds in a row that hide the time of one: four cycles on two units. */
const hiding = 8;
/** What beginning a tile costs, spread over all that it sums. */
const perTile = 0.5;

/** For so many threads, whose shares are as even as tiles and bands of rows can make them. */
export function cutOf(sizes: ConvolutionSizes, threads: number): Cut {
  const { groups, channels, kh, kw, pictures, sets, oh, ow } = sizes;
  const stays = pictures * sets * rowBytes(sizes) * oh <= wholeBytes;
  const first = stays ? 'rows' : 'results';
  const choices = tilesFor(sizes).flatMap((tiles) => {
    const atATime = tiles.tile.blocks;
    const most = mostRows(sizes, atATime, stays);
    return bandsOf(oh, most).map((rows) => {
      const bands = Math.ceil(oh / rows) - Math.ceil(oh / most);
      const share = unevenness(sizes, { rows, blocks: atATime, first }, threads);
      return { ...tiles, rows, cost: tiles.cost * share * (1 + (perBand * bands) / (oh * ow)) };
    });
  });
  const { tile, rest, rows } = choices.reduce((best, next) => (next.cost < best.cost ? next : best));
  const nearest = kh * kw > 1 ? nearBytes : nearPointBytes;
  const near = Math.floor(nearest / (channels * kh * kw * tile.blocks * vectorBytes));
  const parts = Math.ceil(groups / Math.max(1, near));
  const weightBytes = groups * channels * kh * kw * tile.blocks * vectorBytes;
  // Windows of one pixel go through their weights in long runs, which the CPU fetches unasked where it finds them in the caches.
  const ahead = parts > 1 && (kh * kw > 1 ? weightBytes > aheadBytes : stays);
  return { ...tile, rest, groups: Math.ceil(groups / parts), ahead, rows, first };
}

/** Rows of a band, at most. */
function mostRows(sizes: ConvolutionSizes, atATime: number, stays: boolean): number {
  const { oh, pictures, blocks } = sizes;
  const enough = Math.min(oh, Math.ceil(fewestItems / (pictures * Math.ceil(blocks / atATime))));
  const rowsThatStay = Math.max(1, Math.floor(nextBytes / rowBytes(sizes)));
  return Math.ceil(oh / (stays ? enough : Math.max(Math.ceil(oh / rowsThatStay), enough)));
}

/** Of so many rows at most, and as many as there are bands for. */
function bandsOf(oh: number, most: number): number[] {
  return Array.from({ length: most }, (_, i) => most - i).filter(
    (rows) => rows === most || Math.ceil(oh / rows) < Math.ceil(oh / (rows - 1)),
  );
}

/** Bytes of the picture that a row of results adds to what those above it have read. */
function rowBytes({ groups, channels, narrow, w, kh, kw, stride }: ConvolutionSizes): number {
  const pixels = Math.ceil(w * Math.min(1, kw / stride)) * Math.min(kh, stride);
  return groups * (narrow ? vectorBytes : channels * numberBytes) * pixels;
}

/**
 * For a window of one pixel, planes as rows of another length: tiles then need not end where the picture's rows do, and there
 * are as many rows as `threads` can share evenly. Other sizes as they are.
 */
export function flattened(sizes: ConvolutionSizes, threads: number): ConvolutionSizes {
  const { kh, kw, stride, padding, h, w, source, target } = sizes;
  if (kh > 1 || kw > 1 || stride > 1 || padding[0] > 0 || padding[1] > 0) return sizes;
  // Gradients of strided windows write some pixels of each row only.
  if (target.row !== w * target.pixel || source.row !== w * source.pixel) return sizes;
  const lengths = divisors(h * w).filter((length) => length <= longestRow || length === w);
  const costs = lengths.map((ow) => {
    const { tile, cost } = bestTiles({ ...sizes, ow });
    const bands = { rows: 1, blocks: tile.blocks, first: 'results' } as const;
    return cost * unevenness({ ...sizes, oh: (h * w) / ow }, bands, threads);
  });
  const length = lengths[costs.lastIndexOf(Math.min(...costs))] as number;
  const rows = (h * w) / length;
  const longer = <D extends { pixel: number; row: number }>(distances: D): D => ({
    ...distances,
    row: length * distances.pixel,
  });
  return {
    ...sizes,
    h: rows,
    w: length,
    oh: rows,
    ow: length,
    source: longer(source),
    target: longer(target),
  };
}

/**
 * How many times as long as with an even share the thread with the most to do takes, by the order in which items come. Many items
 * are shared evenly.
 */
function unevenness(
  { pictures, blocks, oh }: Pick<ConvolutionSizes, 'pictures' | 'blocks' | 'oh'>,
  { rows, blocks: atATime, first }: Pick<Cut, 'rows' | 'blocks' | 'first'>,
  threads: number,
): number {
  const bands = Math.ceil(oh / rows);
  const bundles = Math.ceil(blocks / atATime);
  const items = pictures * bands * bundles;
  if (items > manyItems * threads) return 1;
  const work = Array.from({ length: items }, (_, item) => {
    const bundle = first === 'results' ? item % bundles : Math.floor(item / (pictures * bands));
    const band = first === 'results' ? Math.floor(item / bundles) % bands : item % bands;
    return Math.min(atATime, blocks - bundle * atATime) * Math.min(rows, oh - band * rows);
  });
  const begins = (thread: number): number => Math.floor((thread * items) / threads);
  const shares = Array.from({ length: threads }, (_, i) =>
    work.slice(begins(i), begins(i + 1)).reduce((sum, each) => sum + each, 0),
  );
  return (Math.max(...shares) * threads) / (pictures * blocks * oh);
}

export interface Tile {
  /** In a row, at most. */
  readonly pixels: number;
  readonly blocks: number;
  /**
   * Whether a number of the picture that is in a register meets all columns of the window there, with the weights of all
   * columns in registers too; else it is read once for each column.
   */
  readonly together: boolean;
}

interface Tiles {
  readonly tile: Tile;
  readonly rest: Tile | undefined;
  readonly cost: number;
}

type TileSizes = Pick<ConvolutionSizes, 'blocks' | 'sets' | 'narrow' | 'ow' | 'kw' | 'stride'>;

/** The tile that costs least on the whole. */
function bestTiles(sizes: TileSizes): Tiles {
  return tilesFor(sizes).reduce((best, next) => (next.cost < best.cost ? next : best));
}

/** For each number of blocks the best tile, with another one for blocks that it leaves over. Tiles do not reach over sets. */
function tilesFor(sizes: TileSizes): Tiles[] {
  const all = sizes.blocks / sizes.sets;
  const counts = Array.from({ length: Math.min(all, mostBlocks) }, (_, i) => i + 1);
  return counts.flatMap((blocks): Tiles[] => {
    const left = all % blocks;
    if (left > 0 && sizes.sets > 1) return [];
    const tile = cheapestTile(blocks, sizes);
    const rest = left > 0 ? cheapestTile(left, sizes) : undefined;
    const whole = (all - left) * costOf(tile, sizes);
    return [{ tile, rest, cost: (whole + (rest ? left * costOf(rest, sizes) : 0)) / all }];
  });
}

/** Of so many blocks, as wide as costs least. */
function cheapestTile(blocks: number, sizes: TileSizes): Tile {
  const { narrow, kw, stride, ow } = sizes;
  const ways = narrow ? [true] : kw > stride ? [false, true] : [false];
  const tiles = ways.flatMap((together) => {
    const most = Math.floor((registers - besideSums({ blocks, together }, sizes)) / blocks);
    return Array.from({ length: Math.min(ow, most) }, (_, i): Tile => ({ blocks, pixels: i + 1, together }));
  });
  return tiles.reduce((best, next) => (costOf(next, sizes) < costOf(best, sizes) ? next : best));
}

/** Registers that a tile needs beside its sums: for weights, numbers of the picture, and which of them each lane takes. */
export function besideSums(
  { blocks, together }: Pick<Tile, 'blocks' | 'together'>,
  { kw, narrow }: Pick<ConvolutionSizes, 'kw' | 'narrow'>,
): number {
  return (together ? kw * blocks : blocks) + (narrow ? 1 : 0) + 1;
}

/** Whether the weights of so many columns leave a register for a sum, as narrow groups need. */
export function fitsTogether(kw: number): boolean {
  return besideSums({ blocks: 1, together: true }, { kw, narrow: true }) < registers;
}

/** Numbers of the picture in a row that the window meets as it moves over so many results. */
export function reach(pixels: number, { kw, stride }: Pick<ConvolutionSizes, 'kw' | 'stride'>): number {
  return (pixels - 1) * stride + kw;
}

/** Cycles per pixel, block and column of the window, by how many units there are of what the inner loop uses. */
function costOf({ blocks, pixels, together }: Tile, sizes: TileSizes): number {
  const { ow, kw, narrow } = sizes;
  const cycles = tilesOf(ow, pixels).map((count) => {
    const read = together ? reach(count, sizes) / kw : count;
    return (
      perTile +
      cyclesFor({ multiplyAdds: count * blocks, permutations: narrow ? read : 0, loads: read + blocks })
    );
  });
  return cycles.reduce((sum, each) => sum + each, 0) / (ow * blocks);
}

/**
 * What a loop takes: two multiply-adds a cycle, lanes changing places among them, and one load of a whole register, which is
 * what is sustained, whatever a data sheet says. They run side by side and yet get in each other's way.
 */
export function cyclesFor(work: { multiplyAdds: number; permutations: number; loads: number }): number {
  const { multiplyAdds, permutations, loads } = work;
  return Math.max(Math.hypot((multiplyAdds + permutations) / 2, loads), hiding / 2);
}

/** Sizes of the tiles of a row: whole ones as far as they go, and the rest in one or two. */
function tilesOf(ow: number, pixels: number): number[] {
  const rest = ow % pixels;
  const whole = Array.from({ length: Math.floor(ow / pixels) }, () => pixels);
  if (rest === 0) return whole;
  if (whole.length === 0 || 2 * rest >= pixels) return [...whole, rest];
  const half = Math.ceil((pixels + rest) / 2);
  return [...whole.slice(1), half, pixels + rest - half];
}

export function divisors(value: number): number[] {
  return Array.from({ length: value }, (_, i) => i + 1).filter((each) => value % each === 0);
}

/** A stretch of tiles in a row that run the same code. */
export interface Stretch {
  readonly first: number;
  readonly pixels: number;
  readonly count: number;
  /** For each column of the window the pixels of a tile for which it lies in the picture. */
  readonly inside: readonly (readonly number[])[];
}

export function stretchesOf({ ow, kw, w, stride, padding }: ConvolutionSizes, pixels: number): Stretch[] {
  const stretches: Stretch[] = [];
  let first = 0;
  for (const size of tilesOf(ow, pixels)) {
    const inside = Array.from({ length: kw }, (_, column) =>
      Array.from({ length: size }, (_, pixel) => pixel).filter((pixel) => {
        const x = (first + pixel) * stride + column - padding[1];
        return x >= 0 && x < w;
      }),
    );
    const last = stretches.at(-1);
    if (last?.pixels === size && JSON.stringify(last.inside) === JSON.stringify(inside))
      stretches[stretches.length - 1] = { ...last, count: last.count + 1 };
    else stretches.push({ first, pixels: size, count: 1, inside });
    first += size;
  }
  return stretches;
}
