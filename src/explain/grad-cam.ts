// Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
// ICCV 2017, equations 1 and 2): where in a picture a layer speaks for a class. Each map of the layer is weighted by
// the mean of the class's gradient over the map; the weighted sum, rectified, is the heat map:
//   alpha_k = mean over positions of d logit_c / d A_k,   L = ReLU(sum over k of alpha_k A_k)
// The gradient is that of the logit, before the softmax. The layer is by default the last one with spatial extent.
import type { ComputeType, Engine } from '../engines/engine.ts';
import { didYouMean, UserError } from '../errors.ts';
import { walkBack } from '../graph/autodiff.ts';
import { input, markOutput, type Value } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';
import type { Layer } from './layer.ts';

export interface GradCam {
  readonly class: number;
  /** L, height x width of the layer, none below zero. */
  readonly map: Float32Array;
  /** alpha, one per unit of the layer. */
  readonly weights: Float32Array;
  /** Softmax of the logits. */
  readonly probabilities: Float64Array;
}

export interface GradCamExplainer {
  /**
   * `images`: as many pictures as the network's batch; `classes`: the class to explain of each, undefined for the most
   * probable one.
   */
  explain(images: Float32Array, classes: readonly (number | undefined)[]): GradCam[];
  dispose(): void;
}

/** Softmax of one row of logits, in double precision. */
export function softmaxOf(logits: ArrayLike<number>): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < logits.length; c++) largest = Math.max(largest, logits[c] as number);
  const shares = Float64Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}

/** The path of the last layer before the logits whose maps are larger than one value. */
export function lastSpatialLayer(network: Network): string {
  const before = new Set<Value>();
  const pending = [network.logits];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (before.has(value)) continue;
    before.add(value);
    if (value.source.kind === 'node') pending.push(...value.source.node.inputs);
  }
  let found: readonly [path: string, value: Value] | undefined;
  for (const [path, value] of network.graph.modules) {
    const [, , height = 1, width = 1] = value.shape;
    if (!before.has(value) || height * width <= 1) continue;
    // Where two paths mean the same value, the shorter one is the block's.
    const later = found === undefined || value.id > found[1].id;
    if (later || (value === found?.[1] && path.length < found[0].length)) found = [path, value];
  }
  if (found !== undefined) return found[0];
  throw new UserError(
    `${network.name} has no layer with maps larger than one value, so there is no Grad-CAM.`,
    {
      exitCode: 2,
    },
  );
}

/** The index of a class from its number or its name. Throws a UserError with the nearest names. */
export function findClass(request: string, count: number, names: readonly string[] = []): number {
  if (/^\d+$/.test(request)) {
    const index = Number(request);
    if (index < count) return index;
    throw new UserError(`There is no class ${request}; the network has ${count}, 0 to ${count - 1}.`, {
      exitCode: 2,
    });
  }
  const same = (name: string): boolean => name.toLowerCase() === request.toLowerCase();
  const whole = names.findIndex(same);
  if (whole >= 0) return whole;
  // ImageNet's classes have several names each, "tench, Tinca tinca".
  const part = names.findIndex((name) => name.split(',').some((each) => same(each.trim())));
  if (part >= 0) return part;
  throw new UserError(
    `There is no class '${request}'.${didYouMean(request, names)} A number from 0 to ${count - 1} works too.`,
    { exitCode: 2 },
  );
}

/**
 * Compiles `network` (inference form, batch N) for Grad-CAM at `layer`; adds nodes to the network's own graph. Throws a
 * UserError for a layer without spatial extent or beside the way to the logits.
 */
export function createGradCam(
  engine: Engine,
  network: Network,
  tensors: ReadonlyMap<string, Float32Array>,
  layer: Layer,
  { dtype }: { readonly dtype: ComputeType },
): GradCamExplainer {
  const { graph, logits, classes } = network;
  const { units, height, width } = layer;
  const plane = height * width;
  if (plane <= 1) {
    throw new UserError(`${layer.path} gives one value per unit; Grad-CAM needs a layer with maps.`, {
      exitCode: 2,
    });
  }
  const batch = logits.shape[0] as number;
  const seed = input(graph, 'gradCamSeed', logits.shape);
  const gradient = walkBack(graph, new Map([[logits, seed]]), [layer.value]).get(layer.value);
  if (gradient === undefined) {
    throw new UserError(`The logits of ${network.name} do not depend on ${layer.path}.`, { exitCode: 2 });
  }
  markOutput('logits', logits);
  markOutput('activations', layer.value);
  markOutput('gradient', gradient);
  const program = engine.compile(graph, { dtype });
  try {
    for (const [name, values] of tensors) program.write(name, values);
  } catch (error) {
    program.dispose();
    throw error;
  }

  return {
    explain(images, wanted) {
      const seeds = new Float32Array(batch * classes);
      const run = (): Record<string, ArrayLike<number>> => program.run({ images, gradCamSeed: seeds });
      const row = (all: ArrayLike<number>, i: number): Float32Array =>
        Float32Array.from({ length: classes }, (_, c) => all[i * classes + c] as number);
      // The most probable class must be known before its gradient can be asked for.
      const first = wanted.slice(0, batch).includes(undefined) ? (run().logits as Float32Array) : undefined;
      const chosen = Array.from({ length: batch }, (_, i) => wanted[i] ?? largest(row(first ?? [], i)));
      for (const [i, c] of chosen.entries()) seeds[i * classes + c] = 1;
      const outputs = run();
      return chosen.slice(0, wanted.length).map((c, i) => {
        const start = i * units * plane;
        const weights = new Float32Array(units);
        const sums = new Float64Array(plane);
        for (let unit = 0; unit < units; unit++) {
          const from = start + unit * plane;
          let sum = 0;
          for (let at = 0; at < plane; at++) sum += outputs.gradient?.[from + at] as number;
          const alpha = sum / plane;
          weights[unit] = alpha;
          for (let at = 0; at < plane; at++) {
            sums[at] = (sums[at] as number) + alpha * (outputs.activations?.[from + at] as number);
          }
        }
        const map = Float32Array.from(sums, (value) => Math.max(0, value));
        const probabilities = softmaxOf(row(outputs.logits ?? [], i));
        return { class: c, map, weights, probabilities };
      });
    },
    dispose: () => program.dispose(),
  };
}

function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if ((values[i] as number) > (values[best] as number)) best = i;
  }
  return best;
}
