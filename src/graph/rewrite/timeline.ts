// What a training graph holds in memory, node by node, if some of its values are dropped after the forward pass and
// computed again before the backward pass first reads them. Nodes and values are numbers here: a choice of what to
// recompute is tried a few hundred times, and each try walks the whole graph.
import type { Graph, Node, Value } from '../graph.ts';
import { elementCount } from '../tensor.ts';

/** A place in the order of a run: a node, or a node that is run once more. */
export interface Turn {
  readonly node: Node;
  readonly again: boolean;
}

export interface Timeline {
  readonly nodes: readonly Node[];
  /** Position of the first node of the backward pass. */
  readonly turn: number;
  /** Bytes of an activation, a gradient or switches; 0 for weights and statistics, which no choice moves. */
  bytesOf(value: Value): number;
  /** Positions at or after the turn that read a value, in order. */
  backwardReaders(value: Value): readonly number[];
  /** The node that reads a value, where there is only one. */
  onlyReader(value: Value): Node | undefined;
  /** The order of a run that recomputes `values`: each as late as its first backward reader allows. */
  order(values: ReadonlySet<Value>): Turn[];
  /** Bytes that are alive at each place of that order. */
  live(values: ReadonlySet<Value>): Float64Array;
  /** Whether the input of a node at or after the turn is the recomputed value, if there is one. */
  readsAgain(node: Node, input: number): boolean;
}

export interface TimelineOptions {
  /** Bytes of a number of compute precision; default 4. */
  readonly elementBytes?: number;
  /**
   * Gradients of ReLUs that need not read their output, because the engine keeps the signs in another way; default none.
   */
  readonly signsKept?: ReadonlySet<Node>;
}

/** Ops that write over an input which nobody reads later. */
const overwriting: ReadonlySet<string> = new Set([
  'relu',
  'tanh',
  'sigmoid',
  'add',
  'multiply',
  'reluBackward',
  'tanhBackward',
  'sigmoidBackward',
  'batchNormInference',
  'batchNormBackward',
]);

/**
 * `nodes` in the order in which they run. Undefined where there is no backward pass: no node that takes a value back
 * (one without a gradient rule) and gives a value of compute precision.
 */
export function timelineOf(
  graph: Graph,
  nodes: readonly Node[],
  { elementBytes = 4, signsKept = new Set() }: TimelineOptions = {},
): Timeline | undefined {
  const turn = nodes.findIndex(
    ({ op, outputs }) =>
      op.gradient === undefined && outputs.some(({ precision }) => precision === 'compute'),
  );
  if (turn < 0) return undefined;
  const bytesOf = ({ source, precision, shape }: Value): number => {
    if (source.kind === 'state' || source.kind === 'constant' || precision === 'full') return 0;
    // Switches of pools are numbers inside a window: engines keep them in bytes.
    return elementCount(shape) * (precision === 'index' ? 1 : elementBytes);
  };

  const numbers = new Map<Value, number>();
  const numberOf = (value: Value): number => {
    let number = numbers.get(value);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(value, number);
    }
    return number;
  };
  const ins = nodes.map(({ inputs }) => inputs.map(numberOf));
  const outs = nodes.map(({ outputs }) => outputs.map(numberOf));
  const bytes = Float64Array.from(numbers.keys(), bytesOf);
  const producers = new Int32Array(numbers.size).fill(-1);
  outs.forEach((list, i) => {
    for (const value of list) producers[value] = i;
  });
  const count = numbers.size;
  const kept = [...graph.outputs.values(), ...graph.updates.values()]
    .map((value) => numbers.get(value))
    .filter((number) => number !== undefined);
  const positions = new Map(nodes.map((node, i) => [node, i]));

  const isRead = (i: number, input: number): boolean => !(input === 0 && signsKept.has(nodes[i] as Node));
  const readers = new Map<Value, number[]>();
  const onlyReaders = new Map<Value, Node | undefined>();
  nodes.forEach((node, i) => {
    for (const [k, value] of node.inputs.entries()) {
      onlyReaders.set(value, onlyReaders.has(value) ? undefined : node);
      if (i >= turn && isRead(i, k)) readers.set(value, [...(readers.get(value) ?? []), i]);
    }
  });

  /** Positions in the order of a run; `~i` is node i run once more. */
  const sequence = (chosen: Uint8Array): number[] => {
    const made = new Uint8Array(count);
    const list: number[] = [];
    const make = (value: number): void => {
      if (chosen[value] === 0 || made[value] === 1) return;
      made[value] = 1;
      const i = producers[value] as number;
      for (const input of ins[i] as number[]) make(input);
      list.push(~i);
    };
    nodes.forEach((_, i) => {
      if (i >= turn) {
        (ins[i] as number[]).forEach((value, k) => {
          if (isRead(i, k)) make(value);
        });
      }
      list.push(i);
    });
    return list;
  };

  const flagsOf = (values: ReadonlySet<Value>): Uint8Array => {
    const chosen = new Uint8Array(count);
    for (const value of values) chosen[numbers.get(value) as number] = 1;
    return chosen;
  };

  const liveAlong = (list: readonly number[], chosen: Uint8Array): Float64Array => {
    // A recomputed value has the number of the value it repeats, plus `count`.
    const versionRead = (place: number, input: number): number => {
      const i = place < 0 ? ~place : place;
      const value = (ins[i] as number[])[input] as number;
      return chosen[value] === 1 && (place < 0 || i >= turn) && isRead(i, input) ? value + count : value;
    };
    const first = new Int32Array(2 * count).fill(-1);
    const last = new Int32Array(2 * count).fill(-1);
    list.forEach((place, at) => {
      const i = place < 0 ? ~place : place;
      (ins[i] as number[]).forEach((_, k) => {
        if (place >= 0 && !isRead(i, k)) return;
        const version = versionRead(place, k);
        last[version] = at;
        if (first[version] === -1) first[version] = 0;
      });
      for (const [k, value] of (outs[i] as number[]).entries()) {
        if (place < 0 && k > 0) continue;
        const version = place < 0 ? value + count : value;
        first[version] = at;
        last[version] = at;
      }
    });
    for (const value of kept) last[value] = list.length - 1;
    // Views of an input, and results that may stand where an input stood.
    const change = new Float64Array(list.length + 1);
    const standsIn = new Int32Array(2 * count).fill(-1);
    list.forEach((place, at) => {
      const i = place < 0 ? ~place : place;
      const { name } = (nodes[i] as Node).op;
      const view = name === 'reshape';
      if (!view && !overwriting.has(name)) return;
      const y = ((outs[i] as number[])[0] as number) + (place < 0 ? count : 0);
      for (let k = 0; k < (ins[i] as number[]).length; k++) {
        let x = versionRead(place, k);
        while (standsIn[x] !== -1) x = standsIn[x] as number;
        const own = bytes[x % count] as number;
        if (own === 0 || (!view && (last[x] !== at || own !== bytes[y % count]))) continue;
        last[x] = Math.max(last[x] as number, last[y] as number);
        standsIn[y] = x;
        break;
      }
    });
    for (let version = 0; version < 2 * count; version++) {
      const from = first[version] as number;
      if (from < 0 || standsIn[version] !== -1) continue;
      const size = bytes[version % count] as number;
      change[from] = (change[from] as number) + size;
      const end = (last[version] as number) + 1;
      change[end] = (change[end] as number) - size;
    }
    let live = 0;
    for (let at = 0; at < change.length; at++) {
      live += change[at] as number;
      change[at] = live;
    }
    return change;
  };

  return {
    nodes,
    turn,
    bytesOf,
    backwardReaders: (value) => readers.get(value) ?? [],
    onlyReader: (value) => onlyReaders.get(value),
    order: (values) =>
      sequence(flagsOf(values)).map((place) => ({
        node: nodes[place < 0 ? ~place : place] as Node,
        again: place < 0,
      })),
    live(values) {
      const chosen = flagsOf(values);
      return liveAlong(sequence(chosen), chosen);
    },
    readsAgain: (node, input) => {
      const i = positions.get(node) as number;
      return i >= turn && isRead(i, input);
    },
  };
}
