// The weight-randomisation check (Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, section 3.1), made
// stricter: picture, forward pass and with it switches, masks and gates stay, and only the weights on the way down are
// drawn anew, as training would start them: first the upper quarter of the layers, then half of them, up to all. A
// projection that hardly changes shows the picture and not what those layers have learnt.
import type { Engine } from '../engines/engine.ts';
import { initialValues } from '../engines/initial.ts';
import { type Graph, state, type Value } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';
import { correlation } from './compare-rules.ts';
import type { Box, Layer } from './layer.ts';
import { createProjector, type Projection, type ProjectorOptions } from './project.ts';

export interface SanityLevel {
  /** How many of the convolutions and linear layers on the way down have random weights, the uppermost first. */
  readonly randomised: number;
  readonly layers: number;
  /** Pearson's correlation with the trained weights' projection inside the receptive box, one for each draw. */
  readonly correlations: readonly number[];
  readonly mean: number;
  /** Standard deviation over the draws; 0 for one. */
  readonly deviation: number;
  /** The mean of Spearman's correlation of the magnitudes: whether the same pixels are bright, whatever their sign. */
  readonly magnitudes: number;
}

export interface SanityCheck {
  /** From the fewest random layers to all. */
  readonly levels: readonly SanityLevel[];
  /** All layers random: the last of `levels`. */
  readonly full: SanityLevel;
  /** A projection with all of them random. */
  readonly example: Projection;
}

export interface SanityOptions extends Omit<ProjectorOptions, 'substitutes'> {
  /** How often weights are drawn for a level; default 5. */
  readonly draws?: number;
  /** Default 1. */
  readonly seed?: number;
}

const shares = [0.25, 0.5, 0.75, 1];

/** Projects again what `trained` is, with random weights. `network`: one of its own, batch 1; `image`: C x H x W. */
export function checkSanity(
  engine: Engine,
  network: Network,
  tensors: ReadonlyMap<string, Float32Array>,
  layer: Layer,
  image: Float32Array,
  trained: Projection,
  { draws = 5, seed = 1, ...options }: SanityOptions = {},
): SanityCheck {
  if (!(draws >= 1)) throw new Error(`A sanity check got ${draws} draws, expected at least 1.`);
  const { graph } = network;
  const depths = depthsOf(graph, layer.value);
  const layers = Math.max(1, ...depths.values());
  const substitutes = new Map<Value, Value>();
  for (const [name, value] of [...graph.states]) {
    const { shape, source } = value;
    if (source.kind !== 'state' || !depths.has(name)) continue;
    substitutes.set(value, state(graph, substituteName(name), shape, source.role, source.initial));
  }
  const projector = createProjector(engine, network, tensors, layer, { ...options, substitutes });
  const shape = network.images.shape as readonly [number, number, number, number];
  const inside = (pixels: Float32Array): Float32Array => insideBox(pixels, shape, trained.box);
  const reference = inside(trained.pixels);
  const ranks = ranksOf(reference.map(Math.abs));
  const project = (randomised: number, draw: number): Projection => {
    const weights = new Map<string, Float32Array>();
    for (const value of substitutes.keys()) {
      if (value.source.kind !== 'state') continue;
      const { name, initial } = value.source;
      const isRandom = (depths.get(name) as number) > layers - randomised;
      const own = tensors.get(name) as Float32Array;
      const random = (): Float32Array => initialValues(name, value.shape, initial, seed + draw);
      weights.set(substituteName(name), isRandom ? random() : own);
    }
    projector.write(weights);
    return projector.project(image, [trained])[0] as Projection;
  };
  try {
    let example = trained;
    const levels = levelsOf(layers).map((randomised): SanityLevel => {
      const correlations: number[] = [];
      let magnitudes = 0;
      for (let draw = 0; draw < draws; draw++) {
        example = project(randomised, draw);
        const pixels = inside(example.pixels);
        correlations.push(correlation(reference, pixels));
        magnitudes += correlation(ranks, ranksOf(pixels.map(Math.abs))) / draws;
      }
      return { randomised, layers, correlations, ...spread(correlations), magnitudes };
    });
    return { levels, full: levels.at(-1) as SanityLevel, example };
  } finally {
    projector.dispose();
  }
}

const substituteName = (name: string): string => `random.${name}`;

function levelsOf(layers: number): number[] {
  return [...new Set(shares.map((share) => Math.max(1, Math.round(share * layers))))];
}

function spread(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / Math.max(1, values.length - 1)) };
}

/** For each state that `value` depends on, how many convolutions and linear layers are done when it has been used. */
function depthsOf(graph: Graph, value: Value): Map<string, number> {
  const needed = new Set<Value>([value]);
  for (const node of [...graph.nodes].reverse()) {
    if (node.outputs.some((output) => needed.has(output))) for (const from of node.inputs) needed.add(from);
  }
  const depths = new Map<string, number>();
  let depth = 0;
  for (const { op, inputs, outputs } of graph.nodes) {
    if (!outputs.some((output) => needed.has(output))) continue;
    if (op.name === 'convolution' || op.name === 'linear') depth++;
    for (const { source } of inputs) {
      if (source.kind === 'state' && !depths.has(source.name)) depths.set(source.name, depth);
    }
  }
  return depths;
}

/** The values of all channels inside a box. */
function insideBox(
  pixels: Float32Array,
  [, channels, height, width]: readonly [number, number, number, number],
  { top, left, bottom, right }: Box,
): Float32Array {
  const row = right - left;
  const values = new Float32Array(channels * (bottom - top) * row);
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = top; y < bottom; y++, at += row) {
      const from = (channel * height + y) * width + left;
      values.set(pixels.subarray(from, from + row), at);
    }
  }
  return values;
}

/** Ranks from 0, equal values sharing their mean rank. */
function ranksOf(values: Float32Array): Float32Array {
  const order = Uint32Array.from(values.keys()).sort((a, b) => (values[a] as number) - (values[b] as number));
  const ranks = new Float32Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    const value = values[order[start] as number];
    while (end < order.length && values[order[end] as number] === value) end++;
    for (let i = start; i < end; i++) ranks[order[i] as number] = (start + end - 1) / 2;
    start = end;
  }
  return ranks;
}
