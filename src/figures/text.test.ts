import { describe, expect, it } from 'vitest';
import { drawText, fitName, fitText, textWidth, wrapText } from './text.ts';

const bounds = (svg: string) => {
  const numbers = [...svg.matchAll(/-?\d+(?:\.\d+)?(?= )|(?<= )-?\d+(?:\.\d+)?/g)];
  const d = /d="([^"]*)"/.exec(svg)?.[1] ?? '';
  const all = (d.match(/-?\d+(?:\.\d+)?/g) ?? []).map(Number);
  expect(numbers.length).toBeGreaterThan(0);
  const [xs, ys] = [all.filter((_, i) => i % 2 === 0), all.filter((_, i) => i % 2 === 1)];
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
};

describe('drawText', () => {
  it('is one path and no text element, so that no installed font matters', () => {
    expect(drawText('Loss <&> "1"', 0, 0, { size: 20 })).toMatch(
      /^<path fill="#1f2933" d="[-MLQCZ\d. ]+"\/>$/,
    );
    expect(drawText('', 0, 0, { size: 20 })).toBe('');
    expect(drawText(' ', 0, 0, { size: 20 })).toBe('');
  });

  it('stands on its baseline and at its anchor', () => {
    const start = bounds(drawText('HH', 100, 50, { size: 20 }));
    expect(start.bottom).toBeCloseTo(50, 1);
    expect(start.top).toBeCloseTo(50 - 0.727 * 20, 0);
    expect(start.left).toBeGreaterThanOrEqual(100);
    expect(start.right).toBeLessThanOrEqual(100 + textWidth('HH', 20));
    const end = bounds(drawText('HH', 100, 50, { size: 20, anchor: 'end' }));
    expect(end.left - start.left).toBeCloseTo(-textWidth('HH', 20), 1);
    const middle = bounds(drawText('HH', 100, 50, { size: 20, anchor: 'middle', vertical: 'middle' }));
    expect(middle.left + middle.right).toBeCloseTo(200, 0);
    expect(middle.top + middle.bottom).toBeCloseTo(100, 0);
  });

  it('turns about its point', () => {
    const up = bounds(drawText('HH', 100, 50, { size: 20, rotateDeg: -90 }));
    expect(up.right).toBeCloseTo(100, 1);
    expect(up.top).toBeGreaterThanOrEqual(50 - textWidth('HH', 20));
    expect(up.bottom).toBeLessThanOrEqual(50);
  });

  it('knows Latin, Greek and Cyrillic letters; what it lacks becomes a box', () => {
    const box = drawText('中', 0, 0, { size: 20 });
    expect(box).toContain('d="M');
    for (const char of ['ł', 'ε', 'Ж', 'ở', '×', '−', '…']) {
      expect(drawText(char, 0, 0, { size: 20 })).not.toBe(box);
    }
    expect(drawText('字', 0, 0, { size: 20 })).toBe(box);
  });
});

describe('fitting', () => {
  it('leaves what fits and cuts what does not, at the end or in the middle', () => {
    expect(fitText('short', 100, 14)).toBe('short');
    for (const width of [20, 60, 120]) {
      for (const shorten of [fitText, fitName]) {
        const fitted = shorten('household electrical device 17', width, 14);
        expect(textWidth(fitted, 14)).toBeLessThanOrEqual(width);
        expect(fitted).toContain('…');
      }
    }
    expect(fitText('household electrical device 17', 120, 14)).toMatch(/^household.*…$/);
    expect(fitName('household electrical device 17', 120, 14)).toMatch(/^house.*….*17$/);
    expect(fitName('household', 1, 14)).toBe('…');
  });

  it('wraps at spaces and underscores into the lines there are', () => {
    expect(wrapText('one two three four', textWidth('one two', 14) + 1, 9, 14)).toEqual([
      'one two',
      'three',
      'four',
    ]);
    expect(wrapText('one two three four', textWidth('one two', 14) + 1, 2, 14)).toHaveLength(2);
    expect(wrapText('aquarium_fish', textWidth('aquarium_', 14) + 1, 2, 14)).toEqual(['aquarium_', 'fish']);
    expect(wrapText('', 100, 2, 14).join('')).toBe('');
  });
});
