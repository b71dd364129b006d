// Rectangles lie at their addresses and steps: the drawing is read back as SVG, in units of the frame.
import { describe, expect, it } from 'vitest';
import { type ArenaOptions, type ArenaRectangle, arena, drawArena } from './arena.ts';
import { seriesColour } from './colour.ts';
import { readPicture, testFolder } from './testing.ts';

const folder = testFolder();
const mebibyte = 2 ** 20;

const block = (
  offset: number,
  size: number,
  first: number,
  last: number,
  group = 'convolution',
): ArenaRectangle => ({ offset: offset * mebibyte, bytes: size * mebibyte, first, last, group, name: group });

const options = (rectangles: readonly ArenaRectangle[], more: Partial<ArenaOptions> = {}): ArenaOptions => ({
  title: 'Arena',
  rectangles,
  arenaBytes: 10 * mebibyte,
  lowerBoundBytes: 8 * mebibyte,
  ...more,
});

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const rectPattern = /<rect x="([\d.-]+)" y="([\d.-]+)" width="([\d.-]+)" height="([\d.-]+)" fill="([^"]+)"/g;

function rectsOf(body: string, colour: string): Rect[] {
  return [...body.matchAll(rectPattern)]
    .filter(([, , , , , fill]) => fill === colour)
    .map(([, x, y, width, height]) => ({
      ...{ x: Number(x), y: Number(y), width: Number(width), height: Number(height) },
    }));
}

/** Without the square of the legend, which comes first. */
const blocksOf = (body: string, group: number): Rect[] => rectsOf(body, seriesColour(group)).slice(1);
const frameOf = (body: string): Rect => rectsOf(body, 'none')[0] as Rect;

/** The points of the line of what is alive, which is drawn twice. */
function aliveOf(body: string): [number, number][] {
  const points = [...body.matchAll(/<polyline points="([^"]+)"/g)].at(-1)?.[1] ?? '';
  return points.split(' ').map((each) => each.split(',').map(Number) as [number, number]);
}

describe('drawArena', () => {
  it('draws a block at its address for as long as it holds something', () => {
    const { body } = drawArena(options([block(0, 5, 0, 9), block(5, 5, 0, 4, 'relu')]));
    const frame = frameOf(body);
    const [large] = blocksOf(body, 0) as [Rect];
    const [small] = blocksOf(body, 1) as [Rect];
    expect([large.x, large.width]).toEqual([frame.x, frame.width]);
    expect(large.y + large.height).toBeCloseTo(frame.y + frame.height, 1);
    expect(large.height).toBeCloseTo(frame.height / 2, 1);
    expect(small.width).toBeCloseTo(frame.width / 2, 1);
    expect(small.y).toBeCloseTo(frame.y, 1);
  });

  it('gives the first colour to the group that holds most for longest', () => {
    const { body } = drawArena(options([block(0, 1, 0, 1, 'relu'), block(1, 9, 0, 9, 'sgd')]));
    expect(blocksOf(body, 0)[0]?.height).toBeGreaterThan((blocksOf(body, 1)[0]?.height ?? 0) * 8);
  });

  it('lets the line of what is alive rise and fall with the blocks, places in use counting once', () => {
    // 4 MiB throughout, 4 more in steps 2 to 3, of which a result in place takes over 2.
    const blocks = [block(0, 4, 0, 5), block(4, 4, 2, 3, 'relu'), block(4, 2, 3, 3, 'sgd')];
    const { body } = drawArena(options(blocks));
    const frame = frameOf(body);
    const share = (y: number): number => (frame.y + frame.height - y) / frame.height;
    const heights = aliveOf(body).map(([, y]) => share(y));
    expect(heights).toHaveLength(12);
    expect(heights.filter((_, i) => i % 2 === 0).map((each) => Math.round(each * 10))).toEqual([
      4, 4, 8, 8, 4, 4,
    ]);
  });

  it('draws the lower bound at its height', () => {
    const { body } = drawArena(options([block(0, 10, 0, 1)]));
    const frame = frameOf(body);
    const bound = [...body.matchAll(/<line x1="([\d.]+)" y1="([\d.]+)" [^>]*stroke-dasharray="7 4"/g)].at(-1);
    const y = Number(bound?.[2]);
    expect((frame.y + frame.height - y) / frame.height).toBeCloseTo(0.8, 2);
  });

  it('greys the groups beyond seven', () => {
    const many = Array.from({ length: 9 }, (_, i) => block(i, 1, 0, 9 - i, `op${i}`));
    const { body } = drawArena(options(many));
    expect(rectsOf(body, '#c3cad2')).toHaveLength(3);
  });

  it('starts before the first step where something lies there already', () => {
    const { body } = drawArena(options([block(0, 5, -1, 0), block(5, 5, 0, 2)]));
    const frame = frameOf(body);
    const all = blocksOf(body, 0).toSorted((a, b) => a.x - b.x);
    expect(all[0]?.x).toBeCloseTo(frame.x, 1);
    expect(all[1]?.x).toBeCloseTo(frame.x + frame.width / 4, 0);
  });
});

describe('arena', () => {
  it('writes a PNG of its size', async () => {
    const path = `${folder}/arena.png`;
    await arena(path, options([block(0, 5, 0, 9)]));
    const drawing = drawArena(options([block(0, 5, 0, 9)]));
    const { width, height } = await readPicture(path);
    expect([width, height]).toEqual([2 * drawing.width, 2 * drawing.height]);
  });
});
