// Points lie where their operations, bytes and times say: the drawing is read back as SVG.
import { describe, expect, it } from 'vitest';
import { drawRoofline, type RooflineOptions, type RooflinePoint, roofline } from './roofline.ts';
import { readPicture, testFolder } from './testing.ts';

const folder = testFolder();

/** One operation a byte is 10 GFLOP/s under the slope; the ridge lies at 10 operations a byte. */
const roofs = [{ name: 'f32', gflops: 100 }];
const point = (flopsPerByte: number, gflops: number, more: Partial<RooflinePoint> = {}): RooflinePoint => ({
  name: 'conv1',
  group: 'forward',
  flops: 1e9,
  bytes: 1e9 / flopsPerByte,
  ms: 1e3 / gflops,
  ...more,
});
const draw = (points: readonly RooflinePoint[], more: Partial<RooflineOptions> = {}) =>
  drawRoofline({ title: 'Roofline', roofs, copyGBs: 10, points, ...more });

interface Circle {
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

/** The circles of points: those of the legend have a radius of 8 and come first. */
function circlesOf(body: string, groups: number): Circle[] {
  const all = [...body.matchAll(/<circle cx="([\d.-]+)" cy="([\d.-]+)" r="([\d.-]+)"/g)].map(
    ([, x, y, r]) => ({ x: Number(x), y: Number(y), r: Number(r) }),
  );
  return all.slice(groups);
}

/** The corners of the roof, from left to right. */
function cornersOf(body: string): [number, number][] {
  const points = /<polyline points="([^"]+)"/.exec(body)?.[1] ?? '';
  return points.split(' ').map((each) => each.split(',').map(Number) as [number, number]);
}

describe('drawRoofline', () => {
  it('puts a point that reaches a limit on its line, and one at half of it below', () => {
    const { body } = draw([point(1, 10), point(100, 100), point(100, 50)]);
    const [, ridge, end] = cornersOf(body) as [unknown, [number, number], [number, number]];
    const circles = circlesOf(body, 1);
    const [onSlope, onRoof, half] = [1, 100, 50].map(
      (_, i) => circles.toSorted((a, b) => a.x - b.x || a.y - b.y)[i],
    );
    expect(onRoof?.y).toBeCloseTo(ridge[1], 0);
    expect(end[1]).toBeCloseTo(ridge[1], 1);
    expect(half?.y).toBeGreaterThan(ridge[1] + 10);
    // Decades of the slope: from one operation a byte to the ridge at ten both axes pass one.
    const decade = ridge[0] - (onSlope?.x ?? 0);
    expect(decade).toBeGreaterThan(20);
    expect((onRoof?.x ?? 0) - ridge[0]).toBeCloseTo(decade, 0);
    const tenfold = (onSlope?.y ?? 0) - ridge[1];
    expect((half?.y ?? 0) - ridge[1]).toBeCloseTo(tenfold * Math.log10(2), 0);
  });

  it('gives a point an area that is its share of the time', () => {
    const { body } = draw([point(100, 100), point(10, 25)]);
    const [small, large] = circlesOf(body, 1)
      .map(({ r }) => r)
      .toSorted((a, b) => a - b) as [number, number];
    expect((large / small) ** 2).toBeCloseTo(4, 1);
  });

  it('sets what multiplies nothing in rows below, by speed', () => {
    const moving = (name: string, gbs: number): RooflinePoint => ({
      ...{ name, group: name, flops: 0, bytes: 1e9, ms: 1e3 / gbs },
    });
    const alone = draw([point(100, 50)]);
    const { body, height } = draw([point(100, 50), moving('relu', 5), moving('sgd', 10)]);
    expect(height).toBeGreaterThan(alone.height + 60);
    const [relu, sgd] = circlesOf(body, 1)
      .slice(1)
      .toSorted((a, b) => a.x - b.x) as [Circle, Circle];
    expect(relu.y).toBeLessThan(sgd.y);
    const limit = /<line x1="([\d.]+)" y1="[\d.]+" x2="\1" y2="[\d.]+" stroke="[^"]+" stroke-width="2"/.exec(
      body,
    );
    expect(sgd.x).toBeCloseTo(Number(limit?.[1]), 0);
  });

  it('joins ops beyond ten rows into one', () => {
    const points = Array.from({ length: 14 }, (_, i) => ({
      ...{ name: `op${i}`, group: `op${i}`, flops: 0, bytes: 1e6, ms: 14 - i },
    }));
    const rows = new Set(circlesOf(draw(points).body, 0).map(({ y }) => y));
    expect(rows.size).toBe(10);
  });

  it('names the twelve most costly points and no other', () => {
    const costly = Array.from({ length: 12 }, (_, i) => point(2 ** i, 2 ** (i / 2), { name: `c${i}` }));
    const cheap = Array.from({ length: 5 }, (_, i) =>
      point(3 * 2 ** i, 40 + i, { name: `d${i}`, flops: 1e5, bytes: 1e5 / (3 * 2 ** i), ms: 1e-4 }),
    );
    const texts = (body: string) => body.match(/<path/g)?.length ?? 0;
    const alone = texts(draw(costly).body);
    expect(texts(draw([...cheap, ...costly]).body)).toBe(alone);
  });

  it('draws without any point', () => {
    expect(draw([]).height).toBeGreaterThan(50);
  });
});

describe('roofline', () => {
  it('writes a PNG of its size', async () => {
    const path = `${folder}/roofline.png`;
    await roofline(path, { title: 'Roofline', roofs, copyGBs: 10, points: [point(1, 5)] });
    const { width, height } = await readPicture(path);
    expect([width, height]).toEqual([2400, 2 * draw([point(1, 5)]).height]);
  });
});
