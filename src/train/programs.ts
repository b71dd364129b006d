// The compiled programs of one training: the step for full batches, the step for the small batch that an epoch may
// end with, and the test step. Programs have one batch size each and keep their own state, so the newest state is
// copied over when another one runs: twice an epoch, a few milliseconds per million weights.
//
// Where averages are kept, they are the weights that people use: the test step and `tensors('weights')` have them under
// the weights' own names, and the trained numbers go with what only training on needs, as `NAME.trained`.
//
// Of several ranks each has programs for its own part of a batch. Weights are the same on all of them; running
// statistics are those of each one's own pictures, unless they are synchronised, and what counts is their mean.
import { alone, type Ranks } from '../distribute/ranks.ts';
import {
  type ComputeType,
  copyState,
  type Engine,
  type Program,
  type ProgramReport,
} from '../engines/engine.ts';
import type { Value } from '../graph/graph.ts';
import { elementCount, type NumericArray, type Shape } from '../graph/tensor.ts';
import { dropoutSeedInput } from '../nets/layers.ts';
import { type BuildOptions, buildNetwork, type NetworkDescription } from '../nets/network.ts';
import type { Tensor } from '../weights/tensor-file.ts';
import { applyInitial, type InitialScheme } from './initial.ts';
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
}

/** What a step is fed besides pictures, labels, rate and seed, where its options ask for it. */
export interface StepExtras {
  /** Pictures of the whole batch, those of all ranks; default: the ones given. */
  readonly whole?: number | undefined;
  /** Pictures are mixtures, `share` of `labels` and the rest of these; default: not mixed. */
  readonly otherLabels?: Int32Array | undefined;
  readonly share?: number | undefined;
  /** With `accumulate` k: which of the k steps of an update this is, from 0; the last one (k - 1) updates. */
  readonly microStep?: number | undefined;
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
  /** Of the full batch's step: what computes it, and the memory planned. */
  report(): ProgramReport;
  /** Puts the ranks' mean in place of each one's running statistics, on all ranks. */
  settleStatistics(): void;
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
  const { ranks = alone, synchronise = false } = options;
  const { exchange } = ranks;
  const steps = stepOptions.accumulate ?? 1;
  /** By the size of the whole batch. */
  const bySize = new Map<number, Program>();
  let testProgram: Program | undefined;

  function trainingProgram(whole: number): Program {
    const found = bySize.get(whole);
    if (found !== undefined) return found;
    const { first, count } = ranks.part(whole);
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
    const { graph } = buildTrainingStep(network, { ...stepOptions, ...(exchange && { exchange }) });
    const program = engine.compile(graph, { dtype, seed, betweenSteps: exchange?.progress });
    bySize.set(whole, program);
    return program;
  }

  let current = trainingProgram(build.batch);
  const { states, updates } = current.graph;
  const entries = [...states].flatMap(([name, value]) => entriesOf(name, value, states));
  const averaged = [...states.keys()].filter((name) => states.has(averageName(name)));
  /** Averages start as the weights do; drawn when they are first needed, since a restored run has others. */
  let averagesStand = averaged.length === 0;

  function startAverages(): void {
    if (averagesStand) return;
    for (const name of averaged) current.write(averageName(name), current.read(name));
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
      const { share = 1, averageShare = 0 } = extras;
      const microStep = microStepOf(steps, extras.microStep);
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
      offer(rankShareInput, Float32Array.of(ranks.part(whole).count / whole));
      offer(microStepInput, Int32Array.of(microStep));
      // Between updates the weights stand still, and so do their averages.
      offer(averageShareInput, Float32Array.of(microStep === steps - 1 ? averageShare : 0));
      const { loss, top1, top5, gradientNorm } = program.run(feeds);
      const result = { loss: scalar(loss), top1: scalar(top1), top5: scalar(top5) };
      if (gradientNorm === undefined || microStep < steps - 1) return result;
      return { ...result, gradientNorm: scalar(gradientNorm) };
    },
    test() {
      startAverages();
      testProgram ??= engine.compile(
        buildTestStep(buildNetwork(description, { ...build, batch: ranks.part(build.batch).count })).graph,
        { dtype },
      );
      copyState(current, testProgram);
      for (const name of averaged) testProgram.write(name, current.read(averageName(name)));
      return testProgram;
    },
    tensors(kind) {
      startAverages();
      const asked = entries.filter((entry) => entry.kind === kind);
      return new Map(asked.map(({ name, inside, shape }) => [name, { shape, data: current.read(inside) }]));
    },
    states: entries.map(({ name, shape }) => ({ name, shape })),
    restore(values) {
      for (const { name, inside } of entries) current.write(inside, values.get(name) as Float32Array);
      averagesStand = true;
    },
    start(values) {
      for (const [name, numbers] of values) current.write(name, numbers);
      averagesStand = averaged.length === 0;
    },
    parameterCount: [...states]
      .filter(
        ([name, { source }]) => source.kind === 'state' && source.role === 'parameter' && updates.has(name),
      )
      .reduce((sum, [, { shape }]) => sum + elementCount(shape), 0),
    report: () => trainingProgram(build.batch).report(),
    settleStatistics() {
      if (ranks.size === 1 || synchronise) return;
      startAverages();
      const statistics = [...states].filter(([, { source }]) => {
        return source.kind === 'state' && source.role === 'buffer';
      });
      for (const [name] of statistics) {
        for (const one of states.has(averageName(name)) ? [name, averageName(name)] : [name]) {
          const numbers = current.read(one);
          ranks.add(numbers);
          current.write(
            one,
            numbers.map((sum) => sum / ranks.size),
          );
        }
      }
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
