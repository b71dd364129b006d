// A linear softmax classifier on rows of features, trained with the training step that networks use: it is a network
// of one layer.
import { setImmediate as turn } from 'node:timers/promises';
import { permutation } from '../data/random.ts';
import type { Engine } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import { flatten } from '../graph/ops/index.ts';
import type { NetworkDescription } from '../nets/network.ts';
import { compilePrograms, type TrainingPrograms } from '../train/programs.ts';

export interface Rows {
  /** Rows x features. */
  readonly values: Float32Array;
  /** The class of each row. */
  readonly labels: Int32Array;
}

export interface ClassifierOptions {
  readonly engine: Engine;
  readonly features: number;
  readonly classes: number;
  readonly epochs: number;
  readonly batch: number;
  /** Of the first step; it falls to 0 along half a cosine. */
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  readonly onEpoch?: ((epoch: number) => void) | undefined;
}

/** Percent. */
export interface ProbeError {
  readonly top1Error: number;
  readonly top5Error: number;
}

function description({ features, classes }: ClassifierOptions): NetworkDescription {
  return {
    name: 'linear probe',
    year: 2014,
    paper: 'Zeiler & Fergus, table 7',
    forms: {
      imagenet: {
        channels: features,
        height: 1,
        width: 1,
        classes,
        build: (x, net, outputs) => net.linear(flatten(x), 'fc', outputs),
      },
    },
  };
}

/** Trains on one set of rows and gives the errors on both. Throws an AbortError when the signal fires. */
export async function trainClassifier(
  train: Rows,
  test: Rows,
  options: ClassifierOptions,
): Promise<{ readonly train: ProbeError; readonly test: ProbeError }> {
  const { engine, features, classes, epochs, seed, signal, weightDecay } = options;
  const batch = Math.min(options.batch, train.labels.length);
  const programs = compilePrograms({
    engine,
    dtype: 'f32',
    seed,
    description: description(options),
    build: { classes, channels: features, height: 1, width: 1, batch },
    step: {
      optimizer: { momentum: 0.9, nesterov: true, weightDecay, decayBiasAndNorm: false },
    },
  });
  try {
    // The last batch of an epoch that would be smaller is left to the next one's order.
    const perEpoch = Math.floor(train.labels.length / batch);
    const images = new Float32Array(batch * features);
    const labels = new Int32Array(batch);
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = permutation(train.labels.length, seed, epoch);
      for (let step = 0; step < perEpoch; step++) {
        for (let slot = 0; slot < batch; slot++) {
          const row = order[step * batch + slot] as number;
          images.set(train.values.subarray(row * features, (row + 1) * features), slot * features);
          labels[slot] = train.labels[row] as number;
        }
        const done = (epoch * perEpoch + step) / (epochs * perEpoch);
        const rate = 0.5 * options.learningRate * (1 + Math.cos(Math.PI * done));
        const { loss } = programs.step(images, labels, rate, 0);
        if (!Number.isFinite(loss)) {
          throw new UserError(`The probe's loss is not finite at epoch ${epoch + 1}. Choose a smaller --lr.`);
        }
        if (step % 64 === 0) await turn();
        signal?.throwIfAborted();
      }
      options.onEpoch?.(epoch + 1);
    }
    return { train: errorOf(programs, train, options, batch), test: errorOf(programs, test, options, batch) };
  } finally {
    programs.dispose();
  }
}

function errorOf(
  programs: TrainingPrograms,
  { values, labels: all }: Rows,
  { features }: ClassifierOptions,
  batch: number,
): ProbeError {
  const program = programs.test();
  let [top1, top5] = [0, 0];
  for (let first = 0; first < all.length; first += batch) {
    const count = Math.min(batch, all.length - first);
    const images = new Float32Array(batch * features);
    images.set(values.subarray(first * features, (first + count) * features));
    const labels = new Int32Array(batch).fill(-1);
    labels.set(all.subarray(first, first + count));
    const outputs = program.run({ images, labels });
    top1 += outputs.top1?.[0] as number;
    top5 += outputs.top5?.[0] as number;
  }
  const percent = (right: number): number => 100 * (1 - right / all.length);
  return { top1Error: percent(top1), top5Error: percent(top5) };
}
