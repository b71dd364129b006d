// Two networks layer by layer. Layers are brought face to face by the alignment with the highest score (Needleman &
// Wunsch 1970): a layer that does the same to an input of any size (kernel, filters, stride, groups) scores high,
// higher yet where shapes and parameters agree too, and one that is merely of the same kind scores low.
import { costOf, macsOf } from '../graph/cost.ts';
import { describeNode } from '../graph/describe.ts';
import type { Node, Value } from '../graph/graph.ts';
import { elementCount, type Shape, sameShape } from '../graph/tensor.ts';
import type { Network } from '../nets/network.ts';

export interface DiffLayer {
  readonly name: string;
  /** `conv 3x3, 64`. */
  readonly what: string;
  readonly op: string;
  /** Without the batch. */
  readonly outputShape: Shape;
  readonly params: number;
  readonly macs: number;
}

/** `=`: the same; `~`: face to face, but not the same; `-`, `+`: only in the first or the second. */
export type DiffSign = '=' | '~' | '-' | '+';

export interface DiffRow {
  readonly sign: DiffSign;
  readonly left?: DiffLayer;
  readonly right?: DiffLayer;
}

export interface DiffTotals {
  readonly depth: number;
  readonly layers: number;
  readonly params: number;
  readonly macs: number;
  readonly activations: number;
}

export interface NetworkDiff {
  readonly rows: readonly DiffRow[];
  readonly totals: readonly [left: DiffTotals, right: DiffTotals];
}

/** Both built for inference with a batch of one. */
export function diffNetworks(left: Network, right: Network): NetworkDiff {
  const [a, b] = [layersOf(left), layersOf(right)];
  return { rows: align(a, b), totals: [totalsOf(left, a.length), totalsOf(right, b.length)] };
}

function totalsOf({ graph }: Network, layers: number): DiffTotals {
  const { depth, parameters: params, macs, activations } = costOf(graph);
  return { depth, layers, params, macs, activations };
}

function layersOf({ graph }: Network): DiffLayer[] {
  const counted = new Set<Value>();
  return graph.nodes.map((node) => ({
    name: node.path,
    what: describeNode(node),
    op: node.op.name,
    outputShape: (node.outputs[0] as Value).shape.slice(1),
    params: ownParams(node, counted),
    macs: macsOf(node),
  }));
}

function ownParams({ inputs }: Node, counted: Set<Value>): number {
  let params = 0;
  for (const value of inputs) {
    if (value.source.kind !== 'state' || value.source.role !== 'parameter' || counted.has(value)) continue;
    counted.add(value);
    params += elementCount(value.shape);
  }
  return params;
}

function isSame(a: DiffLayer, b: DiffLayer): boolean {
  return a.what === b.what && a.params === b.params && sameShape(a.outputShape, b.outputShape);
}

/** How well two layers face each other; below 0 they never do. */
function score(a: DiffLayer, b: DiffLayer): number {
  if (a.op !== b.op) return -1;
  if (a.what !== b.what) return 1;
  return isSame(a, b) ? (a.name === b.name ? 8 : 7) : 4;
}

function align(left: readonly DiffLayer[], right: readonly DiffLayer[]): DiffRow[] {
  const columns = right.length + 1;
  const best = new Float64Array((left.length + 1) * columns);
  const at = (i: number, j: number): number => best[i * columns + j] as number;
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      const own = score(left[i] as DiffLayer, right[j] as DiffLayer);
      const together = own > 0 ? own + at(i + 1, j + 1) : 0;
      best[i * columns + j] = Math.max(together, at(i + 1, j), at(i, j + 1));
    }
  }
  const rows: DiffRow[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const [a, b] = [left[i], right[j]];
    const own = a !== undefined && b !== undefined ? score(a, b) : -1;
    if (a !== undefined && b !== undefined && own > 0 && at(i, j) === own + at(i + 1, j + 1)) {
      rows.push({ sign: isSame(a, b) ? '=' : '~', left: a, right: b });
      i++;
      j++;
    } else if (a !== undefined && (b === undefined || at(i, j) === at(i + 1, j))) {
      rows.push({ sign: '-', left: a });
      i++;
    } else {
      rows.push({ sign: '+', right: b });
      j++;
    }
  }
  return rows;
}
