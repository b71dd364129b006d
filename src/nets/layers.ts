// The vocabulary that network files are written in: each layer declares its weights under its module path,
// with PyTorch's names (`weight`, `bias`, `running_mean`, `running_var`) and PyTorch's default start, and puts
// its op into the graph. Bound to a mode once, so that a network file never asks whether it is training.
import { type Graph, type Initial, input, scope, state, type Value } from '../graph/graph.ts';
import type { Pair } from '../graph/ops/convolution.ts';
import type { Exchange } from '../graph/ops/exchange.ts';
import {
  adaptiveAveragePool,
  averagePool,
  batchNorm,
  convolution,
  dropout,
  globalAveragePool,
  linear,
  maxPool,
  synchronisedBatchNorm,
} from '../graph/ops/index.ts';

/** How a layer's weights start; default PyTorch's, U(-b, b) with b = 1/sqrt(inputs of an output). */
export interface Start {
  readonly weightInitial?: Initial;
  readonly biasInitial?: Initial;
}

export interface ConvOptions extends Start {
  readonly stride?: number | Pair;
  readonly padding?: number | Pair;
  readonly dilation?: number | Pair;
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
}

export interface LinearOptions extends Start {
  /** The only number of features that the layer takes; default: as many as arrive. */
  readonly inputs?: number;
}

export interface BatchNormOptions {
  /** Default 1e-5. */
  readonly epsilon?: number;
  /** Weight of the new sample in the running statistics; default 0.1. */
  readonly momentum?: number;
}

export interface PoolOptions {
  /** Default: the kernel. */
  readonly stride?: number | Pair;
  readonly padding?: number | Pair;
  /** Round the output size up (Caffe's rule); default false. */
  readonly ceil?: boolean;
}

export interface Layers {
  readonly training: boolean;
  /** Runs `build` inside a module; its weights' names begin with the module's path. */
  module(name: string, build: () => Value): Value;
  conv(x: Value, name: string, outputs: number, kernel: number | Pair, options?: ConvOptions): Value;
  linear(x: Value, name: string, outputs: number, options?: LinearOptions): Value;
  batchNorm(x: Value, name: string, options?: BatchNormOptions): Value;
  maxPool(x: Value, name: string, kernel: number | Pair, options?: PoolOptions): Value;
  averagePool(x: Value, name: string, kernel: number | Pair, options?: PoolOptions): Value;
  globalAveragePool(x: Value, name: string): Value;
  /** To the size `output`, whatever the picture's. */
  adaptiveAveragePool(x: Value, name: string, output: number | Pair): Value;
  /** Passes `x` through unchanged in inference. */
  dropout(x: Value, name: string, rate: number): Value;
}

/** The feed (an index scalar) that makes a training step's dropout masks; fed anew each step. */
export const dropoutSeedInput = 'dropoutSeed';

/** What a training leaves as it is: says of a weight's name whether it is frozen. */
export type Frozen = (name: string) => boolean;

/** The part of a training step that one of several ranks computes. */
export interface RankPart {
  /** Pictures of the batch that come before this rank's: dropout's masks are those of the whole batch. */
  readonly firstPicture: number;
  /** Batch norm over the batches of all ranks; absent: over the rank's own. */
  readonly synchronise?: Exchange | undefined;
  /**
   * The rank has no picture of this batch, and what it is fed instead counts for nothing: batch norm keeps its running
   * statistics, and has no part in those of all ranks.
   */
  readonly idle?: boolean;
}

export interface Mode {
  readonly training: boolean;
  /** A batch norm whose weight and bias are both frozen normalises by its running statistics, training or not. */
  readonly frozen?: Frozen | undefined;
  readonly part?: RankPart | undefined;
}

/** The layers that networks are made of, as functions that put them into `graph` with their weights and their paths. */
export function layers(graph: Graph, { training, frozen = () => false, part }: Mode): Layers {
  const weight = (name: string, shape: readonly number[], initial: Initial): Value =>
    state(graph, `${graph.path}.${name}`, shape, 'parameter', initial);
  const running = (name: string, size: number, value: number): Value =>
    state(graph, `${graph.path}.${name}`, [size], 'buffer', { kind: 'constant', value });
  let dropouts = 0;

  return {
    training,
    module: (name, build) => scope(graph, name, build),
    conv: (x, name, outputs, kernel, { bias = true, weightInitial, biasInitial, ...options } = {}) =>
      scope(graph, name, () => {
        const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
        const inputs = (x.shape[1] as number) / (options.groups ?? 1);
        const initial: Initial = { kind: 'uniform', bound: 1 / Math.sqrt(inputs * kh * kw) };
        const w = weight('weight', [outputs, inputs, kh, kw], weightInitial ?? initial);
        const b = bias ? weight('bias', [outputs], biasInitial ?? initial) : undefined;
        return convolution(x, w, b, options);
      }),
    linear: (x, name, outputs, { inputs = x.shape[1] as number, weightInitial, biasInitial } = {}) =>
      scope(graph, name, () => {
        const initial: Initial = { kind: 'uniform', bound: 1 / Math.sqrt(inputs) };
        const w = weight('weight', [outputs, inputs], weightInitial ?? initial);
        return linear(x, w, weight('bias', [outputs], biasInitial ?? initial));
      }),
    batchNorm: (x, name, { epsilon = 1e-5, momentum = 0.1 } = {}) =>
      scope(graph, name, () => {
        const channels = x.shape[1] as number;
        const states = {
          gamma: weight('weight', [channels], { kind: 'constant', value: 1 }),
          beta: weight('bias', [channels], { kind: 'constant', value: 0 }),
          runningMean: running('running_mean', channels, 0),
          runningVariance: running('running_var', channels, 1),
        };
        const still = frozen(`${graph.path}.weight`) && frozen(`${graph.path}.bias`);
        const options = { epsilon, momentum, training: training && !still };
        const { synchronise, idle = false } = part ?? {};
        if (options.training && synchronise) {
          return synchronisedBatchNorm(x, states, { ...options, exchange: synchronise, idle });
        }
        return batchNorm(x, states, { ...options, training: options.training && !idle });
      }),
    maxPool: (x, name, kernel, options) => scope(graph, name, () => maxPool(x, { kernel, ...options })),
    averagePool: (x, name, kernel, options) =>
      scope(graph, name, () => averagePool(x, { kernel, ...options })),
    globalAveragePool: (x, name) => scope(graph, name, () => globalAveragePool(x)),
    adaptiveAveragePool: (x, name, output) => scope(graph, name, () => adaptiveAveragePool(x, output)),
    dropout: (x, name, rate) =>
      training
        ? scope(graph, name, () => {
            const seed = graph.inputs.get(dropoutSeedInput) ?? input(graph, dropoutSeedInput, [], 'index');
            return dropout(x, seed, { rate, stream: dropouts++, firstRow: part?.firstPicture ?? 0 });
          })
        : x,
  };
}
