// What the optimiser's kernels share: they write over the states that the graph updates with their results, and take
// tensors of one layout as plain vectors.
import type { Node, Value } from '../../../graph/graph.ts';
import { elementBytes } from '../abi.ts';
import type { Lowering, Tensor } from '../lowering.ts';

/** A tensor as a vector, whatever its layout is: filled-up channels are zeros and stay so. */
export function flat(lowering: Lowering, { layout, storage }: Tensor): Tensor {
  return { layout: lowering.natives.plainLayout([layout.bytes / elementBytes.f32], 'f32'), storage };
}

/** The node that clips the filters which an optimiser's node gives, where there is one. */
export function filterClipOf(lowering: Lowering, result: Value): Node | undefined {
  return lowering.consumers(result).find(({ op }) => op.name === 'clipFilters');
}

function isOutput(lowering: Lowering, value: Value): boolean {
  return [...lowering.graph.outputs.values()].includes(value);
}

/**
 * Whether `node` may write `result` over `state`: the graph updates the state with it, or with what a clip of filters
 * makes of it, and all others have read the state. Those who read the result find it there.
 */
export function mayOverwrite(lowering: Lowering, node: Node, state: Value, result: Value): boolean {
  if (state.source.kind !== 'state') return false;
  if (lowering.consumers(state).at(-1) !== node || isOutput(lowering, state)) return false;
  const update = lowering.graph.updates.get(state.source.name);
  if (update === result) return true;
  const clip = filterClipOf(lowering, result);
  return (
    clip !== undefined &&
    update === clip.outputs[0] &&
    lowering.consumers(result).length === 1 &&
    !lowering.isKeptOutput(result)
  );
}
