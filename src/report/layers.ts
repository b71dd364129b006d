// Which layers a report shows when nobody says it: the last one at each size of the maps, before the next reduction
// takes over. Pools and normalisations only pass on what the layer before them found.
import type { Value } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';

const passesOn = /pool|lrn/i;

/** Paths of layers with maps larger than one value, on the way to the logits, in the order of the graph. */
export function stageLayers(network: Network): string[] {
  const before = new Set<Value>();
  const pending = [network.logits];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (before.has(value)) continue;
    before.add(value);
    if (value.source.kind === 'node') pending.push(...value.source.node.inputs);
  }
  const last = new Map<string, { readonly path: string; readonly value: Value }>();
  for (const [path, value] of network.graph.modules) {
    const [, , height = 1, width = 1] = value.shape;
    const { source } = value;
    if (!before.has(value) || height * width <= 1) continue;
    if (source.kind !== 'node' || passesOn.test(source.node.op.name)) continue;
    const size = `${height}x${width}`;
    const found = last.get(size);
    // Where two paths mean the same value, the shorter one is the block's.
    const later = found === undefined || value.id > found.value.id;
    if (later || (value === found?.value && path.length < found.path.length)) last.set(size, { path, value });
  }
  return [...last.values()].sort((a, b) => a.value.id - b.value.id).map(({ path }) => path);
}
