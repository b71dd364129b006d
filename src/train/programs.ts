// The compiled programs of one training: the step for full batches, the step for the small batch that an epoch may
// end with, and the test step. Programs have one batch size each and keep their own state, so the newest state is
// copied over when another one runs: twice an epoch, a few milliseconds per million weights.
//
// Where averages are kept, they are the weights that people use: the test step and `tensors('weights')` have them under
// the weights' own names, and the trained numbers go with what only training on needs, as `NAME.trained`.
//
// Of several ranks each has programs for its own part of a batch, or in towers for its own part of the network.
// `program-states.ts` has what that means for the states.
import { alone, type Ranks } from '../distribute/ranks.ts';
import type { Towers } from '../distribute/towers/towers.ts';
import {
  type CompileOptions,
  type ComputeType,
  copyState,
  type Engine,
  type Program,
  type ProgramReport,
} from '../engines/engine.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { endsMean } from '../graph/ops/accumulate.ts';
import { elementCount, type NumericArray, type Shape } from '../graph/tensor.ts';
import { dropoutSeedInput } from '../nets/layers.ts';
import { type BuildOptions, buildNetwork, type NetworkDescription } from '../nets/network.ts';
import type { Tensor } from '../weights/tensor-file.ts';
import { applyInitial, type InitialScheme } from './initial.ts';
import { programStates } from './program-states.ts';
import {
  averageName,
  averageShareInput,
  buildTestStep,
  buildTrainingStep,
  labelsInput,
  learningRateInput,
  microStepInput,
  otherLabelsInput,
  rankShareInput,
  rateFactor,
  shareInput,
  type TrainingStepOptions,
  updateWeightInput,
} from './step.ts';

export interface ProgramsOptions {
  readonly engine: Engine;
  readonly dtype: ComputeType;
  readonly seed: number;
  readonly description: NetworkDescription;
  /** Form, classes, input sizes, and the full batch. */
  readonly build: BuildOptions & { readonly batch: number };
  readonly step: TrainingStepOptions;
  /** How weights start; default as the network has it. */
  readonly initial?: InitialScheme | undefined;
  /** The ranks that train together, `build.batch` being that of all; default this process alone. */
  readonly ranks?: Ranks | undefined;
  /** Batch norm over the batches of all ranks; default over each one's own. */
  readonly synchronise?: boolean;
  /** What the backward pass computes again, for less memory; default as the engine finds it cheap enough. */
  readonly recompute?: CompileOptions['recompute'];
  /** How the full batch's step chooses among ways to compute an op; default 'off'. */
  readonly autotune?: CompileOptions['autotune'];
  readonly onNote?: CompileOptions['onNote'];
  /** The two ranks divide the network, and see the same batch; default: they divide the batch. */
  readonly towers?: Towers | undefined;
}

/** What a step is fed besides pictures, labels, rate and seed, where its options ask for it. */
export interface StepExtras {
  /** Pictures of the whole batch, those of all ranks; default: the ones given. */
  readonly whole?: number | undefined;
  /** Pictures are mixtures, `share` of `labels` and the rest of these; default: not mixed. */
  readonly otherLabels?: Int32Array | undefined;
  readonly share?: number | undefined;
  /** With `accumulate` k: which of the k steps of an update this is, from 0; the last one (k - 1) updates; -1: the only one. */
  readonly microStep?: number | undefined;
  /** With `accumulate`: how much it counts in the update, where an even share is 1, the default. */
  readonly updateWeight?: number | undefined;
  /** With `average`, after the update: average += averageShare (weights - average); default 0. */
  readonly averageShare?: number | undefined;
}

/** Of the pictures that were given: this rank's. */
export interface StepResult {
  /** Mean over them; 0 where there are none. */
  readonly loss: number;
  /** How many have a class that came first, or among the first five. */
  readonly top1: number;
  readonly top5: number;
  /** Global norm of the gradients before clipping; only where they are clipped, and on steps that update. */
  readonly gradientNorm?: number;
}

export interface TrainingPrograms {
  /** One step on `labels.length` pictures, this rank's part of the whole batch. */
  step(
    images: Float32Array,
    labels: Int32Array,
    learningRate: number,
    dropoutSeed: number,
    extras?: StepExtras,
  ): StepResult;
  /** The test program (full batch), with the newest weights, averaged ones where averages are kept. */
  test(): Program;
  /** Weights and running statistics (averaged where averages are kept), or what training on needs besides. */
  tensors(kind: 'weights' | 'optimizer'): Map<string, Tensor>;
  /** Names and shapes of everything that `tensors` gives, of both kinds. */
  readonly states: readonly { readonly name: string; readonly shape: Shape }[];
  /** Puts back the numbers of every state. */
  restore(values: ReadonlyMap<string, Float32Array>): void;
  /** Puts numbers in place of what some weights and running statistics would start with; before the first step. */
  start(values: ReadonlyMap<string, Float32Array>): void;
  /** Trained numbers in all: frozen ones do not count. */
  readonly parameterCount: number;
  /** Of the step on a whole batch of so many pictures (default the full one): what computes it, and the memory planned. */
  report(whole?: number): ProgramReport;
  /** Bytes that the full batch's step would plan for activations, gradients and scratch, were nothing computed again. */
  keptWhole(): number;
  /**
   * Brings together what each rank has by itself, on all ranks: before `test` and `tensors` where there are several.
   * Counts until the next step.
   */
  settle(): void;
  dispose(): void;
}

/** A state as checkpoints name it, and as the graph does. */
interface Entry {
  readonly name: string;
  readonly inside: string;
  readonly kind: 'weights' | 'optimizer';
  readonly shape: Shape;
}

/** The name under which a checkpoint holds the trained numbers of what has an average. */
export function trainedName(name: string): string {
  return `${name}.trained`;
}

export function compilePrograms(options: ProgramsOptions): TrainingPrograms {
  const { engine, dtype, seed, description, build, step: stepOptions } = options;
  const { ranks = alone, synchronise = false, towers, recompute, autotune = 'off', onNote } = options;
  /** What carries the gradients; towers have nothing to sum. */
  const exchange = towers === undefined ? ranks.exchange : undefined;
  const partOf = towers === undefined ? ranks.part : (whole: number) => ({ first: 0, count: whole });
  const steps = stepOptions.accumulate ?? 1;
  /** By the size of the whole batch. */
  const bySize = new Map<number, Program>();
  let wholeGraph: Graph | undefined;
  let testProgram: Program | undefined;

  function trainingProgram(whole: number): Program {
    const found = bySize.get(whole);
    if (found !== undefined) return found;
    const { first, count } = partOf(whole);
    // A rank without a picture takes its part in the sums all the same, with one that does not count.
    const batch = Math.max(1, count);
    const part = exchange && {
      firstPicture: first,
      synchronise: synchronise ? exchange : undefined,
      idle: count === 0,
    };
    const frozen = (name: string): boolean => rateFactor(stepOptions.groups, name) === 0;
    const network = buildNetwork(description, { ...build, batch, training: true, frozen, part });
    applyInitial(network, options.initial ?? 'network');
    const own = towers?.divide(network) ?? network;
    const step = {
      ...stepOptions,
      ...(exchange && { exchange }),
      ...(towers && { towers: towers.exchange }),
    };
    const { graph } = buildTrainingStep(own, step);
    // The step of one process, for what its states are.
    wholeGraph ??= own === network ? graph : buildTrainingStep(network, stepOptions).graph;
    const program = compileAlike(graph, whole === build.batch);
    bySize.set(whole, program);
    return program;
  }

  /** One rank measures where the engine chooses among ways to compute an op, and all compute as it found best. */
  function compileAlike(graph: Graph, isFull: boolean): Program {
    const plain = { dtype, seed, recompute, betweenSteps: exchange?.progress };
    // The small batch at the end of an epoch is not worth a measurement.
    if (!isFull) return engine.compile(graph, plain);
    const request = { ...plain, autotune, onNote };
    if (ranks.size === 1 || autotune === 'off') return engine.compile(graph, request);
    const first = ranks.leads ? engine.compile(graph, request) : undefined;
    const choices = ranks.patiently(() => ranks.told(() => first?.report().autotune?.choices ?? {}));
    return first ?? engine.compile(graph, { ...request, choices });
  }

  let current = trainingProgram(build.batch);
  const { states, updates } = wholeGraph as Graph;
  const apart = ranks.size > 1 && !synchronise;
  const numbers = programStates({ current: () => current, states, ranks, apart, towers, seed });
  const entries = [...states].flatMap(([name, value]) => entriesOf(name, value, states));
  const averaged = [...states.keys()].filter((name) => states.has(averageName(name)));
  /** Averages start as the weights do; drawn when they are first needed, since a restored run has others. */
  let averagesStand = averaged.length === 0;

  function startAverages(): void {
    if (averagesStand) return;
    for (const name of averaged) numbers.copy(name, averageName(name));
    averagesStand = true;
  }

  function switchTo(program: Program): Program {
    if (program !== current) copyState(current, program);
    current = program;
    return program;
  }

  return {
    step(images, labels, learningRate, dropoutSeed, extras = {}) {
      startAverages();
      const whole = extras.whole ?? labels.length;
      const program = switchTo(trainingProgram(whole));
      const { share = 1, updateWeight = 1, averageShare = 0 } = extras;
      const microStep = microStepOf(steps, extras.microStep);
      const moves = endsMean(steps, microStep);
      const idle = labels.length === 0;
      const pictures = { images, [labelsInput]: labels };
      const feeds: Record<string, NumericArray> = {
        ...(idle ? nothingCounted(program) : pictures),
        [learningRateInput]: Float32Array.of(learningRate),
      };
      const offer = (name: string, values: NumericArray): void => {
        if (program.graph.inputs.has(name)) feeds[name] = values;
      };
      offer(dropoutSeedInput, Int32Array.of(dropoutSeed));
      offer(otherLabelsInput, idle ? uncounted : (extras.otherLabels ?? labels));
      offer(shareInput, Float32Array.of(share));
      offer(rankShareInput, Float32Array.of(partOf(whole).count / whole));
      offer(microStepInput, Int32Array.of(microStep));
      offer(updateWeightInput, Float32Array.of(updateWeight));
      // Between updates the weights stand still, and so do their averages.
      offer(averageShareInput, Float32Array.of(moves ? averageShare : 0));
      numbers.beforeRun();
      const { loss, top1, top5, gradientNorm } = program.run(feeds);
      const result = { loss: scalar(loss), top1: scalar(top1), top5: scalar(top5) };
      if (gradientNorm === undefined || !moves) return result;
      return { ...result, gradientNorm: scalar(gradientNorm) };
    },
    test() {
      startAverages();
      testProgram ??= engine.compile(
        buildTestStep(buildNetwork(description, { ...build, batch: ranks.part(build.batch).count })).graph,
        { dtype },
      );
      for (const name of testProgram.graph.states.keys()) {
        testProgram.write(name, numbers.read(averaged.includes(name) ? averageName(name) : name));
      }
      return testProgram;
    },
    tensors(kind) {
      startAverages();
      const asked = entries.filter((entry) => entry.kind === kind);
      return new Map(asked.map(({ name, inside, shape }) => [name, { shape, data: numbers.read(inside) }]));
    },
    states: entries.map(({ name, shape }) => ({ name, shape })),
    restore(values) {
      for (const { name, inside } of entries) numbers.write(inside, values.get(name) as Float32Array);
      averagesStand = true;
    },
    start(values) {
      for (const [name, given] of values) numbers.write(name, given);
      averagesStand = averaged.length === 0;
    },
    parameterCount: [...states]
      .filter(
        ([name, { source }]) => source.kind === 'state' && source.role === 'parameter' && updates.has(name),
      )
      .reduce((sum, [, { shape }]) => sum + elementCount(shape), 0),
    report: (whole = build.batch) => trainingProgram(whole).report(),
    keptWhole: () => engine.plan(trainingProgram(build.batch).graph, { dtype, recompute: 'none' }).arenaBytes,
    settle() {
      startAverages();
      numbers.settle();
    },
    dispose() {
      for (const program of bySize.values()) program.dispose();
      testProgram?.dispose();
    },
  };
}

/** What checkpoints hold of a state of the graph: an average's weight brings the average along. */
function entriesOf(name: string, { shape, source }: Value, states: ReadonlyMap<string, Value>): Entry[] {
  if (source.kind !== 'state') return [];
  if (states.has(averageName(name))) {
    return [
      { name, inside: averageName(name), kind: 'weights', shape },
      { name: trainedName(name), inside: name, kind: 'optimizer', shape },
    ];
  }
  const base = name.slice(0, -averageName('').length);
  if (averageName(base) === name && states.has(base)) return [];
  return [{ name, inside: name, kind: source.role === 'optimizer' ? 'optimizer' : 'weights', shape }];
}

/** The label of a picture that does not count. */
const uncounted = Int32Array.of(-1);

/** What a program is fed on a rank that has no picture of a batch. */
function nothingCounted({ graph }: Program): Record<string, NumericArray> {
  const pixels = elementCount(graph.inputs.get('images')?.shape ?? []);
  return { images: new Float32Array(pixels), [labelsInput]: uncounted };
}

function microStepOf(steps: number, fed: number | undefined): number {
  if (fed !== undefined) return fed;
  if (steps === 1) return 0;
  throw new Error(`A step of ${steps} that make an update was not told which of them it is (microStep).`);
}

function scalar(values: NumericArray | undefined): number {
  return values?.[0] as number;
}
