// How fast a network trains or answers on this machine, on random data: each step timed by itself after a few to
// warm up, medians reported, since single times on shared cores say little.
import { randomStream } from '../data/random.ts';
import type {
  AutotuneReport,
  CompileOptions,
  ComputeType,
  Engine,
  EngineDescription,
  Program,
  ProgramReport,
} from '../engines/engine.ts';
import { measurePeaks } from '../engines/profile/peaks.ts';
import { type Profile, profileOf } from '../engines/profile/profile.ts';
import { UserError } from '../errors.ts';
import { type EngineRequest, resolveEngine } from '../evaluate/engine.ts';
import { type Graph, markOutput } from '../graph/graph.ts';
import { foldGraph } from '../graph/rewrite/fold-batch-norm.ts';
import { elementCount, type NumericArray } from '../graph/tensor.ts';
import { findNetwork } from '../nets/index.ts';
import { dropoutSeedInput } from '../nets/layers.ts';
import { buildNetwork, type Form, type Network, type OptionValues } from '../nets/network.ts';
import { version } from '../version.ts';
import { fast } from './recipes/fast.ts';
import { buildTrainingStep, labelsInput, learningRateInput } from './step.ts';

export interface BenchOptions extends EngineRequest {
  readonly form?: Form;
  readonly classes?: number;
  /** The network's own options; default each one's default. */
  readonly options?: OptionValues;
  /** Pictures per step; default 128 for training, 1 for inference. */
  readonly batch?: number;
  /** Timed steps; default 10. */
  readonly steps?: number;
  /**
   * Time each step of the program as well, and measure the machine's peaks (about two seconds). `full`: also time the
   * implementations of convolutions and linear layers that the library did not choose (seconds to minutes).
   */
  readonly profile?: boolean | 'full';
  /** What the backward pass computes again, for less memory; default as the engine finds it cheap enough. */
  readonly recompute?: CompileOptions['recompute'];
  readonly onNote?: (message: string) => void;
}

export interface BenchResult {
  readonly net: string;
  readonly form: Form;
  readonly what: 'train' | 'infer';
  readonly batch: number;
  readonly steps: number;
  readonly dtype: ComputeType;
  readonly engine: EngineDescription;
  /** Medians. */
  readonly imagesPerSecond: number;
  readonly msPerStep: number;
  /** The fastest and the slowest step. */
  readonly msRange: readonly [fastest: number, slowest: number];
  /** 10^9 floating-point operations a second: two per multiply-add of convolutions and linear layers. */
  readonly gflops: number;
  /** Largest resident memory of this process so far. */
  readonly peakMiB: number;
  /** Planned for activations, gradients and scratch. */
  readonly arenaMiB: number;
  readonly compileMs: number;
  /** How ways to compute ops were chosen; absent with `--autotune off`. */
  readonly autotune?: AutotuneReport;
  /** With `profile`: where a step's time goes, and what the engine says of itself. */
  readonly profile?: Profile;
  readonly report?: ProgramReport;
  readonly laurel: string;
  readonly node: string;
}

const warmUpSteps = 3;

/** Whole training steps (forward, backward, update), counted as three times the forward multiply-adds. */
export async function benchTrain(name: string, options: BenchOptions = {}): Promise<BenchResult> {
  const batch = options.batch ?? 128;
  const description = findNetwork(name);
  const { form, classes } = options;
  const network = buildNetwork(description, {
    form,
    classes,
    batch,
    training: true,
    options: options.options,
  });
  const macs = 3 * macsOf(network.graph);
  buildTrainingStep(network, { optimizer: fast.optimizer });
  return measure('train', network, batch, macs, options);
}

/** Inference: pictures in, logits out. */
export async function benchInfer(name: string, options: BenchOptions = {}): Promise<BenchResult> {
  const batch = options.batch ?? 1;
  const { form, classes } = options;
  const network = buildNetwork(findNetwork(name), { form, classes, batch, options: options.options });
  markOutput('logits', network.logits);
  // As `laurel classify` does.
  const { graph } = foldGraph(network.graph);
  return measure('infer', { ...network, graph }, batch, macsOf(graph), options);
}

function macsOf(graph: Graph): number {
  return graph.nodes.reduce((sum, { op, inputs, outputs, attributes }) => {
    const shapes = (values: typeof inputs) => values.map(({ shape }) => shape);
    return sum + (op.macs?.(shapes(inputs), shapes(outputs), attributes) ?? 0);
  }, 0);
}

async function measure(
  what: 'train' | 'infer',
  network: Network,
  batch: number,
  macs: number,
  options: BenchOptions,
): Promise<BenchResult> {
  const { steps = 10 } = options;
  if (!Number.isInteger(steps) || steps < 1) {
    throw new UserError(`The number of steps is ${steps}; expected a whole number of at least 1.`, {
      exitCode: 2,
    });
  }
  const { engine, dtype, notes } = await resolveEngine(options);
  for (const message of notes) options.onNote?.(message);
  const { profile = false, recompute } = options;
  const { program, compileMs } = compile(engine, network.graph, { dtype, profile, recompute });
  try {
    const feeds = randomFeeds(network);
    for (let i = 0; i < warmUpSteps; i++) program.run(feeds);
    const times = Array.from({ length: steps }, () => {
      const start = performance.now();
      program.run(feeds);
      return performance.now() - start;
    }).sort((a, b) => a - b);
    const msPerStep = ((times[(steps - 1) >> 1] as number) + (times[steps >> 1] as number)) / 2;
    // Of the program: small ones run on fewer threads than the engine has.
    const { engine: description, arenaBytes } = program.report();
    return {
      net: network.name,
      form: network.form,
      what,
      batch,
      steps,
      dtype,
      engine: description,
      imagesPerSecond: (1000 * batch) / msPerStep,
      msPerStep,
      msRange: [times[0] as number, times[steps - 1] as number],
      gflops: (2 * macs) / msPerStep / 1e6,
      peakMiB: process.resourceUsage().maxRSS / 1024,
      arenaMiB: arenaBytes / 2 ** 20,
      compileMs,
      ...chosenIn(program),
      ...(options.profile ? profiled(engine, program, steps) : {}),
      laurel: version,
      node: process.version,
    };
  } finally {
    program.dispose();
  }
}

function compile(
  engine: Engine,
  graph: Graph,
  options: CompileOptions,
): { readonly program: Program; readonly compileMs: number } {
  const start = performance.now();
  const program = engine.compile(graph, options);
  return { program, compileMs: performance.now() - start };
}

function chosenIn(program: Program): { readonly autotune?: AutotuneReport } {
  const { autotune } = program.report();
  return autotune === undefined ? {} : { autotune };
}

function profiled(engine: Engine, program: Program, steps: number) {
  const report = program.report();
  return { profile: profileOf(report, measurePeaks(engine), steps), report };
}

/** Pictures with mean 0 and deviation 1, as normalised ones have, and a rate that keeps the weights finite. */
function randomFeeds({ graph, classes }: Network): Record<string, NumericArray> {
  const random = randomStream(1, 2);
  const feeds: Record<string, NumericArray> = {};
  for (const [name, { shape }] of graph.inputs) {
    const count = elementCount(shape);
    if (name === labelsInput)
      feeds[name] = Int32Array.from({ length: count }, () => Math.floor(random() * classes));
    else if (name === learningRateInput) feeds[name] = Float32Array.of(1e-3);
    else if (name === dropoutSeedInput) feeds[name] = Int32Array.of(1);
    else feeds[name] = Float32Array.from({ length: count }, () => (random() - 0.5) * Math.sqrt(12));
  }
  return feeds;
}
