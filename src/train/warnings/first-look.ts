// What a batch does to a network before it is trained on: the loss, the gradient of each layer beside its weights,
// and which rectified units stay at zero. A program of its own does it, on a few pictures of the batch: the training
// program is planned so that gradients are used up where they arise, and stays as fast as it is. Norms and means are
// taken inside the program, so that what comes out is small, and the program is freed at once.
import type { ComputeType, Engine } from '../../engines/engine.ts';
import { gradients } from '../../graph/autodiff.ts';
import {
  emitOne,
  type Graph,
  input,
  liveNodes,
  markOutput,
  type Node,
  type Value,
} from '../../graph/graph.ts';
import type { OpDefinition } from '../../graph/op.ts';
import { crossEntropy, globalAveragePool } from '../../graph/ops/index.ts';
import type { NumericArray } from '../../graph/tensor.ts';
import { dropoutSeedInput } from '../../nets/layers.ts';
import {
  type BuildOptions,
  buildNetwork,
  type Network,
  type NetworkDescription,
} from '../../nets/network.ts';
import type { Tensor } from '../../weights/tensor-file.ts';
import { labelsInput } from '../step.ts';

export interface FirstLookOptions {
  readonly engine: Engine;
  readonly dtype: ComputeType;
  readonly description: NetworkDescription;
  /** Form, classes, sizes and options; its batch is not used. */
  readonly build: BuildOptions;
  readonly labelSmoothing: number;
  /** Weights and running statistics by name. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** Pictures (N,C,H,W), normalised, and their classes; the first few are used. */
  readonly images: Float32Array;
  readonly labels: Int32Array;
  /** Default true; without it the backward pass is left out. */
  readonly backward?: boolean;
}

export interface LayerSlope {
  /** The module path (`conv1`). */
  readonly path: string;
  /** Euclidean norms of the weights, and of the gradient of the loss for them. */
  readonly weight: number;
  readonly gradient: number;
}

export interface RectifiedLayer {
  readonly path: string;
  /** Channels of a convolution, or units of a linear layer. */
  readonly units: number;
  /** Those that are zero everywhere, for every picture. */
  readonly dead: number;
  /** Whether its units are maps with positions: a convolution's. */
  readonly maps: boolean;
}

export interface FirstLook {
  /** Pictures that were looked at. */
  readonly pictures: number;
  readonly loss: number;
  /** Layers with a weight matrix or kernel, in the order in which they are computed; empty without `backward`. */
  readonly slopes: readonly LayerSlope[];
  /** Of every ReLU, in the order in which they are computed. */
  readonly rectified: readonly RectifiedLayer[];
  /** Mean and standard deviation of each input channel. */
  readonly channels: readonly { readonly mean: number; readonly deviation: number }[];
}

/** As many pictures as 32 of 64x64 have pixels, but at least 8: enough to tell a dead unit, cheap beside a step. */
export function picturesToLookAt(height: number, width: number, available: number): number {
  const affordable = Math.floor((32 * 64 * 64) / (height * width));
  return Math.min(available, 32, Math.max(8, affordable));
}

/** Runs a part of the batch forward and backward once; no weight is changed. */
export function firstLook(options: FirstLookOptions): FirstLook {
  const { engine, dtype, description, build, labelSmoothing, weights, backward = true } = options;
  const probe = buildNetwork(description, { ...build, batch: 1, training: true });
  const [, channels, height, width] = probe.images.shape as [number, number, number, number];
  const pictures = picturesToLookAt(height, width, options.labels.length);
  const images = options.images.subarray(0, pictures * channels * height * width);
  const network = buildNetwork(description, { ...build, batch: pictures, training: true });
  const { graph } = network;
  const labels = input(graph, labelsInput, [pictures], 'index');
  const { loss } = crossEntropy(network.logits, labels, { labelSmoothing });
  markOutput('loss', loss);
  // Running statistics stay as they are.
  graph.updates.clear();
  const layers = backward ? markSlopes(network, loss) : [];
  const relus = markRectified(network);
  for (const { source } of graph.states.values()) {
    // Every state is written below: drawing millions of random numbers first would be in vain.
    if (source.kind === 'state') (source as { initial: object }).initial = { kind: 'constant', value: 0 };
  }
  const program = engine.compile(graph, { dtype });
  try {
    for (const name of graph.states.keys()) program.write(name, (weights.get(name) as Tensor).data);
    const feeds: Record<string, NumericArray> = {
      images,
      [labelsInput]: options.labels.subarray(0, pictures),
    };
    if (graph.inputs.has(dropoutSeedInput)) feeds[dropoutSeedInput] = Int32Array.of(1);
    const results = program.run(feeds);
    const number = (name: string): number => results[name]?.[0] as number;
    return {
      pictures,
      loss: number('loss'),
      slopes: layers.map((name) => ({
        path: name.replace(/\.[^.]*$/, ''),
        weight: norm((weights.get(name) as Tensor).data),
        gradient: Math.sqrt(number(`slope ${name}`)),
      })),
      rectified: relus.map((relu, i) => countDead(relu, results[`relu ${i}`] as NumericArray, pictures)),
      channels: channelStatistics(images, channels, height * width),
    };
  } finally {
    program.dispose();
  }
}

/** Squared norm of a tensor, as a node of its own, so that no gradient leaves the program. */
const squaredNormOp: OpDefinition<Record<string, never>> = {
  name: 'squaredNorm',
  infer: () => [{ shape: [], precision: 'full' }],
  evaluate({ inputs: [x], outputs: [y] }) {
    if (!x || !y) return;
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += (x[i] as number) ** 2;
    y[0] = sum;
  },
};

/** Asks for the squared norm of the gradient of every kernel and weight matrix that the loss depends on. */
function markSlopes({ graph }: Network, loss: Value): string[] {
  const reached = statesBehind(graph, loss);
  const layers = [...graph.states].filter(
    ([, value]) =>
      value.source.kind === 'state' &&
      value.source.role === 'parameter' &&
      value.shape.length > 1 &&
      reached.has(value),
  );
  const found = gradients(
    loss,
    layers.map(([, value]) => value),
  );
  for (const [i, [name]] of layers.entries()) {
    markOutput(`slope ${name}`, emitOne(squaredNormOp, {}, [found[i] as Value]));
  }
  moveUp(graph);
  return layers.map(([name]) => name);
}

/** States that `value` depends on (side heads have weights that the main loss does not reach). */
function statesBehind(graph: Graph, value: Value): Set<Value> {
  const needed = new Set<Value>([value]);
  for (const node of graph.nodes.toReversed()) {
    if (node.outputs.some((output) => needed.has(output))) for (const each of node.inputs) needed.add(each);
  }
  return needed;
}

/** Puts each norm behind the node that makes its gradient: one gradient is in memory at a time. */
function moveUp(graph: Graph): void {
  const norms = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const source = node.op === squaredNormOp ? node.inputs[0]?.source : undefined;
    if (source?.kind === 'node') norms.set(source.node, node);
  }
  const others = graph.nodes.filter(({ op }) => op !== squaredNormOp);
  graph.nodes.splice(
    0,
    graph.nodes.length,
    ...others.flatMap((node) => [node, norms.get(node) ?? []].flat()),
  );
}

type Rectified = Pick<RectifiedLayer, 'path' | 'maps'>;

/** Asks for each ReLU's mean per picture and channel, which is above zero where anything is. */
function markRectified({ graph }: Network): Rectified[] {
  const paths = new Map([...graph.modules].map(([path, value]) => [value, path]));
  const relus = liveNodes(graph).filter(({ op }) => op.name === 'relu');
  return relus.map((node, i) => {
    const [y] = node.outputs as [Value];
    const isPicture = y.shape.length === 4;
    markOutput(`relu ${i}`, isPicture ? globalAveragePool(y) : y);
    const path = paths.get(y) ?? paths.get(node.inputs[0] as Value) ?? node.path;
    return { path, maps: isPicture && (y.shape[2] as number) * (y.shape[3] as number) > 1 };
  });
}

function countDead(relu: Rectified, means: NumericArray, pictures: number): RectifiedLayer {
  const units = means.length / pictures;
  let dead = 0;
  for (let unit = 0; unit < units; unit++) {
    let awake = false;
    for (let picture = 0; picture < pictures && !awake; picture++) {
      // NaN counts as awake: it is told of elsewhere.
      awake = !((means[picture * units + unit] as number) <= 0);
    }
    if (!awake) dead++;
  }
  return { ...relu, units, dead };
}

function channelStatistics(images: Float32Array, channels: number, area: number): FirstLook['channels'] {
  const pictures = images.length / (channels * area);
  return Array.from({ length: channels }, (_, channel) => {
    let sum = 0;
    let squares = 0;
    for (let picture = 0; picture < pictures; picture++) {
      const start = (picture * channels + channel) * area;
      for (let i = start; i < start + area; i++) {
        const value = images[i] as number;
        sum += value;
        squares += value * value;
      }
    }
    const mean = sum / (pictures * area);
    return { mean, deviation: Math.sqrt(Math.max(0, squares / (pictures * area) - mean * mean)) };
  });
}

function norm(values: NumericArray): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2;
  return Math.sqrt(sum);
}
