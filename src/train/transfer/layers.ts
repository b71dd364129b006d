// Which weights a layer's path means in a training: the head that makes the logits, what is frozen, and what learns at
// a rate of its own. All of it comes from the graph, so that no network needs to say it.
import { didYouMean, UserError } from '../../errors.ts';
import type { Node, Value } from '../../graph/graph.ts';
import type { Network } from '../../nets/network.ts';
import type { ParameterGroup } from '../step.ts';
import type { TransferConfig } from './config.ts';

/** The layer that makes logits. */
export interface Head {
  /** Its module path. */
  readonly path: string;
  /** Its weights' names, the matrix first. */
  readonly names: readonly string[];
  /** One of training's side heads (GoogLeNet). */
  readonly side: boolean;
}

/** The word that stands for the main head among layers. */
export const headWord = 'head';

/** The layer behind each logits: the last one with weights, whatever reshapes its outputs. */
export function headsOf(network: Network): Head[] {
  const heads = [{ logits: network.logits, side: false }];
  for (const { logits } of network.auxiliary) heads.push({ logits, side: true });
  return heads.map(({ logits, side }) => {
    let value: Value | undefined = logits;
    while (value?.source.kind === 'node') {
      const names: string[] = stateNames(value.source.node);
      if (names.length > 0) return { path: pathOf(names[0] as string), names, side };
      value = value.source.node.inputs[0];
    }
    throw new Error(`${network.name} has no layer with weights before its logits.`);
  });
}

/** The names of a node's weights and statistics. */
export function stateNames(node: Node): string[] {
  return node.inputs.flatMap(({ source }) => (source.kind === 'state' ? [source.name] : []));
}

/** The module path of a weight: its name without the last part. */
export function pathOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')));
}

/** Weights and running statistics, in the order of the graph; not what an optimiser keeps. */
function weightNames(network: Network): string[] {
  return [...network.graph.states].flatMap(([name, { source }]) =>
    source.kind === 'state' && source.role !== 'optimizer' ? [name] : [],
  );
}

/** `layer1.0.conv1` and the modules around it: `layer1`, `layer1.0`. */
function withOuter(path: string): string[] {
  const parts = path.split('.');
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'));
}

const isInside = (name: string, path: string): boolean => name === path || name.startsWith(`${path}.`);

/** The weights of a layer or of everything in a module. Throws a UserError with the nearest paths for none. */
function namesAt(network: Network, path: string): string[] {
  const names = weightNames(network);
  const found = names.filter((name) => isInside(pathOf(name), path));
  if (found.length > 0) return found;
  if (path === headWord) return [...(headsOf(network)[0] as Head).names];
  const paths = new Set(names.flatMap((name) => withOuter(pathOf(name))));
  throw new UserError(
    `${network.name} (form ${network.form}) has no layer with weights at '${path}'.` +
      didYouMean(path, [...paths, headWord]),
    { exitCode: 2 },
  );
}

/** The weights that only nodes before the first node of `path` use. */
function namesBefore(network: Network, path: string): string[] {
  const { nodes } = network.graph;
  const head = headsOf(network)[0] as Head;
  const isThere = ({ path: own }: Node): boolean => isInside(own, path);
  const wanted = !nodes.some(isThere) && path === headWord ? head.path : path;
  const first = nodes.findIndex(({ path: own }) => isInside(own, wanted));
  if (first < 0) {
    const paths = new Set(nodes.flatMap(({ path: own }) => (own === '' ? [] : withOuter(own))));
    throw new UserError(
      `${network.name} (form ${network.form}) has no layer '${path}'.${didYouMean(path, [...paths, headWord])}`,
      { exitCode: 2 },
    );
  }
  const later = new Set(nodes.slice(first).flatMap(stateNames));
  const before = new Set(nodes.slice(0, first).flatMap(stateNames));
  if (before.size === 0) {
    throw new UserError(`There is nothing with weights before ${path} of ${network.name} to freeze.`, {
      exitCode: 2,
    });
  }
  return [...before].filter((name) => !later.has(name));
}

type RateConfig = Pick<TransferConfig, 'freeze' | 'freezeUntil' | 'trainOnly' | 'rates'>;

/** Names of weights that stay as they are. */
export function frozenNames(network: Network, config: RateConfig): Set<string> {
  const { freeze = [], freezeUntil, trainOnly } = config;
  const frozen = new Set(freeze.flatMap((path) => namesAt(network, path)));
  if (freezeUntil !== undefined) for (const name of namesBefore(network, freezeUntil)) frozen.add(name);
  if (trainOnly !== undefined) {
    const trained = new Set(trainOnly.flatMap((path) => namesAt(network, path)));
    for (const name of weightNames(network)) if (!trained.has(name)) frozen.add(name);
  }
  return frozen;
}

/**
 * The weights whose rate is not the recipe's, grouped by their factor; frozen ones have 0. `network` is the training
 * form. `drawn`: layers that start from random numbers. Throws a UserError: a layer that is not there, a rate for
 * what is frozen, a head that would stay random, or nothing left to train.
 */
export function rateGroups(
  network: Network,
  config: RateConfig,
  drawn: readonly string[] = [],
): ParameterGroup[] {
  const frozen = frozenNames(network, config);
  const factors = new Map<string, number>([...frozen].map((name) => [name, 0]));
  // Short paths first, so that what lies deeper inside overrules them.
  const rates = Object.entries(config.rates ?? {}).sort(([a], [b]) => a.length - b.length);
  for (const [path, rate] of rates) {
    if (!(Number.isFinite(rate) && rate >= 0)) {
      throw misuse(`The learning rate factor of ${path} is ${rate}; expected a number of at least 0.`);
    }
    const names = namesAt(network, path);
    const free = names.filter((name) => !frozen.has(name));
    if (free.length === 0) {
      throw misuse(`${path} is frozen, so it has no learning rate. Freeze it or give it a rate.`);
    }
    for (const name of free) factors.set(name, rate);
  }
  const [head] = headsOf(network) as [Head];
  if (drawn.includes(head.path) && head.names.every((name) => factors.get(name) === 0)) {
    throw misuse(`The head ${head.path} is drawn afresh; frozen it would stay random. Leave it unfrozen.`);
  }
  const trained = [...network.graph.states].filter(
    ([name, { source }]) => source.kind === 'state' && source.role === 'parameter' && factors.get(name) !== 0,
  );
  if (trained.length === 0)
    throw misuse(`Every layer of ${network.name} is frozen: nothing is left to train.`);
  const groups = new Map<number, string[]>();
  for (const [name, rate] of factors) {
    if (rate !== 1) groups.set(rate, [...(groups.get(rate) ?? []), name]);
  }
  return [...groups].map(([rate, names]) => ({ rate, names }));
}

function misuse(message: string): UserError {
  return new UserError(message, { exitCode: 2 });
}
