// Several ways to compute one node. Each takes the node's inputs as the library's first choice would and leaves the
// results in the layouts in which that choice would leave them, whatever it costs: so a choice changes nothing around
// the node, and the time of one way by itself, its reorders counted, can be held against another's. Generated code alone
// leaves results of narrow groups in blocks of 16 channels, for whoever comes next wants these.
import type { Node, Value } from '../../../graph/graph.ts';
import type { Layout, PrimitiveDescriptor } from '../abi.ts';
import type { Lowering, Tensor } from '../lowering.ts';

/** The library's first choice. */
export const primitiveName = 'primitive';
const libraryPrefix = 'library ';

export interface Implementation {
  readonly name: string;
  /** Whether it needs no more memory than the library's first choice, but for a megabyte or two of scratch. */
  readonly isFrugal?: boolean;
  /**
   * Adds the steps that compute a node, or adds none and returns false where it does not apply. `primitive`: the
   * library's first choice, whose layouts the results have to have.
   */
  lower(lowering: Lowering, node: Node, primitive: PrimitiveDescriptor): boolean;
}

/** All ways to compute the nodes of an op. */
export interface Ways {
  /** The library's first choice; undefined where it has none. */
  describe(lowering: Lowering, node: Node): PrimitiveDescriptor | undefined;
  /** Lowers a node to one primitive, its results in the layouts of `preferred`. */
  lower(lowering: Lowering, node: Node, primitive: PrimitiveDescriptor, preferred: PrimitiveDescriptor): void;
  readonly others: readonly Implementation[];
}

/** Lowers a node in the way that the tuner chooses; false where the library has no primitive for it. */
export function lowerBest(lowering: Lowering, node: Node, ways: Ways): boolean {
  const primitive = ways.describe(lowering, node);
  if (primitive === undefined) return false;
  const chosen = lowering.tuner?.choose(lowering, node, ways, primitive) ?? primitiveName;
  if (lowerAs(chosen, lowering, node, ways, primitive)) return true;
  lowering.tuner?.refused(lowering, node);
  ways.lower(lowering, node, primitive, primitive);
  return true;
}

/** Lowers a node in the way called `name`; false, and no step, where that does not apply. */
export function lowerAs(
  name: string,
  lowering: Lowering,
  node: Node,
  ways: Ways,
  primitive: PrimitiveDescriptor,
): boolean {
  if (name === primitiveName) {
    ways.lower(lowering, node, primitive, primitive);
    return true;
  }
  if (name.startsWith(libraryPrefix)) {
    const implementation = name.slice(libraryPrefix.length);
    const found = primitive.alternatives().find((other) => other.implementation === implementation);
    if (found !== undefined) ways.lower(lowering, node, found, primitive);
    return found !== undefined;
  }
  return ways.others.find((other) => other.name === name)?.lower(lowering, node, primitive) ?? false;
}

/** The names of the ways besides the first choice that may apply to a node. */
export function namesBeside(ways: Ways, primitive: PrimitiveDescriptor): string[] {
  const library = primitive
    .alternatives()
    // The library's plain loops are there for every shape, and take seconds.
    .filter(({ implementation }) => !implementation.startsWith('ref'))
    .map(({ implementation }) => `${libraryPrefix}${implementation}`);
  return [...ways.others.map(({ name }) => name), ...new Set(library)];
}

/** Where a step that gives `made` is to write, so that `value` comes to lie in `wanted`. */
export interface Target {
  readonly tensor: Tensor;
  /** Adds what is left to do after the step. */
  finish(): void;
}

export function targetOf(lowering: Lowering, node: Node, value: Value, made: Layout, wanted: Layout): Target {
  if (lowering.natives.sameLayout(made, wanted))
    return { tensor: lowering.define(value, wanted), finish: () => {} };
  const tensor = lowering.temporary(made);
  return { tensor, finish: () => lowering.move(node, tensor, lowering.define(value, wanted)) };
}
