import { describe, expect, it } from 'vitest';
import { drawPicture } from './draw.ts';
import type { TrainingTransform } from './transform.ts';

const crop = { size: { height: 224, width: 224 } };
const area: TrainingTransform = { scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 }, flip: true };
const photo = { height: 375, width: 500 };
const many = Array.from({ length: 4000 }, (_, picture) => picture);

describe('drawPicture', () => {
  it('is a function of seed, epoch and picture', () => {
    const first = drawPicture(crop, area, photo, 1, 2, 3);
    expect(drawPicture(crop, area, photo, 1, 2, 3)).toEqual(first);
    for (const [seed, epoch, picture] of [
      [2, 2, 3],
      [1, 3, 3],
      [1, 2, 4],
    ] as const) {
      expect(drawPicture(crop, area, photo, seed, epoch, picture).part).not.toEqual(first.part);
    }
  });

  it('draws parts of 8 to 100 % of the area with an aspect of 3/4 to 4/3, all inside', () => {
    let sum = 0;
    let mirrored = 0;
    for (const picture of many) {
      const { part, mirror } = drawPicture(crop, area, photo, 1, 0, picture);
      const share = (part.height * part.width) / (photo.height * photo.width);
      sum += share;
      mirrored += mirror ? 1 : 0;
      expect(share).toBeGreaterThan(0.079);
      expect(part.width / part.height).toBeGreaterThan(0.74);
      expect(part.width / part.height).toBeLessThan(1.35);
      expect(part.top >= 0 && part.top + part.height <= photo.height).toBe(true);
      expect(part.left >= 0 && part.left + part.width <= photo.width).toBe(true);
    }
    // Large parts of the wrong aspect do not fit: 0.433 is the mean of 20,000 draws of torchvision 0.14's
    // RandomResizedCrop.get_params for a picture of this size.
    expect(Math.abs(sum / many.length - 0.433)).toBeLessThan(0.015);
    expect(mirrored / many.length).toBeCloseTo(0.5, 1);
  });

  it('falls back to the centre where no part fits', () => {
    // Ten tries for a strip of 1:100 fail; torchvision then takes the height and 4/3 of it.
    const { part } = drawPicture(crop, area, { height: 30, width: 3000 }, 1, 0, 0);
    expect(part).toEqual({ top: 0, left: 1480, height: 30, width: 40 });
    const turned = drawPicture(crop, area, { height: 3000, width: 30 }, 1, 0, 0);
    expect(turned.part).toEqual({ top: 1480, left: 0, height: 40, width: 30 });
  });

  it('draws every short side, and crops that cover the scaled picture', () => {
    const train: TrainingTransform = { scale: { kind: 'short-side', least: 256, most: 260 }, flip: false };
    const sides = new Set<number>();
    let [least, most] = [Number.POSITIVE_INFINITY, 0];
    for (const picture of many) {
      const { part, scaled, mirror } = drawPicture(crop, train, photo, 1, 0, picture);
      sides.add(scaled.height);
      expect(part.height / photo.height).toBeCloseTo(224 / scaled.height, 12);
      expect(part.left + part.width).toBeLessThanOrEqual(photo.width + 1e-9);
      least = Math.min(least, part.left);
      most = Math.max(most, part.left + part.width);
      expect(mirror).toBe(false);
    }
    expect([...sides].sort()).toEqual([256, 257, 258, 259, 260]);
    expect(least).toBe(0);
    expect(most).toBeCloseTo(photo.width, 9);
  });

  it('takes the four corners and the centre of the central square', () => {
    const train: TrainingTransform = {
      scale: { kind: 'short-side', least: 256, most: 256, square: true },
      flip: true,
      crops: 'ten',
    };
    const counts = new Map<string, number>();
    for (const picture of many) {
      const { part, corner, mirror } = drawPicture(crop, train, { height: 256, width: 356 }, 1, 0, picture);
      expect(part.left).toBeCloseTo(50 + corner.left, 9);
      const key = `${corner.top} ${corner.left} ${mirror}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const corners = ['0 0', '0 32', '32 0', '32 32', '16 16'];
    expect([...counts.keys()].sort()).toEqual(
      corners.flatMap((corner) => [`${corner} false`, `${corner} true`]).sort(),
    );
    for (const count of counts.values()) expect(count / many.length).toBeCloseTo(0.1, 1);
  });
});
