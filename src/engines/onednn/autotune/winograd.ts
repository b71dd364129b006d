// Dense 3x3 windows by Winograd's minimal filtering (Lavin and Gray 2015): 2x2 results cost 16 products a channel instead of
// 36, 4x4 results 36 instead of 144, with sums before and after. The library has it in f32 on AVX-512 (2.x): for filters
// that never change in both sizes, for filters in training and for both gradients in 4x4. Sums of large tiles cancel more,
// so that results are rounded more than those of direct convolution.
import type { Implementation, Ways } from './ways.ts';

const tiles = [2, 4] as const;

export const winogradNames = tiles.map((tile) => `winograd of ${tile}x${tile}`);

/** `describe` asks for the primitive by that algorithm; `lower` is that of the library's first choice. */
export function winograd(describe: Ways['describe'], lower: Ways['lower']): readonly Implementation[] {
  return tiles.map((tile, place) => ({
    name: winogradNames[place] as string,
    lower(lowering, node, primitive) {
      const first = describe(lowering, node);
      const found = [...(first ? [first, ...first.alternatives()] : [])].find(({ implementation }) =>
        implementation.includes(`wino_${tile}x3`),
      );
      if (found === undefined) return false;
      lower(lowering, node, found, primitive);
      return true;
    },
  }));
}
