// The compiled programs of one training: the step for full batches, the step for the small batch that an epoch may
// end with, and the test step. Programs have one batch size each and keep their own state, so the newest state is
// copied over when another one runs: twice an epoch, a few milliseconds per million weights.
import { type ComputeType, copyState, type Engine, type Program } from '../engines/engine.ts';
import { elementCount, type NumericArray, type Shape } from '../graph/tensor.ts';
import { dropoutSeedInput } from '../nets/layers.ts';
import { type BuildOptions, buildNetwork, type NetworkDescription } from '../nets/network.ts';
import type { Tensor } from '../weights/tensor-file.ts';
import {
  buildTestStep,
  buildTrainingStep,
  labelsInput,
  learningRateInput,
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
}

export interface StepResult {
  /** Mean over the batch. */
  readonly loss: number;
  /** Pictures of the batch whose class came first, or among the first five. */
  readonly top1: number;
  readonly top5: number;
}

export interface TrainingPrograms {
  /** One step on `labels.length` pictures. */
  step(images: Float32Array, labels: Int32Array, learningRate: number, dropoutSeed: number): StepResult;
  /** The test program (full batch), with the newest weights. */
  test(): Program;
  /** Weights and running statistics, or momentum, as they are after the last step. */
  tensors(kind: 'weights' | 'optimizer'): Map<string, Tensor>;
  /** Names and shapes of everything that `tensors` gives, of both kinds. */
  readonly states: readonly { readonly name: string; readonly shape: Shape }[];
  /** Puts back the numbers of every state. */
  restore(values: ReadonlyMap<string, Float32Array>): void;
  /** Trained numbers in all. */
  readonly parameterCount: number;
  dispose(): void;
}

export function compilePrograms(options: ProgramsOptions): TrainingPrograms {
  const { engine, dtype, seed, description, build } = options;
  const bySize = new Map<number, Program>();
  let testProgram: Program | undefined;

  function trainingProgram(batch: number): Program {
    const found = bySize.get(batch);
    if (found !== undefined) return found;
    const network = buildNetwork(description, { ...build, batch, training: true });
    const program = engine.compile(buildTrainingStep(network, options.step).graph, { dtype, seed });
    bySize.set(batch, program);
    return program;
  }

  let current = trainingProgram(build.batch);
  const states = current.graph.states;

  function switchTo(program: Program): Program {
    if (program !== current) copyState(current, program);
    current = program;
    return program;
  }

  return {
    step(images, labels, learningRate, dropoutSeed) {
      const program = switchTo(trainingProgram(labels.length));
      const feeds: Record<string, NumericArray> = {
        images,
        [labelsInput]: labels,
        [learningRateInput]: Float32Array.of(learningRate),
      };
      if (program.graph.inputs.has(dropoutSeedInput)) feeds[dropoutSeedInput] = Int32Array.of(dropoutSeed);
      const { loss, top1, top5 } = program.run(feeds);
      return { loss: scalar(loss), top1: scalar(top1), top5: scalar(top5) };
    },
    test() {
      testProgram ??= engine.compile(buildTestStep(buildNetwork(description, build)).graph, { dtype });
      copyState(current, testProgram);
      return testProgram;
    },
    tensors(kind) {
      const found = new Map<string, Tensor>();
      for (const [name, { shape, source }] of states) {
        const optimizer = source.kind === 'state' && source.role === 'optimizer';
        if (optimizer === (kind === 'optimizer')) found.set(name, { shape, data: current.read(name) });
      }
      return found;
    },
    states: [...states].map(([name, { shape }]) => ({ name, shape })),
    restore(values) {
      for (const name of states.keys()) current.write(name, values.get(name) as Float32Array);
    },
    parameterCount: [...states.values()]
      .filter(({ source }) => source.kind === 'state' && source.role === 'parameter')
      .reduce((sum, { shape }) => sum + elementCount(shape), 0),
    dispose() {
      for (const program of bySize.values()) program.dispose();
      testProgram?.dispose();
    },
  };
}

function scalar(values: NumericArray | undefined): number {
  return values?.[0] as number;
}
