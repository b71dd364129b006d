// The part of a receptive field that matters. In deep layers the field is most of the picture, but nearly all that
// comes down from one activation lies in its middle; a window of one size for all pictures of a unit shows it larger
// and keeps them comparable.
import type { Box } from './layer.ts';

/** Values of channels x box height x box width, and where the box lies in the picture. */
export interface Boxed {
  readonly pixels: Float32Array;
  readonly box: Box;
}

/** Share of a projection's energy (its sum of squares) that a window must hold. */
export const heldEnergy = 0.9;
const smallest = 8;

/**
 * For each part a window inside its box, in pixels of the picture: squares of the smallest common side that holds
 * `share` of the energy in every part, cut where a box is smaller. A part of zeros takes the middle of its box.
 */
export function tightWindows(parts: readonly Boxed[], share = heldEnergy): Box[] {
  const sums = parts.map(integral);
  const longest = Math.max(smallest, ...sums.map(({ height, width }) => Math.max(height, width)));
  for (let side = smallest; ; side = Math.min(longest, Math.ceil(side * 1.1))) {
    const found = sums.map((sum) => best(sum, side));
    const enough = found.every(({ energy }, i) => energy >= share * (sums[i] as Integral).total);
    if (enough || side === longest) {
      return found.map(({ top, left, height, width }, i) => {
        const { box } = parts[i] as Boxed;
        const [y, x] = [box.top + top, box.left + left];
        return { top: y, left: x, bottom: y + height, right: x + width };
      });
    }
  }
}

interface Integral {
  readonly height: number;
  readonly width: number;
  readonly total: number;
  /** (height + 1) x (width + 1): energy above and to the left. */
  readonly sums: Float64Array;
}

function integral({ pixels, box }: Boxed): Integral {
  const [height, width] = [box.bottom - box.top, box.right - box.left];
  const plane = height * width;
  const sums = new Float64Array((height + 1) * (width + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    for (let x = 0; x < width; x++) {
      for (let i = y * width + x; i < pixels.length; i += plane) row += (pixels[i] as number) ** 2;
      sums[(y + 1) * (width + 1) + x + 1] = (sums[y * (width + 1) + x + 1] as number) + row;
    }
  }
  return { height, width, total: sums[sums.length - 1] as number, sums };
}

/** The window of that side with the most energy; of equal ones the nearest to the middle. */
function best({ height, width, sums }: Integral, side: number) {
  const [h, w] = [Math.min(side, height), Math.min(side, width)];
  const at = (y: number, x: number): number => sums[y * (width + 1) + x] as number;
  let found = { top: 0, left: 0, height: h, width: w, energy: -1, away: 0 };
  for (let top = 0; top + h <= height; top++) {
    for (let left = 0; left + w <= width; left++) {
      const energy = at(top + h, left + w) - at(top, left + w) - at(top + h, left) + at(top, left);
      if (energy < found.energy) continue;
      const away = Math.hypot(2 * top + h - height, 2 * left + w - width);
      if (energy > found.energy || away < found.away) found = { ...found, top, left, energy, away };
    }
  }
  return found;
}
