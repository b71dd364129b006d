// Ours against torchvision's networks, from the same weights (tools/torch/torchvision_fixtures.py made the file):
// logits in inference form, and the loss and every gradient of one training step without dropout.
import { expect } from 'vitest';
import type { Engine, Program } from '../src/engines/engine.ts';
import { gradients } from '../src/graph/autodiff.ts';
import { constant, createGraph, type Graph, input, markOutput, type Source } from '../src/graph/graph.ts';
import { add, crossEntropy, multiply } from '../src/graph/ops/index.ts';
import { streamOf, uniforms } from '../src/graph/random.ts';
import { elementCount } from '../src/graph/tensor.ts';
import { findNetwork } from '../src/nets/index.ts';
import { type Layers, layers } from '../src/nets/layers.ts';
import { buildNetwork, formOf, type Heads } from '../src/nets/network.ts';
import fixture from './fixtures/torchvision-logits.json' with { type: 'json' };

export interface TorchvisionCase {
  readonly name: string;
  readonly seed: number;
  /** Weights of convolutions and linear layers are U(-b, b), b = gain / sqrt(inputs of an output), a tenth for logits. */
  readonly gain: number;
  readonly batch: number;
  /** Which of the numbered noise batches. */
  readonly number: number;
  readonly size: number;
  readonly classes: number;
  readonly logits: readonly number[];
  readonly loss: number;
  /** By name: sum, sum of absolute values, three elements. */
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

const cases = fixture.networks as unknown as readonly TorchvisionCase[];

export const caseNames: readonly string[] = cases.map(({ name }) => name);

/** One of each family and block runs by default; the rest runs with `npm run test:slow`. */
export const quick = {
  onednn: ['alexnet_owt', 'googlenet_bn', 'resnet18', 'resnet50', 'resnext50_32x4d', 'vgg11_bn'],
  reference: ['alexnet_owt', 'googlenet_bn', 'resnet18'],
} as const;

export function caseOf(name: string): TorchvisionCase {
  const found = cases.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`There is no fixture for ${name}.`);
  return found;
}

/** The largest difference over the largest expected value. */
function relativeError(got: ArrayLike<number>, expected: readonly number[]): number {
  const differences = expected.map((value, i) => Math.abs((got[i] as number) - value));
  const error = Math.max(...differences) / Math.max(...expected.map(Math.abs));
  return got.length === expected.length ? error : Number.NaN;
}

/** Writes the fixture's weights, as `fill` of the script has them. */
function writeWeights(program: Program, { seed, gain, classes }: TorchvisionCase): void {
  const { states } = program.graph;
  for (const [name, { shape }] of states) {
    const drawn = uniforms(seed, streamOf(name), elementCount(shape));
    const [, module = '', kind = ''] = /^(.*)\.(\w+)$/.exec(name) ?? [];
    const values = new Float32Array(drawn.length);
    if (states.has(`${module}.running_mean`)) {
      const centre = kind === 'running_mean' ? 0 : 1;
      for (let i = 0; i < values.length; i++) {
        const u = drawn[i] as number;
        values[i] = kind === 'bias' ? (u < 1 / 16 ? -0.5 : 2) + u : centre + (u - 0.5) / 2;
      }
    } else {
      const weight = states.get(`${module}.weight`)?.shape ?? shape;
      const share = weight[0] === classes ? 0.1 : 1;
      const bound = (share * gain) / Math.sqrt(elementCount(weight.slice(1)));
      for (let i = 0; i < values.length; i++) values[i] = (2 * (drawn[i] as number) - 1) * bound;
    }
    program.write(name, values);
  }
}

function imagesOf({ seed, number, batch, size }: TorchvisionCase): Float32Array {
  return Float32Array.from(
    uniforms(seed, streamOf(`images ${number}`), batch * 3 * size * size),
    (u) => 2 * u - 1,
  );
}

/** Relative error of the logits in inference form. */
export function logitsError(engine: Engine, run: TorchvisionCase): number {
  const { batch, size, classes } = run;
  const network = buildNetwork(findNetwork(run.name), { batch, classes, height: size, width: size });
  markOutput('logits', network.logits);
  const program = engine.compile(network.graph);
  try {
    writeWeights(program, run);
    return relativeError(program.run({ images: imagesOf(run) }).logits ?? [], run.logits);
  } finally {
    program.dispose();
  }
}

/** The logits are torchvision's, to 1e-4. */
export function checkLogits(engine: Engine, run: TorchvisionCase): void {
  expect(logitsError(engine, run)).toBeLessThanOrEqual(1e-4);
}

/** The parameters are torchvision's by name, and so are the loss and every gradient, to 1e-3. */
export function checkStep(engine: Engine, run: TorchvisionCase): void {
  const { strangers, loss, gradient, worst } = stepErrors(engine, run);
  expect(strangers).toEqual([]);
  expect(loss).toBeLessThanOrEqual(1e-4);
  expect(gradient, `the gradient of ${worst}`).toBeLessThanOrEqual(1e-3);
}

export interface StepErrors {
  /** Of the loss, relative. */
  readonly loss: number;
  /** Of the worst gradient: sums relative to the sum of absolute values, elements to the larger of them and the mean. */
  readonly gradient: number;
  readonly worst: string;
  /** Parameters that only one side has. */
  readonly strangers: readonly string[];
}

/** One training step with dropout left out, as the fixture has it. */
export function stepErrors(engine: Engine, run: TorchvisionCase): StepErrors {
  const { batch, number, size, classes, seed } = run;
  const graph = createGraph();
  const images = input(graph, 'images', [batch, 3, size, size]);
  const labels = input(graph, 'labels', [batch], 'index');
  const net: Layers = { ...layers(graph, { training: true }), dropout: (x) => x };
  const built = formOf(findNetwork(run.name))[1].build(images, net, classes, defaultsOf(run.name));
  const { logits, auxiliary }: Heads = 'logits' in built ? built : { logits: built, auxiliary: [] };
  const loss = auxiliary.reduce((sum, head) => {
    const share = constant(graph, [], Float32Array.of(head.weight), 'full');
    return add(sum, multiply(crossEntropy(head.logits, labels).loss, share));
  }, crossEntropy(logits, labels).loss);
  markOutput('loss', loss);
  const parameters = [...graph.states].filter(([, { source }]) => isParameter(source));
  const found = gradients(
    loss,
    parameters.map(([, weight]) => weight),
  );
  for (const [i, [name]] of parameters.entries()) markOutput(name, found[i] as (typeof found)[number]);
  const program = engine.compile(graph);
  try {
    writeWeights(program, run);
    const labelValues = Int32Array.from(uniforms(seed, streamOf(`labels ${number}`), batch), (u) =>
      Math.floor(u * classes),
    );
    const results = program.run({ images: imagesOf(run), labels: labelValues });
    let worst = { name: '', error: 0 };
    for (const [name, expected] of Object.entries(run.gradients)) {
      const gradient = results[name];
      if (gradient === undefined) continue;
      const error = gradientError(gradient, expected, scaleOf(name, run, graph.states));
      if (Number.isNaN(error) || error > worst.error) worst = { name, error };
    }
    const ours = new Set(parameters.map(([name]) => name));
    const theirs = new Set(Object.keys(run.gradients));
    return {
      loss: Math.abs((results.loss?.[0] ?? Number.NaN) - run.loss) / run.loss,
      gradient: worst.error,
      worst: worst.name,
      strangers: [...ours.symmetricDifference(theirs)],
    };
  } finally {
    program.dispose();
  }
}

function isParameter(source: Source): boolean {
  return source.kind === 'state' && source.role === 'parameter';
}

function defaultsOf(name: string) {
  return buildNetwork(findNetwork(name)).options;
}

/**
 * The mean absolute value that errors of a gradient are measured by. A bias is measured with the weights of its layer:
 * where batch normalisation takes its effect away again, its gradient is 0 but for rounding.
 */
function scaleOf(name: string, { gradients }: TorchvisionCase, states: Graph['states']): number {
  const names = [name, name.replace(/bias$/, 'weight')];
  const means = names.map(
    (each) => (gradients[each]?.[1] ?? 0) / elementCount(states.get(each)?.shape ?? []),
  );
  return Math.max(...means);
}

function gradientError(gradient: ArrayLike<number>, expected: readonly number[], scale: number): number {
  const count = gradient.length;
  let sum = 0;
  let absolute = 0;
  for (let i = 0; i < count; i++) {
    sum += gradient[i] as number;
    absolute += Math.abs(gradient[i] as number);
  }
  const [expectedSum = 0, expectedAbsolute = 0, ...samples] = expected;
  const errors = [Math.abs(sum - expectedSum), Math.abs(absolute - expectedAbsolute)].map(
    (difference) => difference / (scale * count),
  );
  for (const [k, sample] of samples.entries()) {
    const got = gradient[Math.floor((count * (2 * k + 1)) / 6)] as number;
    errors.push(Math.abs(got - sample) / Math.max(scale, Math.abs(sample)));
  }
  return errors.some(Number.isNaN) ? Number.NaN : Math.max(...errors);
}
