import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { right, wrong } from './colour.ts';
import { pictureSheet, type SheetItem } from './sheet.ts';
import { type Picture, readPicture, testFolder } from './testing.ts';

const path = join(testFolder(), 'sheet.png');

async function draw(items: SheetItem[], columns = 3): Promise<Picture> {
  await pictureSheet(path, { title: 'Sheet', columns, items });
  return readPicture(path);
}

const checker: SheetItem = {
  pixels: Uint8Array.of(0, 255, 255, 0),
  channels: 1,
  height: 2,
  width: 2,
  caption: 'x',
};
/** Upper left corner of the first picture and its side, in px. */
const [left, top, side, pitch] = [32, 82, 168, 194];

describe('pictureSheet', () => {
  it('enlarges small pictures without smoothing', async () => {
    const picture = await draw([checker]);
    const edge = left + side / 2;
    expect(picture.atPx(left + 1, top + 1)).toBe('#000000');
    expect(picture.atPx(edge - 0.5, top + 20)).toBe('#000000');
    expect(picture.atPx(edge, top + 20)).toBe('#ffffff');
    expect(picture.atPx(left + side - 1, top + side - 1)).toBe('#000000');
    expect(picture.atPx(left + 1, top + side - 1)).toBe('#ffffff');
  });

  it('reads planes as red, green, blue and centres what is not square', async () => {
    const pixels = Uint8Array.of(200, 10, 100, 20, 50, 30);
    const picture = await draw([{ pixels, channels: 3, height: 1, width: 2, caption: '' }]);
    expect(picture.atPx(left + 40, top + side / 2)).toBe('#c86432');
    expect(picture.atPx(left + 120, top + side / 2)).toBe('#0a141e');
    expect(picture.atPx(left + 40, top + 20)).toBe('#f1f3f5');
  });

  it('shows large pictures whole', async () => {
    const pixels = new Uint8Array(3 * 500 * 500).fill(90);
    const picture = await draw([{ pixels, channels: 3, height: 500, width: 500, caption: '' }]);
    expect(picture.atPx(left + 2, top + 2)).toBe('#5a5a5a');
    expect(picture.atPx(left + side - 2, top + side - 2)).toBe('#5a5a5a');
  });

  it('marks right and wrong by a frame and by different signs', async () => {
    const picture = await draw([{ ...checker, mark: 'right' }, { ...checker, mark: 'wrong' }, checker]);
    expect(picture.atPx(left, top + 84)).toBe(right);
    expect(picture.atPx(left + pitch, top + 84)).toBe(wrong);
    expect(picture.atPx(left + 2 * pitch, top + 40)).toBe('#000000');
    // The middle of a cross is its crossing; a tick mark leaves the place above its knee free.
    const badge = { x: left + side - 4, y: top + 4 };
    expect(picture.atPx(badge.x + pitch, badge.y)).toBe('#ffffff');
    expect(picture.atPx(badge.x - 3, badge.y - 3)).toBe(right);
    expect(picture.atPx(badge.x + pitch - 3, badge.y - 3)).toBe('#ffffff');
  });

  it('draws bars as long as their values', async () => {
    const bars = [
      { label: '', value: 1 },
      { label: '', value: 0.5 },
      { label: '', value: Number.NaN },
    ];
    const picture = await draw([{ ...checker, bars }]);
    const rowTop = (index: number) => top + side + 22 + 9 + index * 21 + 2;
    const ends = [0, 1, 2].map((index) => {
      let x = left;
      while (x < left + side && !['#f1f3f5', '#ffffff'].includes(picture.atPx(x, rowTop(index)))) x++;
      return x - left;
    });
    expect(ends).toEqual([side, side / 2, 0]);
  });

  it('breaks into rows and grows with them', async () => {
    const one = await draw([checker, checker], 2);
    const two = await draw([checker, checker, checker], 2);
    expect(two.width).toBe(one.width);
    expect(two.height).toBeGreaterThan(one.height + 2 * side);
    expect((await draw([], 4)).width).toBe(2 * 560);
  });

  it('keeps long captions and labels inside their column', async () => {
    const caption = 'an endless caption '.repeat(20);
    const picture = await draw([{ ...checker, caption, bars: [{ label: caption, value: 0.3 }] }, checker], 2);
    const gap = { left: 2 * (left + side) + 2, right: 2 * (left + pitch) - 2, top: 2 * (top + side + 1) };
    expect(picture.inkIn(gap)).toBeUndefined();
  });

  it('refuses pictures and columns that do not fit', async () => {
    await expect(draw([{ ...checker, height: 3 }])).rejects.toThrow('a picture of 4 bytes is called 1x3x2');
    await expect(draw([{ ...checker, channels: 2, height: 1 }])).rejects.toThrow('expected 1 or 3 channels');
    await expect(draw([checker], 0)).rejects.toThrow('0 columns, expected a whole number >= 1');
  });
});
