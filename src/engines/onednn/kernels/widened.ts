// bf16 on CPUs that do not multiply it: values lie in memory as bf16, and convolutions and linear layers compute in f32, from
// copies of what they read and rounding what they give. The library's own kernels take bf16 there too, and
// spend most of their time taking numbers apart. Elsewhere single ways do the same (../autotune/full-precision.ts).
import type { Node, Value } from '../../../graph/graph.ts';
import type { Layout, StorageType } from '../abi.ts';
import type { Kernel, Lowering, Tensor } from '../lowering.ts';
import { isLarge } from './linear-update.ts';

/** The kernel, in f32 where that is faster. */
export function widened(kernel: Kernel): Kernel {
  return (lowering, node) => {
    if (!isWidened(lowering, node)) return kernel(lowering, node);
    const { view, finish } = widenedView(lowering, node, roundedWeights);
    if (!kernel(view, node)) return false;
    finish();
    return true;
  };
}

/** What a node's products are computed in: the lowering itself, or a view of it in which bf16 is f32. */
export function productView(lowering: Lowering, node: Node): Lowering {
  return isWidened(lowering, node) ? widenedView(lowering, node, roundedWeights).view : lowering;
}

function isWidened({ natives, storageType }: Lowering, { inputs }: Node): boolean {
  return natives.bf16Units === 'none' && storageType(inputs[0] as Value) === 'bf16';
}

/** What a node computes with in place of weights that are kept in full precision. */
type Weights = (lowering: Lowering, node: Node, w: Value, layout: Layout) => Tensor;

interface Widened {
  readonly view: Lowering;
  /** Rounds what the node gave, and puts it where the lowering looks for it. */
  finish(): void;
}

export function widenedView(
  lowering: Lowering,
  node: Node,
  weights: Weights = (own, _, w, layout) => own.as(w, layout),
): Widened {
  const { natives } = lowering;
  const isNarrow = (value: Value): boolean => lowering.storageType(value) === 'bf16';
  // Copies are made anew for each node: kept for the backward pass they would take more memory than f32.
  const copies = new Map<Value, Tensor[]>();
  const results: [Value, Tensor][] = [];
  const view: Lowering = {
    ...inFull(lowering),
    current(value) {
      if (!isNarrow(value)) return lowering.current(value);
      const { layout } = lowering.current(value);
      return view.as(value, natives.layoutOfType(layout, 'f32') ?? view.plainLayout(value));
    },
    as(value, layout) {
      // What is fed comes in f32; large weights are read as they lie, as in f32.
      const isWeights = value === node.inputs[1] && !isNarrow(value) && !isLarge(value);
      if (!isWeights && (!isNarrow(value) || value.source.kind === 'input'))
        return lowering.as(value, layout);
      const known = copies.get(value) ?? [];
      const found = known.find((tensor) => natives.sameLayout(tensor.layout, layout));
      if (found !== undefined) return found;
      const copy = isWeights ? weights(lowering, node, value, layout) : lowering.temporary(layout);
      if (!isWeights) lowering.move(node, lowering.current(value), copy);
      copies.set(value, [...known, copy]);
      return copy;
    },
    plain: (value) => view.as(value, view.plainLayout(value)),
    nativePlain: (value) => view.as(value, view.plainLayout(value)),
    define(value, layout) {
      if (!isNarrow(value)) return lowering.define(value, layout);
      const result = lowering.temporary(layout);
      results.push([value, result]);
      return result;
    },
    alias(value, tensor) {
      if (isNarrow(value)) results.push([value, tensor]);
      else lowering.alias(value, tensor);
    },
    // A trial begins with f32 and ends with it: the copies are the same for all ways.
    isolated: (own, layouts) => inFull(lowering.isolated(own, layouts)),
  };
  return {
    view,
    finish() {
      for (const [value, tensor] of results) {
        const layout = natives.layoutOfType(tensor.layout, 'bf16') ?? lowering.plainLayout(value);
        lowering.move(node, tensor, lowering.define(value, layout));
      }
    },
  };
}

/** Weights, which are kept in full precision, rounded to bf16 like everything that is multiplied. */
function roundedWeights(lowering: Lowering, node: Node, w: Value, layout: Layout): Tensor {
  const { natives } = lowering;
  const once = lowering.isUnchanging(w);
  const place = once ? 'kept' : 'arena';
  const copy = (from: Tensor, to: Layout): Tensor => {
    const made = lowering.temporary(to, place);
    lowering.move(node, from, made, { once });
    return made;
  };
  const plain = (type: StorageType): Layout => natives.plainLayout(lowering.dims(w), type);
  // Layouts of the library's own, as Winograd's, are made from f32 alone.
  const rounded = copy(copy(lowering.current(w), plain('bf16')), plain('f32'));
  return natives.sameLayout(layout, rounded.layout) ? rounded : copy(rounded, layout);
}

/** The same lowering, except that it calls bf16 f32. */
function inFull(lowering: Lowering): Lowering {
  const { natives, dims } = lowering;
  const storageType = (value: Value): StorageType => {
    const type = lowering.storageType(value);
    return type === 'bf16' ? 'f32' : type;
  };
  return {
    ...lowering,
    storageType,
    any: (value) => natives.anyLayout(dims(value), storageType(value)),
    plainLayout: (value) => natives.plainLayout(dims(value), storageType(value)),
  };
}
