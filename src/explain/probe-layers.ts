// The layers that a probe goes through where nobody names any: the places through which everything must pass on its
// way to the logits, one for each stretch with weights of its own. For a plain network these are its layers behind
// their squashing and pooling, as in table 7 of the ZFNet paper; for one of blocks the blocks' outputs.
import { UserError } from '../errors.ts';
import type { Node, Value } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';
import { findLayer } from './layer.ts';

/** Where features are taken. */
export interface ProbePoint {
  /** The path of a layer, or `pixels`, the prepared picture itself. */
  readonly layer: string;
  readonly value: Value;
}

/** The name of the input among the layers: what no layer at all would do. */
export const pixels = 'pixels';

/** The named layers in the order given. Throws a UserError for one that is not there, or is named twice. */
export function namedPoints(network: Network, paths: readonly string[]): ProbePoint[] {
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) {
    throw new UserError(`The layer ${twice} is named twice. Name each layer once.`, { exitCode: 2 });
  }
  return paths.map((layer) => ({
    layer,
    value: layer === pixels ? network.images : findLayer(network, layer).value,
  }));
}

/** The pixels and, for each stretch with weights, the last value with a path that all else depends on. */
export function defaultPoints(network: Network): ProbePoint[] {
  const { nodes, modules } = network.graph;
  const depends = new Set<Value>([network.images]);
  const lastUse = new Map<Value, number>();
  for (const node of nodes) {
    const inputs = node.inputs.filter((value) => depends.has(value));
    if (inputs.length === 0) continue;
    for (const value of inputs) lastUse.set(value, node.id);
    for (const output of node.outputs) depends.add(output);
  }
  const paths = new Map<Value, string>();
  for (const [path, value] of modules) {
    const before = paths.get(value);
    if (before === undefined || path.length < before.length) paths.set(value, path);
  }
  const points: ProbePoint[] = [{ layer: pixels, value: network.images }];
  // `reach`: the last node that uses anything made so far; a value is a passage if nothing older is used behind it.
  let reach = lastUse.get(network.images) ?? 0;
  let weights = 0;
  let weightsAtLast = 0;
  for (const node of nodes) {
    const [value] = node.outputs;
    if (value === undefined || !depends.has(value)) continue;
    if (hasWeights(node)) weights++;
    const isPassage = reach <= node.id;
    for (const output of node.outputs) reach = Math.max(reach, lastUse.get(output) ?? 0);
    const layer = paths.get(value);
    const isLayer = value.shape.length === 4 || value.shape.length === 2;
    if (!isPassage || layer === undefined || !isLayer || weights === 0) continue;
    if (weights === weightsAtLast) points.pop();
    weightsAtLast = weights;
    points.push({ layer, value });
    if (value === network.logits) break;
  }
  return points;
}

/** Normalisation has weights too, but makes no layer. */
function hasWeights({ op, inputs }: Node): boolean {
  const isLayer = op.name === 'convolution' || op.name === 'linear';
  return isLayer && inputs.some(({ source }) => source.kind === 'state');
}
