// Large fully connected layers and their optimiser in one go, some rows at a time: the gradient of a few rows of weights
// is computed, applied and forgotten, so that it never stands in memory as a whole (VGG's first one is 392 MiB, as much
// as all activations of eight pictures), and is still in the cache when it is applied. Only where nobody else reads it.
import type { Node, Value } from '../../../graph/graph.ts';
import type { SgdAttributes } from '../../../graph/ops/sgd.ts';
import type { NumericArray } from '../../../graph/tensor.ts';
import { argument, elementBytes, type Layout, type PrimitiveDescriptor } from '../abi.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import { mayOverwrite } from './in-place.ts';
import { isFast } from './layouts.ts';

/** Of the rows that are done at a time. */
const partBytes = 2 ** 23;

/** Whether a layer's weights are worth parts. */
export function isLarge({ shape }: Value): boolean {
  return shape.reduce((all, size) => all * size, elementBytes.f32) >= 2 * partBytes;
}

/** A layer whose gradient the optimiser's node `sgd` takes some rows at a time. */
export interface LayerInParts {
  readonly layer: Node;
  readonly sgd: Node;
  /**
   * A row's numbers lie one after the other: of an output, or, where the weights lie transposed, of an input. Its
   * gradient is a sum over the batch: `first`, one number a row, times `second`, a vector.
   */
  readonly first: Value;
  readonly second: Value;
}

/** `layout`: that of the gradient as a whole. Undefined where it has to come as a whole. */
export function layerInParts(
  lowering: Lowering,
  layer: Node,
  layout: Layout | undefined,
): LayerInParts | undefined {
  const { natives } = lowering;
  const [x, dy] = layer.inputs as [Value, Value];
  const dw = layer.outputs[0] as Value;
  const [outputs, inputs] = dw.shape as [number, number];
  const readers = lowering.consumers(dw);
  const sgd = readers[0];
  if (layout === undefined || !isLarge(dw)) return undefined;
  if (readers.length !== 1 || sgd?.op.name !== 'sgd' || lowering.isKeptOutput(dw)) return undefined;
  const { scaled, steps = 1 } = sgd.attributes as SgdAttributes;
  const [w, , v] = sgd.inputs as [Value, Value, Value];
  const [nextW, nextV] = sgd.outputs as [Value, Value];
  if (scaled || steps > 1) return undefined;
  if (!mayOverwrite(lowering, sgd, w, nextW) || !mayOverwrite(lowering, sgd, v, nextV)) return undefined;
  const found = natives.sameLayout(layout, natives.plainLayout([outputs, inputs], 'f32'))
    ? { layer, sgd, first: dy, second: x }
    : natives.sameLayout(layout, natives.strided([outputs, inputs], 'f32', [1, outputs]))
      ? { layer, sgd, first: x, second: dy }
      : undefined;
  return found && describePart(lowering, found, 1) ? found : undefined;
}

interface Part {
  readonly descriptor: PrimitiveDescriptor;
  readonly src: Layout;
  readonly weights: Layout;
  readonly dst: Layout;
}

function describePart(lowering: Lowering, { first, second }: LayerInParts, rows: number): Part | undefined {
  const { natives } = lowering;
  const [batch, all] = first.shape as [number, number];
  const src = natives.strided([rows, batch], lowering.storageType(first), [1, all]);
  const weights = natives.plainLayout(second.shape, lowering.storageType(second));
  const dst = natives.plainLayout([rows, second.shape[1] as number], 'f32');
  const descriptor = natives.describe('matrixProduct', { src, weights, dst });
  return descriptor !== undefined && isFast(descriptor) ? { descriptor, src, weights, dst } : undefined;
}

/** The layer's own part, the gradient of its bias: a sum over the batch. */
export function biasGradient(lowering: Lowering, layer: Node): void {
  const [, db] = layer.outputs as [Value, Value?];
  if (db === undefined) return;
  const result = lowering.define(db, lowering.plainLayout(db));
  lowering.host(layer, [lowering.plain(layer.inputs[1] as Value)], [result], (inputs, outputs) => {
    const [signals, sums] = [inputs[0], outputs[0]] as [NumericArray, NumericArray];
    const exact = new Float64Array(sums.length);
    for (let i = 0, o = 0; i < signals.length; i++, o = o + 1 === exact.length ? 0 : o + 1)
      exact[o] = (exact[o] as number) + (signals[i] as number);
    sums.set(exact);
  });
}

/** Calls `apply` with the weights, the gradient and the velocity of some rows after the other, as vectors. */
export function updateInParts(
  lowering: Lowering,
  found: LayerInParts,
  { weights, velocity }: { readonly weights: Tensor; readonly velocity: Tensor },
  apply: (weights: Tensor, gradient: Tensor, velocity: Tensor) => void,
): void {
  const { natives } = lowering;
  const { layer } = found;
  const [, all] = found.first.shape as [number, number];
  const [, length] = found.second.shape as [number, number];
  const [first, second] = [lowering.nativePlain(found.first), lowering.nativePlain(found.second)];
  const step = Math.max(1, Math.floor(partBytes / (length * elementBytes.f32)));
  for (let row = 0; row < all; row += step) {
    const rows = Math.min(step, all - row);
    const part = describePart(lowering, found, rows);
    if (part === undefined) throw new Error(`oneDNN: no product for ${rows} rows at '${layer.path}'.`);
    const gradient = lowering.temporary(part.dst);
    lowering.step(
      layer,
      part.descriptor,
      [
        [argument.src, within(first, part.src, row * elementBytes[part.src.type])],
        [argument.weights, within(second, part.weights, 0)],
      ],
      [[argument.dst, gradient]],
    );
    const vector = natives.plainLayout([rows * length], 'f32');
    const from = row * length * elementBytes.f32;
    apply(within(weights, vector, from), { ...gradient, layout: vector }, within(velocity, vector, from));
  }
}

function within({ storage, byteOffset = 0 }: Tensor, layout: Layout, bytes: number): Tensor {
  return { layout, storage, byteOffset: byteOffset + bytes };
}
