// The pixels of a curve lie where its numbers say; bad and missing numbers leave the rest as it is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { seriesColour } from './colour.ts';
import { type CurvesOptions, curves, type Series } from './curves.ts';
import { type Picture, readPicture, testFolder } from './testing.ts';

const folder = testFolder();
const path = join(folder, 'curves.png');
const base = { title: 'Loss', xLabel: 'epoch', yLabel: 'loss' };

async function draw(series: readonly Series[], options: Partial<CurvesOptions> = {}): Promise<Picture> {
  await curves(path, { ...base, ...options, series });
  return readPicture(path);
}

const [first, second] = [seriesColour(0), seriesColour(1)];
/** The frame of a figure without subtitle, in pixels of the PNG. */
const [frameLeft, frameTop, frameBottom] = [2 * 98, 2 * 106, 2 * 638];

/** Middle of a colour's pixels in a column. */
function rowOf(picture: Picture, column: number, colour: string): number {
  const box = picture.boxOf(colour, { left: column, right: column });
  if (box === undefined) throw new Error(`no ${colour} in column ${column}`);
  return (box.top + box.bottom) / 2;
}

/** Column of a dot at the top of the frame: its upper edge stands above the line and above the name's sample. */
function lastDot(picture: Picture): number {
  const box = picture.boxOf(first, { bottom: frameTop - 6 });
  if (box === undefined) throw new Error('no dot at the top');
  return (box.left + box.right) / 2;
}

describe('curves', () => {
  it('draws 2400x1440 pixels with lines through the points', async () => {
    const picture = await draw([
      {
        name: 'rising',
        points: [
          [0, 0],
          [10, 10],
        ],
      },
      {
        name: 'flat',
        points: [
          [0, 5],
          [10, 5],
        ],
      },
    ]);
    expect([picture.width, picture.height]).toEqual([2400, 1440]);
    const frameRight = lastDot(picture);
    expect(frameRight).toBeGreaterThan(1800);
    for (const share of [0.25, 0.5, 0.75]) {
      const column = Math.round(frameLeft + share * (frameRight - frameLeft));
      const expected = frameBottom + share * (frameTop - frameBottom);
      if (share !== 0.5) expect(Math.abs(rowOf(picture, column, first) - expected)).toBeLessThan(3);
      expect(Math.abs(rowOf(picture, column, second) - (frameBottom + frameTop) / 2)).toBeLessThan(3);
    }
  });

  it('places equal ratios at equal heights on a log axis', async () => {
    const picture = await draw(
      [
        {
          name: 'a',
          points: [
            [0, 1],
            [1, 10],
            [2, 100],
          ],
        },
      ],
      { logY: true },
    );
    const box = picture.boxOf(first, { right: 2000 });
    expect(Math.abs((box?.bottom ?? 0) - frameBottom)).toBeLessThan(12);
    const column = Math.round((frameLeft + lastDot(picture)) / 2);
    expect(Math.abs(rowOf(picture, column, first) - (frameTop + frameBottom) / 2)).toBeLessThan(3);
  });

  it('skips what is not finite, and what is not positive on a log axis', async () => {
    await draw([
      {
        name: 'a',
        points: [
          [0, 1],
          [2, 3],
          [3, 2],
        ],
      },
    ]);
    const without = readFileSync(path);
    await draw([
      {
        name: 'a',
        points: [
          [0, 1],
          [1, Number.NaN],
          [2, 3],
          [Number.POSITIVE_INFINITY, 1],
          [3, 2],
        ],
      },
    ]);
    expect(readFileSync(path).equals(without)).toBe(true);
    await draw(
      [
        {
          name: 'a',
          points: [
            [0, 1],
            [2, 3],
            [3, 2],
          ],
        },
      ],
      { logY: true },
    );
    const withoutLog = readFileSync(path);
    await draw(
      [
        {
          name: 'a',
          points: [
            [0, 1],
            [1, 0],
            [1, -4],
            [2, 3],
            [3, 2],
          ],
        },
      ],
      { logY: true },
    );
    expect(readFileSync(path).equals(withoutLog)).toBe(true);
  });

  it('draws one point as a dot in the middle', async () => {
    const picture = await draw([{ name: 'a', points: [[4, 7]] }]);
    const box = picture.boxOf(first, { right: 1500, top: frameTop });
    expect(box).toBeDefined();
    expect((box?.right ?? 0) - (box?.left ?? 0)).toBeLessThan(24);
  });

  it('says that there are no data, with axes', async () => {
    for (const series of [[], [{ name: 'empty', points: [] }]]) {
      const picture = await draw(series);
      const text = picture.boxOf('#5b6776', { left: 600, right: 1900, top: 600, bottom: 900 });
      expect(text).toBeDefined();
      expect(picture.boxOf(first)).toBeUndefined();
    }
  });

  it('starts the y axis at yMin and keeps lower points on it', async () => {
    const picture = await draw(
      [
        {
          name: 'a',
          points: [
            [0, -5],
            [10, -5],
          ],
        },
        {
          name: 'b',
          points: [
            [0, 1],
            [10, 2],
          ],
        },
      ],
      { yMin: 0 },
    );
    expect(Math.abs(rowOf(picture, 1000, first) - frameBottom)).toBeLessThan(3);
  });

  it('keeps a spike among a hundred thousand points', async () => {
    const points = Array.from({ length: 100_000 }, (_, i) => [i, i === 54_321 ? 10 : 1] as const);
    const picture = await draw([{ name: 'a', points }], { yMin: 0 });
    expect(picture.boxOf(first, { right: 1900, bottom: frameTop + 30 })).toBeDefined();
  });

  it('keeps every text inside, however long or many', async () => {
    const long = 'a name that nobody could ever read in one go, '.repeat(8);
    const series = Array.from({ length: 60 }, (_, i) => ({
      name: `${long}${i}`,
      points: [
        [0, i],
        [1, 1],
      ] as [number, number][],
    }));
    const picture = await draw(series, { title: long, subtitle: long, xLabel: long, yLabel: long });
    expect(picture.inkIn()?.left).toBeGreaterThanOrEqual(64);
    expect(picture.inkIn()?.right).toBeLessThanOrEqual(2400 - 64);
    expect(picture.inkIn()?.top).toBeGreaterThanOrEqual(60);
    expect(picture.inkIn()?.bottom).toBeLessThanOrEqual(1440 - 30);
  });

  it('is written as SVG where the name says so, and nothing else', async () => {
    const svg = join(folder, 'curves.svg');
    await curves(svg, {
      ...base,
      series: [
        {
          name: 'a',
          points: [
            [0, 1],
            [1, 2],
          ],
        },
      ],
    });
    const text = readFileSync(svg, 'utf8');
    expect(text).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="1200" height="720"/);
    expect(text).not.toContain('<text');
    await expect(curves(join(folder, 'x.jpg'), { ...base, series: [] })).rejects.toThrow(UserError);
    await expect(curves(join(folder, 'x.jpg'), { ...base, series: [] })).rejects.toThrow(
      'ends in ".jpg", expected .png or .svg',
    );
  });
});
