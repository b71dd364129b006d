import { describe, expect, it } from 'vitest';
import { type CropName, type Window, windowsOf } from './crops.ts';

const key = ({ top, left, height, width, mirror }: Window) => `${top},${left},${height},${width},${mirror}`;

/** The papers' sentences as loops. */
function naive(name: CropName, height: number, width: number, crop: number): string[] {
  const found: string[] = [];
  const add = (top: number, left: number, side: number) => {
    for (const mirror of [false, true]) found.push(`${top},${left},${side},${side},${mirror}`);
  };
  const five = (top: number, left: number, high: number, wide: number) => {
    for (const y of [top, top + high - crop]) for (const x of [left, left + wide - crop]) add(y, x, crop);
    add(top + Math.floor((high - crop) / 2), left + Math.floor((wide - crop) / 2), crop);
  };
  if (name === '10') five(0, 0, height, width);
  if (name === '144') {
    const side = Math.min(height, width);
    const rest = Math.max(height, width) - side;
    for (const place of [0, Math.floor(rest / 2), rest]) {
      const [top, left] = height > width ? [place, 0] : [0, place];
      five(top, left, side, side);
      add(top, left, side);
    }
  }
  return found.sort();
}

describe('windowsOf', () => {
  it.each([
    ['10', 256, 341, 224],
    ['10', 341, 256, 224],
    ['10', 224, 224, 224],
    ['144', 256, 341, 224],
    ['144', 451, 288, 224],
    ['144', 320, 320, 224],
    ['144', 35, 70, 31],
  ] as const)('%s crops of %ix%i are those of a naive enumeration', (name, height, width, crop) => {
    const found = windowsOf(name, { height, width }, { height: crop, width: crop });
    expect(found.map(key).sort()).toEqual(naive(name, height, width, crop));
  });

  it('counts 1, 10 and, over four scales, 144', () => {
    const crop = { height: 224, width: 224 };
    const count = (name: CropName, side: number) =>
      windowsOf(name, { height: side, width: 2 * side }, crop).length;
    expect(count('1', 256)).toBe(1);
    expect(count('10', 256)).toBe(10);
    expect([256, 288, 320, 352].reduce((sum, side) => sum + count('144', side), 0)).toBe(144);
    expect(count('dense', 256)).toBe(2);
  });

  it('stays inside the picture, and mirrors every window once', () => {
    for (const name of ['1', '10', '144', 'dense'] as const) {
      const windows = windowsOf(name, { height: 288, width: 401 }, { height: 224, width: 224 });
      for (const { top, left, height, width } of windows) {
        expect(top >= 0 && left >= 0 && top + height <= 288 && left + width <= 401).toBe(true);
      }
      const mirrored = windows.filter(({ mirror }) => mirror).length;
      expect(mirrored).toBe(name === '1' ? 0 : windows.length / 2);
    }
  });

  it('puts the centre where torchvision does for even margins, and refuses pictures that are too small', () => {
    const [centre] = windowsOf('1', { height: 256, width: 340 }, { height: 224, width: 224 });
    expect(centre).toEqual({ top: 16, left: 58, height: 224, width: 224, mirror: false });
    expect(() => windowsOf('1', { height: 200, width: 340 }, { height: 224, width: 224 })).toThrow(
      /200x340 has no crop of 224x224/,
    );
  });
});
