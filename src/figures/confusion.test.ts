import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { hex, sequential } from './colour.ts';
import { confusionMatrix } from './confusion.ts';
import { type Box, type Picture, readPicture, testFolder } from './testing.ts';

const path = join(testFolder(), 'confusion.png');

async function draw(counts: number[][], classes: string[]): Promise<Picture> {
  await confusionMatrix(path, { counts, classes, title: 'Confusion', subtitle: 'of a test' });
  return readPicture(path);
}

const colourOf = (share: number) => hex(sequential(Math.sqrt(share)));

describe('confusionMatrix', () => {
  it('colours each cell by its share of its row', async () => {
    const picture = await draw(
      [
        [8, 0, 0],
        [0, 1, 3],
        [0, 0, 0],
      ],
      ['cat', 'dog', 'axolotl'],
    );
    // The only full share is the upper left cell; from its corner the others are 60 px apart.
    const full = picture.boxOf(colourOf(1)) as Box;
    expect(full.right - full.left).toBeGreaterThan(110);
    const cell = (row: number, column: number) =>
      picture.at(full.left + 20 + column * 120, full.top + 20 + row * 120);
    expect(cell(0, 1)).toBe(colourOf(0));
    expect(cell(1, 1)).toBe(colourOf(0.25));
    expect(cell(1, 2)).toBe(colourOf(0.75));
    for (const column of [0, 1, 2]) expect(cell(2, column)).toBe('#e1e5ea');
  });

  it('keeps the order of a hundred classes, 10 px each', async () => {
    const classes = Array.from({ length: 100 }, (_, i) => `class_number_${i}`);
    const counts = classes.map((_, row) => classes.map((_, column) => (column === (row + 1) % 100 ? 5 : 0)));
    const picture = await draw(counts, classes);
    const full = picture.boxOf(colourOf(1)) as Box;
    expect([full.right - full.left, full.bottom - full.top].map((side) => Math.round(side / 10))).toEqual([
      200, 200,
    ]);
    expect(picture.at(full.left + 30, full.top + 10)).toBe(colourOf(1));
    expect(picture.at(full.left + 10, full.top + 1990)).toBe(colourOf(1));
    expect(picture.at(full.left + 10, full.top + 10)).toBe(colourOf(0));
  });

  it('gives more classes than can be named index ticks and a bounded size', async () => {
    const n = 300;
    const counts = Array.from({ length: n }, (_, row) =>
      Array.from({ length: n }, (_, column) => (row === column ? 1 : 0)),
    );
    const picture = await draw(
      counts,
      counts.map((_, i) => `name ${i}`),
    );
    expect(picture.width).toBeLessThan(3000);
    expect(picture.boxOf(colourOf(1))).toBeDefined();
  });

  it('keeps long names inside', async () => {
    const long = 'a very long name of a class of things that are hard to tell apart '.repeat(3);
    const picture = await draw(
      [
        [1, 2],
        [3, 4],
      ],
      [`${long} 1`, `${long} 2`],
    );
    expect(picture.boxOf('#1f2933')).toBeDefined();
    const drawn = picture.inkIn();
    expect(drawn?.left).toBeGreaterThanOrEqual(60);
    expect(drawn?.right).toBeLessThanOrEqual(picture.width - 60);
    expect(drawn?.top).toBeGreaterThanOrEqual(60);
  });

  it('draws one class, and numbers too large for their cells', async () => {
    expect((await draw([[123456789]], ['only'])).width).toBeGreaterThan(1000);
  });

  it('refuses what cannot be a confusion matrix', async () => {
    await expect(draw([], [])).rejects.toThrow('no classes');
    await expect(draw([[1, 2]], ['a', 'b'])).rejects.toThrow('the counts of 2 classes are not 2 rows of 2');
    await expect(draw([[Number.NaN]], ['a'])).rejects.toThrow('not a number >= 0');
    const many = Array.from({ length: 4001 }, (_, i) => String(i));
    await expect(draw([], many)).rejects.toThrow(UserError);
    await expect(draw([], many)).rejects.toThrow('of 4001 classes cannot be drawn, the limit is 4000');
  });
});
