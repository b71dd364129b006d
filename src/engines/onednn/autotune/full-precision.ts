// Ways in f32 for nodes in bf16, on CPUs that multiply bf16: Winograd's algorithm does with a quarter of the products, and the
// library has it in f32 alone. What it reads is copied to f32 and what it gives is rounded, which its time includes.
import type { LayoutQuery } from '../abi.ts';
import { widenedView } from '../kernels/widened.ts';
import type { Implementation, Ways } from './ways.ts';

const suffix = ', in f32';
export const inFullName = (name: string): string => `${name}${suffix}`;

const results: readonly LayoutQuery[] = ['dst', 'diffSrc', 'diffWeights'];

/** `describe`: the library's first choice for the node. Weights are taken as they are kept, in full precision. */
export function inFullPrecision(way: Implementation, describe: Ways['describe']): Implementation {
  return {
    name: inFullName(way.name),
    lower(lowering, node, primitive) {
      const { natives, storageType } = lowering;
      const [input] = node.inputs;
      if (natives.bf16Units === 'none' || input === undefined || storageType(input) !== 'bf16') return false;
      const { view, finish } = widenedView(lowering, node);
      const first = describe(view, node);
      if (first === undefined) return false;
      // Results are to lie where the first choice in bf16 would leave them.
      const lieAlike = results.every((result) => {
        const [made, wanted] = [first.layout(result), primitive.layout(result)];
        if (made === undefined || wanted === undefined) return made === wanted;
        const rounded = natives.layoutOfType(made, wanted.type) ?? made;
        return natives.sameLayout(rounded, wanted);
      });
      if (!lieAlike || !way.lower(view, node, first)) return false;
      finish();
      return true;
    },
  };
}
