import { describe, expect, it } from 'vitest';
import { tightWindows } from './top-window.ts';

const box = { top: 10, left: 20, bottom: 40, right: 60 };

function spot(y: number, x: number, value = 1): Float32Array {
  const pixels = new Float32Array(2 * 30 * 40);
  pixels[y * 40 + x] = value;
  pixels[30 * 40 + y * 40 + x] = -value;
  return pixels;
}

describe('tightWindows', () => {
  it('is as small as the energy allows, and around it', () => {
    const [window] = tightWindows([{ pixels: spot(12, 30), box }]);
    expect(window).toMatchObject({ bottom: (window?.top ?? 0) + 8, right: (window?.left ?? 0) + 8 });
    expect(window?.top).toBeLessThanOrEqual(22);
    expect(window?.bottom).toBeGreaterThan(22);
    expect(window?.left).toBeLessThanOrEqual(50);
    expect(window?.right).toBeGreaterThan(50);
  });

  it('has one size for all parts, the largest that one needs', () => {
    const two = spot(2, 3);
    two[20 * 40 + 25] = 1;
    const windows = tightWindows([
      { pixels: spot(12, 30), box },
      { pixels: two, box },
    ]);
    const sides = windows.map(({ top, bottom, left, right }) => [bottom - top, right - left]);
    expect(sides[0]).toEqual(sides[1]);
    expect(sides[1]?.[0]).toBeGreaterThanOrEqual(19);
    expect(sides[1]?.[1]).toBeGreaterThanOrEqual(23);
  });

  it('stays inside the box, and takes its middle where all is zero', () => {
    const small = { top: 0, left: 5, bottom: 4, right: 40 };
    const windows = tightWindows([
      { pixels: spot(0, 0), box },
      { pixels: new Float32Array(3 * 4 * 35), box: small },
    ]);
    expect(windows[0]).toMatchObject({ top: 10, left: 20 });
    expect(windows[1]).toMatchObject({ top: 0, bottom: 4 });
    const { left = 0, right = 0 } = windows[1] ?? {};
    expect(Math.abs(left + right - 45)).toBeLessThanOrEqual(1);
  });
});
