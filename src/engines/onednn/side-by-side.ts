// Concatenations without copies: where what is put together lies one after the other in memory anyway (channels of one
// picture, in whole blocks), whoever makes a part writes it where it belongs in the whole.
import type { Layout } from './abi.ts';
import type { Lowered, Step, Storage, Tensor } from './lowering.ts';
import type { Natives } from './natives.ts';

/** Where in another storage a storage lies. */
export interface Part {
  readonly whole: Storage;
  readonly byteOffset: number;
}

/** Takes such concatenations out of the steps, and says what lies where instead; wholes may be parts of later ones. */
export function sideBySide(natives: Natives, lowered: Lowered): Map<Storage, Part> {
  const { steps, inputs, outputs } = lowered;
  const uses = usesOf(steps);
  const seenOutside = new Set([...inputs.values(), ...outputs.values()].map(({ storage }) => storage));
  const parts = new Map<Storage, Part>();
  const joined = new Set<Step>();
  steps.forEach((step, i) => {
    const [result] = step.writes;
    if (step.op !== 'concat' || step.kind !== 'primitive' || result === undefined) return;
    const sources = step.reads;
    const storages = new Set(sources.map(({ storage }) => storage));
    // Nobody else may see a part outside of the whole.
    const isFree = ({ layout, storage, byteOffset = 0 }: Tensor): boolean =>
      storage.place === 'arena' &&
      byteOffset === 0 &&
      layout.bytes === storage.bytes &&
      !seenOutside.has(storage) &&
      uses.get(storage)?.last === i;
    if (storages.size < sources.length || !sources.every(isFree)) return;
    if (uses.get(result.storage)?.first !== i || !liesInOrder(natives, result.layout, sources)) return;
    let byteOffset = 0;
    for (const { storage } of sources) {
      parts.set(storage, { whole: result.storage, byteOffset });
      byteOffset += storage.bytes;
    }
    joined.add(step);
  });
  steps.splice(0, steps.length, ...steps.filter((step) => !joined.has(step)));
  return parts;
}

function usesOf(steps: readonly Step[]): Map<Storage, { first: number; last: number }> {
  const uses = new Map<Storage, { first: number; last: number }>();
  steps.forEach(({ reads, writes }, i) => {
    for (const { storage } of [...reads, ...writes]) {
      const known = uses.get(storage);
      if (known === undefined) uses.set(storage, { first: i, last: i });
      else known.last = i;
    }
  });
  return uses;
}

const blocks = [16, 8] as const;

/** Whether channels of a single picture lie one after the other: in whole blocks, or plane by plane. */
function liesInOrder(
  { blocked, plainLayout, sameLayout }: Natives,
  whole: Layout,
  sources: readonly Tensor[],
) {
  const { dims, type } = whole;
  const channels = sources.map(({ layout }) => layout.dims[1] as number);
  const isTogether = channels.reduce((sum, count) => sum + count, 0) === dims[1];
  if (dims.length !== 4 || dims[0] !== 1 || !isTogether || (type !== 'f32' && type !== 'bf16')) return false;
  const all = [whole, ...sources.map(({ layout }) => layout)];
  return (
    all.every((layout) => sameLayout(layout, plainLayout(layout.dims, type))) ||
    blocks.some(
      (size) =>
        channels.every((count) => count % size === 0) &&
        all.every((layout) => sameLayout(layout, blocked(layout.dims, type, size))),
    )
  );
}
