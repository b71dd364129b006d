// A network's training step as a graph: what PyTorch spreads over forward, loss, backward, clipping, optimizer.step()
// and averaging is one graph with updates, so that an engine plans it as a whole.

import { byMaking, sumOverRanks } from '../distribute/buckets.ts';
import { didYouMean, UserError } from '../errors.ts';
import { labelsInput } from '../evaluate/test-step.ts';
import { gradients } from '../graph/autodiff.ts';
import { constant, type Graph, input, markOutput, state, update, type Value } from '../graph/graph.ts';
import {
  accumulate,
  add,
  averageWeights,
  type CrossEntropy,
  clipFilters,
  clipNorm,
  crossEntropy,
  type Exchange,
  multiply,
  type OncePerUpdate,
  sgd,
} from '../graph/ops/index.ts';
import type { Network } from '../nets/network.ts';
import type { OptimizerOptions } from './recipes/recipe.ts';

export { buildTestStep, labelsInput } from '../evaluate/test-step.ts';

/** The feed of a training step besides those of a test step (and `dropoutSeed` where the network has dropout). */
export const learningRateInput = 'learningRate';
/** With `mix`: the classes (N) that pictures are mixed with, and the share (scalar) that the main labels keep. */
export const otherLabelsInput = 'otherLabels';
export const shareInput = 'share';
/** With `accumulate`: which step of an update this is (an index scalar; -1: the only one). */
export const microStepInput = 'microStep';
/** With `accumulate`: how much its pictures count in the update (a scalar; 1: an even share of `accumulate` steps). */
export const updateWeightInput = 'updateWeight';
/** With `average`: how far the averages go towards the weights (scalar). */
export const averageShareInput = 'averageShare';
/** With `exchange`: the share of the whole batch's counted pictures that this rank has (scalar). */
export const rankShareInput = 'rankShare';

/** Weights that share a factor of the learning rate. */
export interface ParameterGroup {
  /** Names of weights (`conv1.weight`), or what says whether a name belongs here. */
  readonly names: readonly string[] | ((name: string) => boolean);
  /**
   * Factor of the learning rate. 0 freezes: no gradient, no update, no decay, no momentum; a batch norm whose weight
   * and bias are both frozen normalises by its running statistics and keeps them.
   */
  readonly rate: number;
}

export interface TrainingStepOptions {
  readonly optimizer: OptimizerOptions;
  /** Probability mass spread evenly over all classes; default 0. */
  readonly labelSmoothing?: number;
  /** Whether pictures may be mixtures of two, fed as `otherLabels` and `share`; default false. */
  readonly mix?: boolean;
  /**
   * Steps whose gradients are averaged into one update, each in the weight that it is fed; default 1. Above 1,
   * `microStep` and `updateWeight` are fed.
   */
  readonly accumulate?: number;
  /** Whether averaged weights are kept beside the trained ones, moved by the feed `averageShare`; default false. */
  readonly average?: boolean;
  /** The first group that holds a name counts; weights of no group have the factor 1. */
  readonly groups?: readonly ParameterGroup[];
  /** Sums the gradients over the ranks that train together, each of which feeds its `rankShare`; default one rank. */
  readonly exchange?: Exchange;
  /** Of a network that is divided over two ranks: sums what is of all gradients, the norm that they are clipped by. */
  readonly towers?: Pick<Exchange, 'sum'>;
}

/** The name of the velocity that momentum keeps for a weight. */
export function momentumName(parameter: string): string {
  return `${parameter}.momentum`;
}

/** The name of what is gathered of a weight's gradient between two updates. */
export function gatheredName(parameter: string): string {
  return `${parameter}.gradient`;
}

/** Whether this is such a name. */
export function isGathered(name: string): boolean {
  return name.endsWith(gatheredName(''));
}

/** The name of the average of a weight or a running statistic. */
export function averageName(name: string): string {
  return `${name}.average`;
}

/** The factor of the learning rate that a weight has; 0: frozen. */
export function rateFactor(groups: readonly ParameterGroup[] | undefined, name: string): number {
  const holds = ({ names }: ParameterGroup): boolean =>
    typeof names === 'function' ? names(name) : names.includes(name);
  return groups?.find(holds)?.rate ?? 1;
}

/**
 * Makes of `network` (built with `training: true`, and `frozen` as the groups have it) one step of training: feeds
 * `images` (NxCxHxW), `labels` (N classes, -1: not counted), `learningRate` (scalar) and what the options add; outputs
 * `loss` (mean), the counts `top1` and `top5` against the main labels, and with `clipNorm` the `gradientNorm`; each
 * run updates running statistics, and weights, momentum and averages if it is the last step of an update.
 *
 * Gradients are averaged over the steps, then clipped by the norm of all, then decayed and applied; filters are
 * clipped after that; averages take what results. Averages of running statistics are kept as those of weights are
 * (torch's AveragedModel with use_buffers), and move by the same share. Changes and returns the network's own graph.
 */
export function buildTrainingStep(network: Network, options: TrainingStepOptions): Network {
  const { graph, images } = network;
  const steps = options.accumulate ?? 1;
  if (!(Number.isInteger(steps) && steps > 0)) {
    throw new Error(`accumulate is ${steps}, expected a whole number of steps, at least 1.`);
  }
  const trained = trainedParameters(network, options.groups);
  const batch = images.shape[0] as number;
  const labels = input(graph, labelsInput, [batch], 'index');
  const learningRate = input(graph, learningRateInput, [], 'full');
  const microStep = steps > 1 ? input(graph, microStepInput, [], 'index') : undefined;
  const lossOf = lossRule(graph, labels, options);
  const { loss, top1, top5 } = lossOf(network.logits);
  markOutput('loss', loss);
  markOutput('top1', top1);
  markOutput('top5', top5);
  const slopes = trainedGradients(
    weighted(
      withSideHeads(network, loss, (logits) => lossOf(logits).loss),
      steps,
    ),
    trained,
    microStep && { microStep, steps },
    options.exchange,
  );
  const scale = clippedScale(slopes, options.optimizer.clipNorm, {
    steps,
    microStep,
    exchange: options.towers,
  });
  const rates = ratesOf(learningRate);
  for (const [i, { name, weight, factor }] of trained.entries()) {
    const { momentum, nesterov, weightDecay, decayBiasAndNorm, clipFilterRms = 0 } = options.optimizer;
    const velocity = state(graph, momentumName(name), weight.shape, 'optimizer', nothing);
    const decay = decayBiasAndNorm || weight.shape.length > 1 ? weightDecay : 0;
    const attributes = { momentum, weightDecay: decay, nesterov, ...(steps > 1 && { steps }) };
    const extras = { scale, microStep };
    const step = sgd(weight, slopes[i] as Value, velocity, rates(factor), attributes, extras);
    const clips = clipFilterRms > 0 && weight.shape.length === 4;
    update(weight, clips ? clipFilters(step.weights, clipFilterRms) : step.weights);
    update(velocity, step.velocity);
  }
  if (options.average) keepAverages(graph);
  return network;
}

/**
 * Gradients of the loss over the batch, which is the sum of the ranks' losses in their shares. Over several steps each
 * rank gathers its own; they are summed on the last one.
 */
function trainedGradients(
  loss: Value,
  trained: readonly Trained[],
  gathering: OncePerUpdate | undefined,
  exchange: Exchange | undefined,
): Value[] {
  const weights = trained.map(({ weight }) => weight);
  const share = exchange && input(loss.graph, rankShareInput, [], 'full');
  const own = gradients(share === undefined ? loss : multiply(loss, share), weights);
  const gathered = gathering === undefined ? own : gather(trained, own, gathering);
  return exchange === undefined ? gathered : sumOverRanks(gathered, exchange, gathering);
}

/** The means of gradients over the steps of an update, in the same order, kept in states between these. */
function gather(
  trained: readonly Trained[],
  own: readonly Value[],
  { steps, microStep }: OncePerUpdate,
): Value[] {
  const { graph } = microStep;
  const places = trained.map((_, place) => place);
  const states = trained.map(({ name, weight }) =>
    state(graph, gatheredName(name), weight.shape, 'optimizer', nothing),
  );
  const means = new Map<number, Value>();
  // As the backward pass makes them: those that are first may set out first.
  for (const place of places.toSorted((a, b) => byMaking(own[a] as Value, own[b] as Value))) {
    const mean = accumulate(states[place] as Value, own[place] as Value, microStep, steps);
    update(states[place] as Value, mean);
    means.set(place, mean);
  }
  return places.map((place) => means.get(place) as Value);
}

const nothing = { kind: 'constant', value: 0 } as const;

interface Trained {
  readonly name: string;
  readonly weight: Value;
  readonly factor: number;
}

/** The weights that are not frozen. */
function trainedParameters({ graph }: Network, groups: readonly ParameterGroup[] = []): Trained[] {
  checkGroups(graph, groups);
  const all = [...graph.states]
    .filter(([, { source }]) => source.kind === 'state' && source.role === 'parameter')
    .map(([name, weight]) => ({ name, weight, factor: rateFactor(groups, name) }));
  const trained = all.filter(({ factor }) => factor !== 0);
  if (trained.length === 0) {
    throw new UserError('All weights are frozen: leave at least one layer to train.', { exitCode: 2 });
  }
  const frozen = new Set(all.filter(({ factor }) => factor === 0).map(({ weight }) => weight));
  const moving = graph.nodes.find(
    ({ op, inputs }) =>
      op.name === 'batchNormTraining' && inputs.slice(1).every((value) => frozen.has(value)),
  );
  if (moving !== undefined) {
    throw new Error(
      `The frozen batch norm '${moving.path}' would move its running statistics: build the network with \`frozen\`.`,
    );
  }
  return trained;
}

function checkGroups(graph: Graph, groups: readonly ParameterGroup[]): void {
  for (const { names, rate } of groups) {
    if (!(rate >= 0 && Number.isFinite(rate))) {
      throw new Error(`A group of weights has the rate ${rate}, expected a number of at least 0.`);
    }
    if (typeof names === 'function') continue;
    for (const name of names) {
      if (graph.states.has(name)) continue;
      throw new Error(`The network has no weight named ${name}.${didYouMean(name, graph.states.keys())}`);
    }
  }
}

/** The loss of logits: of the labels alone, or of two labels in the share in which pictures are mixed. */
function lossRule(
  graph: Graph,
  labels: Value,
  options: TrainingStepOptions,
): (logits: Value) => CrossEntropy {
  const { labelSmoothing = 0, mix = false } = options;
  if (!mix) return (logits) => crossEntropy(logits, labels, { labelSmoothing });
  const others = input(graph, otherLabelsInput, labels.shape, 'index');
  const share = input(graph, shareInput, [], 'full');
  const number = (value: number): Value => constant(graph, [], Float32Array.of(value), 'full');
  const rest = add(number(1), multiply(share, number(-1)));
  return (logits) => {
    const main = crossEntropy(logits, labels, { labelSmoothing });
    const other = crossEntropy(logits, others, { labelSmoothing });
    return { ...main, loss: add(multiply(main.loss, share), multiply(other.loss, rest)) };
  };
}

/** The loss that is trained: side heads (GoogLeNet's, section 5 of its paper) add their share. */
function withSideHeads(network: Network, loss: Value, lossOf: (logits: Value) => Value): Value {
  return network.auxiliary.reduce((sum, { logits, weight }) => {
    return add(sum, multiply(lossOf(logits), constant(network.graph, [], Float32Array.of(weight), 'full')));
  }, loss);
}

/** The loss by how much it counts in an update of several steps. */
function weighted(loss: Value, steps: number): Value {
  return steps === 1 ? loss : multiply(loss, input(loss.graph, updateWeightInput, [], 'full'));
}

/** What clipping leaves of the gradients; undefined where they are not clipped. */
function clippedScale(
  slopes: readonly Value[],
  limit: number | undefined,
  when: { steps: number; microStep: Value | undefined; exchange: Pick<Exchange, 'sum'> | undefined },
): Value | undefined {
  if (limit === undefined || limit === 0) return undefined;
  const { norm, scale } = clipNorm(slopes, limit, when);
  markOutput('gradientNorm', norm);
  return scale;
}

/** The learning rate times a factor, once for each factor. */
function ratesOf(learningRate: Value): (factor: number) => Value {
  const made = new Map<number, Value>([[1, learningRate]]);
  return (factor) => {
    const known = made.get(factor);
    if (known !== undefined) return known;
    const rate = multiply(learningRate, constant(learningRate.graph, [], Float64Array.of(factor), 'full'));
    made.set(factor, rate);
    return rate;
  };
}

/** Keeps an average of every weight and running statistic that the step moves. */
function keepAverages(graph: Graph): void {
  const share = input(graph, averageShareInput, [], 'full');
  for (const [name, value] of [...graph.states]) {
    const moved = graph.updates.get(name);
    if (moved === undefined || value.source.kind !== 'state' || value.source.role === 'optimizer') continue;
    const average = state(graph, averageName(name), value.shape, 'optimizer', nothing);
    update(average, averageWeights(average, moved, share));
  }
}
