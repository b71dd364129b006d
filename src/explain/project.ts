// Projecting one activation down to the pixels (Zeiler & Fergus 2014, section 2.1): everything in the chosen layer but
// one unit at one position is set to zero, and the signal walks back through the graph by one of three rules. The
// deconvnet starts from the activation itself, as the paper does; `gradient` and `guided` start from 1, so that
// `gradient` is the derivative of that one activation.
// One program projects any unit in one run. It is fed `place`, ones where to start, or `unit`, ones for the units whose
// strongest position is to be found: pooling a map to its maximum and unpooling a one marks it.
import type { ComputeType, Engine } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import { writeWeights } from '../evaluate/model.ts';
import { walkBack } from '../graph/autodiff.ts';
import { input, markOutput, type Value } from '../graph/graph.ts';
import type { Rule } from '../graph/op.ts';
import { add, maxPool, multiply } from '../graph/ops/index.ts';
import type { NumericArray } from '../graph/tensor.ts';
import type { Network } from '../nets/network.ts';
import { type Box, checkSeed, type Layer, receptiveBox } from './layer.ts';

export type { Rule } from '../graph/op.ts';
export const rules: readonly Rule[] = ['deconvnet', 'gradient', 'guided'];

/** What to project in one picture. */
export interface Seed {
  readonly unit: number;
  /** Default: where the unit is strongest; the first in row order where several are equal. */
  readonly position?: readonly [y: number, x: number] | undefined;
}

export interface Projection {
  readonly unit: number;
  readonly position: readonly [y: number, x: number];
  readonly activation: number;
  /** What the walk started from: the activation, or 1. */
  readonly seed: number;
  /** The receptive field of the position, px. */
  readonly box: Box;
  /** C x H x W of the network's input, signed. */
  readonly pixels: Float32Array;
}

export interface Projector {
  readonly layer: Layer;
  readonly rule: Rule;
  /** N x units x height x width, for as many pictures (N x C x H x W) as the network's batch. */
  activations(images: Float32Array): Float32Array;
  /** One projection per seed, seed i in picture i; pictures without a seed are not projected. */
  project(images: Float32Array, seeds: readonly Seed[]): Projection[];
  /** Weights for the projections that follow; those that are left out stay as they are. */
  write(weights: ReadonlyMap<string, Float32Array>): void;
  dispose(): void;
}

export interface ProjectorOptions {
  /** Default deconvnet. */
  readonly rule?: Rule;
  /** Default f32. */
  readonly dtype?: ComputeType;
  /** States that stand for others on the way down, for the check with random weights. */
  readonly substitutes?: ReadonlyMap<Value, Value> | undefined;
}

/**
 * Compiles `network` (inference form, batch N) for projections of `layer`, and adds nodes to its graph: build a network
 * for each projector. Throws a UserError for a layer that does not depend on the picture.
 */
export function createProjector(
  engine: Engine,
  network: Network,
  weights: ReadonlyMap<string, Float32Array>,
  layer: Layer,
  { rule = 'deconvnet', dtype = 'f32', substitutes }: ProjectorOptions = {},
): Projector {
  const { graph, images: pictures } = network;
  const { value, units, height, width } = layer;
  const start = startOf(layer);
  const seed = rule === 'deconvnet' ? multiply(value, start) : start;
  const pixels = walkBack(graph, new Map([[value, seed]]), [pictures], {
    rule,
    substitutes,
  }).get(pictures);
  if (pixels === undefined) {
    throw new UserError(`${layer.path} of ${network.name} does not depend on the picture.`, { exitCode: 2 });
  }
  markOutput('activations', value);
  markOutput('start', start);
  markOutput('pixels', pixels);
  const program = engine.compile(graph, { dtype });
  const [batch, ...inputShape] = pictures.shape as [number, ...number[]];
  const inputSize = inputShape.reduce((product, side) => product * side, 1);
  const plane = height * width;
  const places = batch * units * plane;

  const run = (images: Float32Array, place: Float32Array, unit: Float32Array) => {
    const outputs = program.run({ images, place, ...(plane > 1 && { unit }) });
    return {
      activations: singles(outputs.activations),
      start: singles(outputs.start),
      pixels: singles(outputs.pixels),
    };
  };

  const projector: Projector = {
    layer,
    rule,
    activations: (images) =>
      run(images, new Float32Array(places), new Float32Array(batch * units)).activations,
    project(images, seeds) {
      if (seeds.length > batch) {
        throw new Error(
          `The projector got ${seeds.length} seeds, expected at most one for each of ${batch} pictures.`,
        );
      }
      const place = new Float32Array(places);
      const strongest = new Float32Array(batch * units);
      for (const [i, { unit, position }] of seeds.entries()) {
        checkSeed(layer, unit, position);
        const map = i * units + unit;
        if (position === undefined && plane > 1) strongest[map] = 1;
        else place[(map * height + (position?.[0] ?? 0)) * width + (position?.[1] ?? 0)] = 1;
      }
      const { activations, start: started, pixels: all } = run(images, place, strongest);
      return seeds.map(({ unit }, i) => {
        const from = (i * units + unit) * plane;
        const at = started.subarray(from, from + plane).indexOf(1);
        if (at < 0) {
          throw new UserError(
            `Unit ${unit} of ${layer.path} has no strongest position: its map holds what is no number. ` +
              'Check the weights and the input.',
          );
        }
        const [y, x] = [Math.floor(at / width), at % width];
        const activation = activations[from + at] as number;
        return {
          unit,
          position: [y, x],
          activation,
          seed: rule === 'deconvnet' ? activation : 1,
          box: receptiveBox(network, layer, y, x),
          pixels: all.slice(i * inputSize, (i + 1) * inputSize),
        };
      });
    },
    write: (values) => writeWeights(program, values),
    dispose: () => program.dispose(),
  };
  try {
    projector.write(weights);
  } catch (error) {
    projector.dispose();
    throw error;
  }
  return projector;
}

/** One where the walk starts, zero elsewhere, in the layer's shape. */
function startOf({ value, units, height, width }: Layer): Value {
  const { graph } = value;
  const place = input(graph, 'place', value.shape, value.precision);
  if (height * width === 1) return place;
  const maxima = maxPool(value, { kernel: [height, width] });
  const unit = input(graph, 'unit', [value.shape[0] as number, units, 1, 1]);
  const marked = walkBack(graph, new Map([[maxima, unit]]), [value]).get(value) as Value;
  return add(place, marked);
}

/** An engine may compute in double precision; its arrays are freshly allocated. */
function singles(values: NumericArray | undefined): Float32Array {
  return values instanceof Float32Array ? values : new Float32Array(values ?? []);
}
