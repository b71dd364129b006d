// The test of a network on a data set: one view per picture, top-1 and top-5 error, by class and as a confusion
// matrix, exact for any number of pictures. Every result states how it came about.

import type { Dataset, Split } from '../data/dataset.ts';
import { type OpenOptions, type OpenProgress, openDataset } from '../data/datasets.ts';
import { createLoader } from '../data/loader.ts';
import type { ComputeType, EngineDescription } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { Form } from '../nets/network.ts';
import { version } from '../version.ts';
import { type EngineRequest, resolveEngine } from './engine.ts';
import { type Counts, evaluateProgram } from './evaluate-program.ts';
import { drawConfusion, drawPredictions } from './figures.ts';
import { buildModel, type Model, type ModelRequest, openModel, weightsFor, writeWeights } from './model.ts';
import { picturesOf } from './pictures.ts';
import {
  checkPictures,
  normalisationOf,
  type Preprocessing,
  paddingFor,
  plainAugmentation,
} from './preprocessing.ts';
import { buildTestStep } from './test-step.ts';

export interface EvaluateOptions extends ModelRequest, EngineRequest {
  /** A known data set's name or a folder; default: the set that the weights were trained on. */
  readonly data?: string;
  readonly labels?: 'fine' | 'coarse';
  /** Default 'test'. */
  readonly split?: Split;
  /** Pictures per run; default 100. */
  readonly batch?: number;
  /** Loader threads; default 1. */
  readonly workers?: number;
  /** Draw these (.png or .svg). */
  readonly figures?: { readonly confusion?: string; readonly predictions?: string };
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  readonly onData?: (progress: OpenProgress) => void;
  /** Sentences that the user should read. */
  readonly onNote?: (message: string) => void;
}

export interface ClassError {
  readonly class: string;
  /** Pictures of the class. */
  readonly n: number;
  /** Percent; null for a class without pictures. */
  readonly top1Error: number | null;
}

/** Errors in percent. */
export interface Evaluation {
  readonly network: string;
  readonly form: Form;
  readonly weights: string;
  readonly dataset: string;
  readonly split: Split;
  readonly n: number;
  readonly top1Error: number;
  readonly top5Error: number;
  /** Mean cross-entropy, natural logarithm. */
  readonly loss: number;
  readonly seconds: number;
  readonly perClass: readonly ClassError[];
  /** confusion[true class][answer]: pictures. */
  readonly confusion: readonly (readonly number[])[];
  readonly protocol: {
    readonly dtype: ComputeType;
    readonly engine: EngineDescription;
    readonly laurel: string;
    readonly node: string;
    readonly batch: number;
    readonly crops: string;
  };
}

/**
 * Tests weights. Throws a UserError where weights, network and data do not fit each other, or a file is bad; an
 * AbortError when the signal fires.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { split = 'test', signal } = options;
  const model = openModel(options);
  const request = options.data ?? model.info?.dataset;
  if (request === undefined) {
    throw new UserError('No data to test on. Name a data set or a folder with --data.', { exitCode: 2 });
  }
  const open: OpenOptions = {
    labels: options.labels,
    size: model.info?.preprocessing ?? model.formDescription,
    signal,
    onProgress: options.onData,
  };
  const dataset = await openDataset(request, split, open);
  const preprocessing = await preprocessingFor(model, dataset, request, open);
  const indices = picturesOf(dataset, split);
  const { engine, dtype, notes } = await resolveEngine(options);
  for (const message of notes) options.onNote?.(message);
  const batch = Math.min(options.batch ?? 100, indices.length);
  const classes = dataset.classes.length;
  const network = buildTestStep(buildModel(model, classes, preprocessing, batch));
  const weights = weightsFor(model, network);
  const program = engine.compile(network.graph, { dtype });
  const loader = createLoader(dataset, {
    batch,
    augmentation: plainAugmentation(preprocessing),
    shuffle: false,
    indices,
    lastBatch: 'pad',
    workers: options.workers,
  });
  try {
    writeWeights(program, weights);
    const counts = await evaluateProgram(program, loader, { classes, signal, onBatch: options.onProgress });
    if (counts === undefined) throw signal?.reason;
    await draw(options, model, dataset, counts);
    const { n, top1Error, top5Error, loss, seconds, confusion } = counts;
    return {
      network: model.description.name,
      form: model.form,
      weights: model.path,
      dataset: dataset.name,
      split,
      n,
      top1Error,
      top5Error,
      loss,
      seconds,
      perClass: dataset.classes.map((name, label) => classError(name, confusion[label] as number[], label)),
      confusion,
      protocol: {
        dtype,
        engine: engine.describe(),
        laurel: version,
        node: process.version,
        batch,
        crops: 'one view per picture: the whole of it',
      },
    };
  } finally {
    program.dispose();
    await loader.close();
  }
}

/** As the weights were trained; for files that do not say it, as a training on this data set would have done. */
async function preprocessingFor(
  model: Model,
  dataset: Dataset,
  request: string,
  open: OpenOptions,
): Promise<Preprocessing> {
  if (model.info !== undefined) {
    checkPictures(model.info.preprocessing, dataset);
    if (model.info.classes.length !== dataset.classes.length) {
      throw new UserError(
        `${model.path} has ${model.info.classes.length} classes, but ${dataset.name} has ` +
          `${dataset.classes.length}. Choose other data or other weights.`,
      );
    }
    return model.info.preprocessing;
  }
  const { name, channels, height, width } = dataset;
  const trained = dataset.split === 'train' || dataset.undivided ? dataset : undefined;
  const pictures = trained ?? (await openDataset(request, 'train', open));
  const pad = paddingFor(model.formDescription, dataset);
  return { channels, height, width, pad, normalise: normalisationOf(name, pictures) };
}

function classError(name: string, row: readonly number[], label: number): ClassError {
  const n = row.reduce((sum, count) => sum + count, 0);
  return { class: name, n, top1Error: n === 0 ? null : (100 * (n - (row[label] as number))) / n };
}

async function draw(options: EvaluateOptions, model: Model, dataset: Dataset, counts: Counts): Promise<void> {
  const { confusion, predictions } = options.figures ?? {};
  const title = `${model.description.name} on ${dataset.name}`;
  if (confusion !== undefined) await drawConfusion(confusion, counts, dataset.classes, title);
  if (predictions !== undefined) await drawPredictions(predictions, counts.answers, dataset, title);
}
