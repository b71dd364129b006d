// The implementations that the library offers for a step, by name and, on request, by time. A candidate runs by itself,
// on memory of its own, in the layouts that it likes best: its time leaves out the reorders that it would need among
// its neighbours, and its tensors are as warm in the caches as repetition makes them.
import type { Candidate } from '../engine.ts';
import { argument, type Layout, type LayoutQuery, type PrimitiveDescriptor } from './abi.ts';
import type { Library } from './library.ts';
import type { PrimitiveStep, Step } from './lowering.ts';
import { allocateRegion } from './memory.ts';
import { argumentTable, type Natives } from './natives.ts';

/** Heavy enough to be worth a measurement. */
const measured = /^(convolution|linear)/;
const runs = 3;
const alignment = 128;

const queries: ReadonlyMap<number, LayoutQuery> = new Map([
  [argument.src, 'src'],
  [argument.weights, 'weights'],
  [argument.dst, 'dst'],
  [argument.diffSrc, 'diffSrc'],
  [argument.diffWeights, 'diffWeights'],
  [argument.diffDst, 'diffDst'],
]);

/** Finds candidates step by step; steps of the same kind and sizes are measured once. */
export function candidateFinder(
  library: Library,
  natives: Natives,
  withTimes: boolean,
): (step: Step) => readonly Candidate[] {
  const known = new Map<string, readonly Candidate[]>();
  return (step) => {
    if (step.kind === 'host') return [{ implementation: 'host' }];
    if (step.kind === 'code') {
      const others = [step.instead, ...step.instead.alternatives()];
      return [step, ...others].map(({ implementation }) => ({ implementation }));
    }
    if (step.op === 'reorder') return [{ implementation: 'reorder' }];
    const key = JSON.stringify([
      step.op,
      step.descriptor.implementation,
      step.node?.attributes,
      step.arguments.map(([number, { layout }]) => [number, layout.type, layout.dims]),
    ]);
    let found = known.get(key);
    if (found === undefined) {
      const descriptors = [step.descriptor, ...step.descriptor.alternatives()];
      found = descriptors.map((descriptor, i) => {
        const { implementation } = descriptor;
        // The library's plain loops are there for every shape, and would take minutes.
        const isSlow = i > 0 && implementation.startsWith('ref');
        return withTimes && measured.test(step.op) && !isSlow
          ? { implementation, ms: timeAlone(library, natives, step, descriptor) }
          : { implementation };
      });
      known.set(key, found);
    }
    return found;
  };
}

/** Milliseconds of the fastest of a few runs after one that warms up. */
function timeAlone(
  library: Library,
  natives: Natives,
  step: PrimitiveStep,
  descriptor: PrimitiveDescriptor,
): number {
  const parts: [number: number, layout: Layout][] = step.arguments
    .filter(([number]) => number !== argument.scratchpad)
    .map(([number, { layout }]) => {
      const query = queries.get(number);
      return [number, (query && descriptor.layout(query)) ?? layout];
    });
  if (descriptor.scratchpadBytes > 0)
    parts.push([argument.scratchpad, natives.plainLayout([descriptor.scratchpadBytes], 'u8')]);
  const sizes = parts.map(([, { bytes }]) => Math.ceil(bytes / alignment) * alignment);
  const region = allocateRegion(
    library,
    sizes.reduce((sum, bytes) => sum + bytes, 0),
  );
  let offset = 0;
  const table = argumentTable(
    parts.map(([number, layout], i) => {
      const memory = natives.memory(layout, region.address + BigInt(offset));
      offset += sizes[i] as number;
      return [number, memory];
    }),
  );
  const primitive = natives.primitive(descriptor);
  const once = (): number => {
    const before = performance.now();
    natives.execute(primitive, table, `${step.op} by ${descriptor.implementation}`);
    return performance.now() - before;
  };
  once();
  const times = Array.from({ length: runs }, once);
  // Reading the region after the last run keeps its memory alive until then.
  return region.floats(0, 1).length > 0 ? Math.min(...times) : 0;
}
