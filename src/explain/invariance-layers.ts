// The first and the last layer of features, from the graph alone: what the first convolution gives behind its
// normalisation and squashing, and what the layer that makes the logits is given. For ZFNet these are the paper's layers
// 1 and 7.
import { UserError } from '../errors.ts';
import type { Node, Value } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';
import { lastSpatialLayer } from './grad-cam.ts';
import { findLayer, type Layer } from './layer.ts';

/** Paths of layers, or how to find them in a network. */
export type LayerChoice = readonly string[] | ((network: Network) => Layer[]);

/** The chosen layers; default the first and the last layer of features. Throws a UserError for a path that is not there. */
export function featureLayers(network: Network, choice: LayerChoice = firstAndLast): Layer[] {
  return typeof choice === 'function' ? choice(network) : choice.map((path) => findLayer(network, path));
}

export function firstAndLast(network: Network): Layer[] {
  return [firstFeatures(network), lastFeatures(network)];
}

/** The last layer with maps larger than one value and the last layer of features: for ZFNet the paper's 5 and 7. */
export function lastMapsAndFeatures(network: Network): Layer[] {
  const [maps, features] = [findLayer(network, lastSpatialLayer(network)), lastFeatures(network)];
  return maps.value === features.value ? [maps] : [maps, features];
}

const follows = /^(batchNorm|relu|tanh|sigmoid)/;

function firstFeatures(network: Network): Layer {
  const { nodes } = network.graph;
  const first = nodes.find(({ op }) => op.name === 'convolution' || op.name === 'linear');
  if (first === undefined) {
    throw new UserError(`${network.name} has no convolution. Name layers with --layers.`, { exitCode: 2 });
  }
  const last = squashing(network, first).at(-1) ?? first;
  return layerOf(network, last, first.path);
}

/** The nodes behind one that normalise and squash what it gives, up to where that is used more than once or otherwise. */
export function squashing({ graph: { nodes } }: Network, first: Node): Node[] {
  const found: Node[] = [];
  for (let last = first; ; ) {
    const value: Value | undefined = last.outputs[0];
    const next = nodes.filter(({ inputs }) => value !== undefined && inputs.includes(value));
    if (next.length !== 1 || !follows.test(next[0]?.op.name ?? '')) return found;
    last = next[0] as Node;
    found.push(last);
  }
}

function lastFeatures(network: Network): Layer {
  let value = network.logits;
  let weighted = false;
  while (value.source.kind === 'node') {
    const { node } = value.source;
    const isWeighted = node.op.name === 'linear' || node.op.name === 'convolution';
    // Features end where the logits' own weights begin; what only reshapes them is no layer.
    if (weighted && node.op.name !== 'reshape') return layerOf(network, node, nearestPath(node));
    weighted ||= isWeighted;
    value = node.inputs[0] as Value;
  }
  throw new UserError(`${network.name} has one layer only. Name layers with --layers.`, { exitCode: 2 });
}

/** The path of a node, or of the nearest one before it that has one. */
function nearestPath(node: Node): string {
  let at = node;
  while (at.path === '') {
    const source = at.inputs[0]?.source;
    if (source?.kind !== 'node') break;
    at = source.node;
  }
  return at.path;
}

/** The layer under its shortest path; a value without one is named after the module before it and its own op. */
function layerOf(network: Network, node: Node, near: string): Layer {
  const value = node.outputs[0] as Value;
  const paths = [...network.graph.modules].filter(([, other]) => other === value).map(([path]) => path);
  const [path] = paths.sort((a, b) => a.length - b.length);
  const [, units = 1, height = 1, width = 1] = value.shape;
  return { path: path ?? `${near} (${node.op.name})`, value, units, height, width };
}
