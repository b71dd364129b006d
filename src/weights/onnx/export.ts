// A graph and its weights as an ONNX model that any runtime runs. Weights keep their names; what the model is
// (network, classes, how pictures are prepared) stands in its metadata. With `preprocessing` the model takes
// bytes as picture decoders give them (uint8, NxHxWxC) and does the rest itself; only the resizing to the
// model's size is left to the caller.
import { UserError } from '../../errors.ts';
import { writeFileAtomic } from '../../files.ts';
import { type Graph, liveNodes, type Value } from '../../graph/graph.ts';
import { elementCount, formatShape } from '../../graph/tensor.ts';
import { version } from '../../version.ts';
import { createEmitter, type Emitter } from './emitter.ts';
import { type Dimension, type ElementType, modelProto, valueInfoProto } from './messages.ts';
import type { Encoded } from './protobuf.ts';
import { translate } from './translate.ts';

/** What happens to bytes on their way into the network, in this order. */
export interface OnnxPreprocessing {
  /** Black pixels added on every side. */
  readonly pad: number;
  /** Per channel, for pixels in 0..1. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The network wants the channels the other way round (BGR); mean and std are in its order. */
  readonly reverseChannels?: boolean;
}

export interface OnnxOptions {
  /** The name of the graph in the file. */
  readonly name: string;
  readonly documentation?: string;
  /** Let each run choose the batch, the first axis of every input; default false: the graph's own. */
  readonly dynamicBatch?: boolean;
  /** Put in front of the graph's one input; default: the input is what the graph says. */
  readonly preprocessing?: OnnxPreprocessing;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** An input or an output of the model. */
export interface Port {
  readonly name: string;
  readonly type: ElementType;
  /** A size that each run chooses stands by its name. */
  readonly shape: readonly Dimension[];
}

/** The bytes of a file, in pieces that refer to the weights, and what goes into the model and comes out. */
export interface OnnxFile extends Encoded {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/** The name that the batch has in files with a dynamic one. */
const batchName = 'batch';

/** The limit that protocol buffers set to one message. */
const largestBytes = 2 ** 31 - 1;

/**
 * Writes the model that gives every output of an inference graph. `weights` holds each state in plain layout.
 * Throws a UserError when an op has no counterpart in ONNX, the model is too large for one file, or the disk refuses.
 */
export function writeOnnx(
  path: string,
  graph: Graph,
  weights: ReadonlyMap<string, Float32Array>,
  options: OnnxOptions,
): OnnxFile {
  const file = encodeOnnx(graph, weights, options);
  writeFileAtomic(path, ...file.pieces);
  return file;
}

/** The file that `writeOnnx` writes. */
export function encodeOnnx(
  graph: Graph,
  weights: ReadonlyMap<string, Float32Array>,
  options: OnnxOptions,
): OnnxFile {
  const emitter = createEmitter(options.dynamicBatch ?? false);
  const inputs = [...graph.inputs.values()].map((value) => declareInput(value, emitter, options));
  const nodes = liveNodes(graph);
  storeWeights(
    nodes.flatMap(({ inputs }) => inputs),
    weights,
    emitter,
  );
  const outputs = reserveOutputs(graph, emitter);
  for (const node of nodes) {
    const result = node.outputs[0] as Value;
    const wished = [...outputs].find(([, value]) => value === result)?.[0];
    const name = wished ?? emitter.freshName(node.path === '' ? node.op.name : node.path);
    translate(node, emitter, name);
    emitter.setName(result, name);
  }
  for (const [name, value] of outputs) {
    // An output that is an input, or another output under a second name.
    if (emitter.nameOf(value) !== name) emitter.add('Identity', [emitter.nameOf(value)], {}, name);
  }
  const results = [...outputs].map(
    ([name, value]): Port => ({ name, type: 'float', shape: dimensions(value, emitter) }),
  );
  const model = modelProto({
    name: options.name,
    producerVersion: version,
    documentation: options.documentation ?? '',
    nodes: emitter.nodes,
    initializers: emitter.initializers,
    inputs: inputs.map(infoOf),
    outputs: results.map(infoOf),
    metadata: options.metadata ?? {},
  });
  if (model.byteLength > largestBytes) {
    const gigabytes = (model.byteLength / 2 ** 30).toFixed(2);
    throw new UserError(
      `The model would have ${gigabytes} GiB; an ONNX file holds at most 2 GiB. Choose a smaller network.`,
    );
  }
  return { ...model, inputs, outputs: results };
}

function infoOf({ name, type, shape }: Port): Encoded {
  return valueInfoProto(name, type, shape);
}

/** Takes the names of the outputs before any node can have them. */
function reserveOutputs(graph: Graph, emitter: Emitter): Map<string, Value> {
  if (graph.outputs.size === 0) throw new Error('The graph has no outputs to export; mark one.');
  if (graph.updates.size > 0) throw new Error('The graph updates its state; ONNX files hold inference.');
  for (const name of graph.outputs.keys()) {
    if (emitter.freshName(name) !== name) throw new Error(`An output has the name ${name} of an input.`);
  }
  return graph.outputs;
}

function dimensions(value: Value, emitter: Emitter): Dimension[] {
  const [batch, ...rest] = value.shape as [number, ...number[]];
  return [emitter.dynamicBatch && emitter.hasBatch(value) ? batchName : batch, ...rest];
}

/** An input as the file has it; with preprocessing also the nodes that make the graph's input of it. */
function declareInput(value: Value, emitter: Emitter, { preprocessing }: OnnxOptions): Port {
  const { source } = value;
  if (source.kind !== 'input' || value.precision === 'index') {
    throw new Error('The ONNX export takes graphs whose inputs are pictures.');
  }
  const name = emitter.freshName(source.name);
  if (preprocessing === undefined) {
    emitter.setName(value, name);
    return { name, type: 'float', shape: dimensions(value, emitter) };
  }
  const [batch, channels, height, width] = dimensions(value, emitter) as [Dimension, number, number, number];
  emitter.setName(value, prepare(name, channels, preprocessing, emitter));
  const border = 2 * preprocessing.pad;
  return { name, type: 'uint8', shape: [batch, height - border, width - border, channels] };
}

/** uint8 NxHxWxC to normalised NxCxHxW, in the order of `plainAugmentation`; gives the result's name. */
function prepare(
  name: string,
  channels: number,
  { pad, mean, std, reverseChannels }: OnnxPreprocessing,
  emitter: Emitter,
): string {
  const floatType = 1;
  let x = emitter.add('Cast', [name], { to: { integer: floatType } });
  x = emitter.add('Transpose', [x], { perm: { integers: [0, 3, 1, 2] } });
  if (pad > 0) x = emitter.add('Pad', [x, emitter.integers('pads', [0, 0, pad, pad, 0, 0, pad, pad])]);
  if (reverseChannels) {
    const order = emitter.integers('channel_order', [...mean.keys()].reverse());
    x = emitter.add('Gather', [x, order], { axis: { integer: 1 } });
  }
  const perChannel = (wish: string, numbers: readonly number[]): string =>
    emitter.floats(
      wish,
      [1, channels, 1, 1],
      Float32Array.from(numbers, (number) => 255 * number),
    );
  x = emitter.add('Sub', [x, perChannel('mean', mean)]);
  return emitter.add('Div', [x, perChannel('std', std)]);
}

/** Stores the states and constants among `values`, each once, under their names. */
function storeWeights(
  values: readonly Value[],
  weights: ReadonlyMap<string, Float32Array>,
  emitter: Emitter,
): void {
  for (const value of new Set(values)) {
    const { source, shape } = value;
    if (source.kind === 'constant') {
      emitter.setName(value, emitter.floats('constant', shape, Float32Array.from(source.data)));
    } else if (source.kind === 'state') {
      const data = weights.get(source.name);
      if (data === undefined || data.length !== elementCount(shape)) {
        const got = data === undefined ? 'none' : `${data.length}`;
        throw new Error(`The weight ${source.name} is ${formatShape(shape)}, got ${got} numbers for it.`);
      }
      const name = emitter.floats(source.name, shape, data);
      if (name !== source.name) throw new Error(`The weight ${source.name} has the name of an input.`);
      emitter.setName(value, name);
    }
  }
}
