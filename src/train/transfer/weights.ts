// The weights that a training takes over from a file, whole: every tensor must fit but for the head, which is drawn
// afresh where the number of classes differs, and training's side heads, which published files often lack.
import { crc32 } from 'node:zlib';
import type { Model } from '../../evaluate/model.ts';
import type { ChannelOrder, Preprocessing } from '../../evaluate/preprocessing.ts';
import type { Node } from '../../graph/graph.ts';
import { buildNetwork, type Network } from '../../nets/network.ts';
import { matchWeights } from '../../weights/match.ts';
import type { Tensor } from '../../weights/tensor-file.ts';
import type { Recipe } from '../recipes/recipe.ts';
import { type Head, headsOf, pathOf, stateNames } from './layers.ts';

export interface Taken {
  /** By name; what is not among them starts as the network says. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Layers that start afresh, and whether the main head is one of them. */
  readonly drawn: readonly string[];
  readonly newHead: boolean;
  /** What was left out and why, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * What `network` (training form, with the data's classes) takes from the model's file. Throws a UserError that names
 * what does not fit. `frozen`: names of which no word is lost when they start afresh; `order`: of the channels that
 * the weights want.
 */
export function takeWeights(
  model: Model,
  network: Network,
  newHead: boolean,
  {
    frozen = new Set(),
    order = 'RGB',
  }: { frozen?: ReadonlySet<string>; order?: ChannelOrder | undefined } = {},
): Taken {
  const { tensors } = model.file;
  const { states } = network.graph;
  const notes: string[] = [];
  const afresh = new Set<string>();
  const drawn = new Set<string>();
  const draw = (names: Iterable<string>): void => {
    for (const name of names) {
      afresh.add(name);
      drawn.add(pathOf(name));
    }
  };
  const side = sideNames(model, network);
  if (side.length > 0 && !side.some((name) => tensors.has(name))) draw(side);
  for (const head of headsOf(network)) {
    if (head.side && afresh.has(head.names[0] as string)) continue;
    if (newHead || hasOtherClasses(head, tensors, network)) {
      draw(head.names);
      if (!head.side) notes.push(headNote(head, tensors, network));
    }
  }
  if (side.length > 0 && side.every((name) => afresh.has(name)) && !side.every((name) => frozen.has(name))) {
    notes.push(`The side heads (${sideModules(side)}) are not in the file and start afresh.`);
  }
  const wanted = [...states].flatMap(([name, { shape }]) => (afresh.has(name) ? [] : [{ name, shape }]));
  const kept = new Map([...tensors].filter(([name]) => !afresh.has(name)));
  const values = matchWeights({ ...model.file, tensors: kept }, wanted, model.path);
  const reversed = order === 'BGR' ? reverseInputs(network, values) : values;
  const isNew = drawn.has((headsOf(network)[0] as Head).path);
  return { values: reversed, drawn: [...drawn], newHead: isNew, notes };
}

/** Weights that training alone has. */
function sideNames({ description, form, options }: Model, network: Network): string[] {
  if (network.auxiliary.length === 0) return [];
  const plain = buildNetwork(description, { form, options }).graph.states;
  return [...network.graph.states.keys()].filter((name) => !plain.has(name));
}

function sideModules(names: readonly string[]): string {
  return [...new Set(names.map((name) => name.split('.')[0]))].join(', ');
}

function hasOtherClasses({ names }: Head, tensors: ReadonlyMap<string, Tensor>, network: Network): boolean {
  const name = names[0] as string;
  const theirs = tensors.get(name)?.shape;
  const ours = network.graph.states.get(name)?.shape;
  if (theirs === undefined || ours === undefined) return false;
  // A head of other features too is another network's: that is for `matchWeights` to refuse.
  const sameFeatures = theirs.slice(1).join() === ours.slice(1).join();
  return sameFeatures && theirs[0] !== ours[0];
}

function headNote({ path, names }: Head, tensors: ReadonlyMap<string, Tensor>, { classes }: Network): string {
  const before = tensors.get(names[0] as string)?.shape[0];
  const from = before === undefined ? '' : `, which told ${before} classes apart,`;
  return `The head ${path}${from} starts afresh for ${classes} classes.`;
}

/**
 * The weights for pictures in RGB of a network that took BGR: the layers that see the picture read its channels in
 * the other order, which is the same network.
 */
function reverseInputs(
  network: Network,
  values: ReadonlyMap<string, Float32Array>,
): ReadonlyMap<string, Float32Array> {
  const turned = new Map(values);
  const first = network.graph.nodes.filter((node: Node) => node.inputs[0] === network.images);
  for (const name of first.map((node) => stateNames(node)[0])) {
    const shape = name === undefined ? undefined : network.graph.states.get(name)?.shape;
    const from = name === undefined ? undefined : values.get(name);
    if (name === undefined || shape === undefined || from === undefined) continue;
    const [outputs = 1, channels = 1, height = 1, width = 1] = shape;
    const plane = height * width;
    const to = new Float32Array(from.length);
    for (let output = 0; output < outputs; output++) {
      for (let channel = 0; channel < channels; channel++) {
        const source = (output * channels + channels - 1 - channel) * plane;
        to.set(from.subarray(source, source + plane), (output * channels + channel) * plane);
      }
    }
    turned.set(name, to);
  }
  return turned;
}

/** How the run prepares pictures: as the weights do, its channels in RGB (`takeWeights` turns the weights). */
export function runPreprocessing(preprocessing: Preprocessing): Preprocessing {
  const { order, normalise, ...rest } = preprocessing;
  if (order !== 'BGR') return { ...rest, normalise };
  const { mean, std } = normalise;
  return { ...rest, normalise: { mean: [...mean].reverse(), std: [...std].reverse() } };
}

/** `recipe` with the numbers that its pictures really become: the weights' own. */
export function preparedAs(recipe: Recipe, { range = 1, normalise: { std } }: Preprocessing): Recipe {
  const { augmentation } = recipe;
  const divideByDeviation = std.some((deviation) => deviation !== 1);
  return {
    ...recipe,
    augmentation: { ...augmentation, input: { mean: 'channel', range, divideByDeviation } },
  };
}

/** CRC-32 over names and numbers, in their order. */
export function checksumOf(values: ReadonlyMap<string, Float32Array>): string {
  let sum = 0;
  for (const [name, { buffer, byteOffset, byteLength }] of values) {
    sum = crc32(new Uint8Array(buffer, byteOffset, byteLength), crc32(name, sum));
  }
  return sum.toString(16).padStart(8, '0');
}
