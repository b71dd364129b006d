// The compiled programs of one training: the step for full batches, the step for the small batch that an epoch may
// end with, and the test step. Programs have one batch size each and keep their own state, so the newest state is
// copied over when another one runs: twice an epoch, a few milliseconds per million weights.
//
// Where averages are kept, they are the weights that people use: the test step and `tensors('weights')` have them under
// the weights' own names, and the trained numbers go with what only training on needs, as `NAME.trained`.
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
}

/** What a step is fed besides pictures, labels, rate and seed, where its options ask for it. */
export interface StepExtras {
  /** Pictures are mixtures, `share` of `labels` and the rest of these; default: not mixed. */
  readonly otherLabels?: Int32Array | undefined;
  readonly share?: number | undefined;
  /** With `accumulate` k: which of the k steps of an update this is, from 0; the last one (k - 1) updates. */
  readonly microStep?: number | undefined;
  /** With `average`, after the update: average += averageShare (weights - average); default 0. */
  readonly averageShare?: number | undefined;
}

export interface StepResult {
  /** Mean over the batch. */
  readonly loss: number;
  /** Pictures of the batch whose class came first, or among the first five. */
  readonly top1: number;
  readonly top5: number;
  /** Global norm of the gradients before clipping; only where they are clipped, and on steps that update. */
  readonly gradientNorm?: number;
}

export interface TrainingPrograms {
  /** One step on `labels.length` pictures. */
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
  const steps = stepOptions.accumulate ?? 1;
  const bySize = new Map<number, Program>();
  let testProgram: Program | undefined;

  function trainingProgram(batch: number): Program {
    const found = bySize.get(batch);
    if (found !== undefined) return found;
    const frozen = (name: string): boolean => rateFactor(stepOptions.groups, name) === 0;
    const network = buildNetwork(description, { ...build, batch, training: true, frozen });
    applyInitial(network, options.initial ?? 'network');
    const program = engine.compile(buildTrainingStep(network, stepOptions).graph, { dtype, seed });
    bySize.set(batch, program);
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
      const program = switchTo(trainingProgram(labels.length));
      const { otherLabels = labels, share = 1, averageShare = 0 } = extras;
      const microStep = microStepOf(steps, extras.microStep);
      const feeds: Record<string, NumericArray> = {
        images,
        [labelsInput]: labels,
        [learningRateInput]: Float32Array.of(learningRate),
      };
      const offer = (name: string, values: NumericArray): void => {
        if (program.graph.inputs.has(name)) feeds[name] = values;
      };
      offer(dropoutSeedInput, Int32Array.of(dropoutSeed));
      offer(otherLabelsInput, otherLabels);
      offer(shareInput, Float32Array.of(share));
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
      testProgram ??= engine.compile(buildTestStep(buildNetwork(description, build)).graph, { dtype });
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

function microStepOf(steps: number, fed: number | undefined): number {
  if (fed !== undefined) return fed;
  if (steps === 1) return 0;
  throw new Error(`A step of ${steps} that make an update was not told which of them it is (microStep).`);
}

function scalar(values: NumericArray | undefined): number {
  return values?.[0] as number;
}
