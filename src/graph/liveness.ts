// How much memory a run needs at once if every value lives from the node that makes it to the last that reads it:
// the least that any plan for these nodes, in this order, can do with. A reshape is a view of its input, and an
// op that is done with each element before it writes it may write over an input that nobody reads any more.
import type { Node, Value } from './graph.ts';

const overwriting: ReadonlySet<string> = new Set([
  'relu',
  'tanh',
  'sigmoid',
  'dropout',
  'add',
  'multiply',
  'reluBackward',
  'tanhBackward',
  'sigmoidBackward',
  'batchNormInference',
  'batchNormBackward',
]);

interface Buffer {
  readonly bytes: number;
  readonly first: number;
  last: number;
}

/**
 * The largest sum of bytes that are alive at one node. `bytesOf` gives 0 for what is counted elsewhere (weights,
 * say). Inputs of the graph live from the start, `kept` values to the end.
 */
export function peakBytes(
  nodes: readonly Node[],
  bytesOf: (value: Value) => number,
  kept: Iterable<Value> = [],
): number {
  const end = nodes.length;
  const lastRead = new Map<Value, number>();
  nodes.forEach((node, i) => {
    for (const value of node.inputs) lastRead.set(value, i);
  });
  for (const value of kept) lastRead.set(value, end);
  const buffers = new Map<Value, Buffer>();
  const hold = (value: Value, first: number): void => {
    const bytes = bytesOf(value);
    if (bytes > 0) buffers.set(value, { bytes, first, last: lastRead.get(value) ?? first });
  };
  nodes.forEach((node, i) => {
    for (const value of node.inputs) {
      if (value.source.kind === 'input' && !buffers.has(value)) hold(value, 0);
    }
    const [y, ...others] = node.outputs as readonly [Value, ...Value[]];
    const given = reusable(node, y, i, buffers, bytesOf);
    if (given === undefined) hold(y, i);
    else {
      given.last = Math.max(given.last, lastRead.get(y) ?? i);
      buffers.set(y, given);
    }
    for (const value of others) hold(value, i);
  });
  return largestSum(new Set(buffers.values()), end);
}

/** The buffer of an input that the output `y` of node `i` may stand in. */
function reusable(
  node: Node,
  y: Value,
  i: number,
  buffers: ReadonlyMap<Value, Buffer>,
  bytesOf: (value: Value) => number,
): Buffer | undefined {
  const isView = node.op.name === 'reshape';
  if (!isView && !overwriting.has(node.op.name)) return undefined;
  return node.inputs
    .map((value) => buffers.get(value))
    .find((buffer) => buffer !== undefined && (isView || (buffer.last === i && buffer.bytes === bytesOf(y))));
}

function largestSum(buffers: Iterable<Buffer>, end: number): number {
  const change = new Float64Array(end + 2);
  for (const { bytes, first, last } of buffers) {
    change[first] = (change[first] as number) + bytes;
    change[last + 1] = (change[last + 1] as number) - bytes;
  }
  let most = 0;
  let alive = 0;
  for (const delta of change) {
    alive += delta;
    most = Math.max(most, alive);
  }
  return most;
}
