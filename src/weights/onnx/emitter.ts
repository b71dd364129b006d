// What the translations of ops write into: nodes, stored tensors and the names of values, each name once. A value
// is named after the module that made it (`layer1.0.conv1`), so that a graph viewer shows the names of the weights.
import type { Node, Value } from '../../graph/graph.ts';
import type { Shape } from '../../graph/tensor.ts';
import { type Attributes, nodeProto, tensorProto } from './messages.ts';
import type { Encoded } from './protobuf.ts';

export interface Emitter {
  readonly nodes: Encoded[];
  readonly initializers: Encoded[];
  /** The first axis may have another size in each run. */
  readonly dynamicBatch: boolean;
  /** A value's name; a value that nothing has made yet is an error. */
  nameOf(value: Value): string;
  setName(value: Value, name: string): void;
  /** A name that nothing else has, like `wish`. */
  freshName(wish: string): string;
  /** Whether the value's first axis is the batch, which all values that follow from an input have. */
  hasBatch(value: Value): boolean;
  /** Adds an ONNX node with one output, and gives the output's name: `output`, or a fresh one. */
  add(type: string, inputs: readonly string[], attributes?: Attributes, output?: string): string;
  /** Stores numbers, and gives their name. */
  floats(wish: string, shape: Shape, data: Float32Array): string;
  integers(wish: string, numbers: readonly number[]): string;
  /** The zero of a type of eight bits, `count` times (once as a scalar where there is none). */
  zeros(wish: string, type: 'uint8' | 'int8', count?: number): string;
}

export function createEmitter(dynamicBatch: boolean): Emitter {
  const nodes: Encoded[] = [];
  const initializers: Encoded[] = [];
  const names = new Map<Value, string>();
  const taken = new Set<string>();

  const freshName = (wish: string): string => {
    let name = wish;
    for (let i = 2; taken.has(name); i++) name = `${wish}_${i}`;
    taken.add(name);
    return name;
  };

  return {
    nodes,
    initializers,
    dynamicBatch,
    nameOf(value) {
      const name = names.get(value);
      if (name !== undefined) return name;
      const maker = value.source.kind === 'node' ? nameOfNode(value.source.node) : value.source.kind;
      throw new Error(`The ONNX export has no counterpart of an output of ${maker}.`);
    },
    setName: (value, name) => names.set(value, name),
    freshName,
    hasBatch: batchMemo(),
    add(type, inputs, attributes, output = freshName(type.toLowerCase())) {
      nodes.push(nodeProto(type, output, inputs, [output], attributes));
      return output;
    },
    floats(wish, shape, data) {
      const name = freshName(wish);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      initializers.push(tensorProto(name, 'float', shape, bytes));
      return name;
    },
    zeros(wish, type, count) {
      const name = freshName(wish);
      initializers.push(
        tensorProto(name, type, count === undefined ? [] : [count], new Uint8Array(count ?? 1)),
      );
      return name;
    },
    integers(wish, numbers) {
      const name = freshName(wish);
      const data = BigInt64Array.from(numbers, BigInt);
      initializers.push(tensorProto(name, 'int64', [numbers.length], new Uint8Array(data.buffer)));
      return name;
    },
  };
}

function batchMemo(): (value: Value) => boolean {
  const known = new Map<Value, boolean>();
  const hasBatch = (value: Value): boolean => {
    const { source } = value;
    if (source.kind !== 'node') return source.kind === 'input';
    const found = known.get(value) ?? source.node.inputs.some(hasBatch);
    known.set(value, found);
    return found;
  };
  return hasBatch;
}

/** The path and the op, for names and messages. */
export function nameOfNode(node: Node): string {
  return node.path === '' ? node.op.name : `${node.path} (${node.op.name})`;
}
