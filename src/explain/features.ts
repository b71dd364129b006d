// What layers give for pictures, as files for other programs: one NumPy array per layer, rows in the order of the
// pictures, with labels and names beside them. Arrays grow on disk batch by batch, so that memory does not grow with
// the number of pictures, and appear only when they are whole.
import { join } from 'node:path';
import type { Split } from '../data/dataset.ts';
import { knownDataset, type OpenProgress } from '../data/datasets.ts';
import { splitRequest } from '../data/subset.ts';
import { UserError } from '../errors.ts';
import { expectations } from '../evaluate/classify.ts';
import { type ChosenEngine, type EngineRequest, resolveEngine } from '../evaluate/engine.ts';
import { type ModelRequest, openModel, outputsOf, writeWeights } from '../evaluate/model.ts';
import { applyOverrides, type PreprocessingOverrides } from '../evaluate/overrides.ts';
import { preprocessingOfFile } from '../evaluate/prepare.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import { growFileAtomic, makeFolder, writeFileAtomic } from '../files.ts';
import { markOutput, type Value } from '../graph/graph.ts';
import { flatten, globalAveragePool } from '../graph/ops/index.ts';
import { growNpy, type NpyWriter } from '../weights/npy.ts';
import { type FeaturePart, openFeatureData } from './features-data.ts';
import { namedPoints } from './probe-layers.ts';
import { modelSubject, type Subject } from './scan.ts';
import { inputBatches } from './scan-input.ts';

export interface ExtractRequest extends ModelRequest, EngineRequest {
  /** A known data set's name or a folder; either this or `images`. */
  readonly data?: string | undefined;
  readonly labels?: 'fine' | 'coarse' | undefined;
  /** Default: everything that the data have. */
  readonly split?: Split | 'all' | undefined;
  /** Picture files. */
  readonly images?: readonly string[] | undefined;
  /** Module paths; `pixels` is the prepared picture. */
  readonly layers: readonly string[];
  /** `average`: a map becomes its mean over positions; default 'none'. */
  readonly pool?: 'none' | 'average' | undefined;
  /** How pictures are prepared, where that is not as the weights say. */
  readonly preprocessing?: PreprocessingOverrides | undefined;
  /** The folder for the files. */
  readonly out: string;
  /** Pictures per run; default: as many as keep what is written of them below 64 MiB, at most 32. */
  readonly batch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onNote?: ((message: string) => void) | undefined;
  readonly onData?: ((progress: OpenProgress) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What `index.json` says of the arrays beside it. */
export interface FeatureIndex {
  readonly net: string;
  readonly form: string;
  readonly weights: string;
  readonly data: string;
  readonly pictures: number;
  /** Which rows are of which split. */
  readonly splits: readonly {
    readonly split: Split | 'all';
    readonly first: number;
    readonly count: number;
  }[];
  /** By their number in `labels.npy`; empty for plain files, which have no labels. */
  readonly classes: readonly string[];
  readonly layers: readonly {
    readonly layer: string;
    readonly file: string;
    readonly shape: readonly number[];
  }[];
  readonly pool: 'none' | 'average';
  /** int32, one per row; null without labels. */
  readonly labels: 'labels.npy' | null;
  /** A line per row: the file, or the number in the data set. */
  readonly names: 'names.txt';
  readonly preprocessing: Preprocessing;
  readonly dtype: string;
  readonly engine: string;
}

export interface ExtractResult extends FeatureIndex {
  /** The folder. */
  readonly out: string;
  readonly seconds: number;
}

const mostBytes = 64 * 2 ** 20;
const mostPictures = 32;

/**
 * Writes `LAYER.npy` for each layer (N x C x H x W, or N x F), `labels.npy`, `names.txt` and, last, `index.json`.
 * Throws a UserError for what the caller can mend, an AbortError when the signal fires; neither leaves arrays.
 */
export async function extractFeatures(request: ExtractRequest): Promise<ExtractResult> {
  const { out, signal, onNote, pool = 'none', layers } = request;
  if (layers.length === 0) {
    throw new UserError('No layer to take features of. Name one or more with --layer.', { exitCode: 2 });
  }
  const start = performance.now();
  const model = openModel(request);
  for (const note of model.notes) onNote?.(note);
  const known = knownDataset(splitRequest(request.data ?? '').name);
  const own =
    known !== undefined && model.info === undefined
      ? expectations(model, { data: known.name }).preprocessing
      : preprocessingOfFile(model, { ...(onNote && { onNote }) });
  const preprocessing = applyOverrides(own, request.preprocessing);
  const subject = modelSubject(model, outputsOf(model) ?? model.formDescription.classes, preprocessing);
  // A slip in a layer's name shall not wait for the data.
  const shapes = namedPoints(subject.build(1), layers).map(({ value }) => rowShape(value, pool));
  const opened = await openFeatureData({
    data: request.data,
    images: request.images,
    split: request.split,
    preprocessing,
    open: {
      size: preprocessing,
      ...(request.labels && { labels: request.labels }),
      ...(signal && { signal }),
      ...(request.onData && { onProgress: request.onData }),
      ...(onNote && { onNote }),
    },
  });
  const { engine, dtype, notes } = await resolveEngine(request);
  for (const note of notes) onNote?.(note);
  makeFolder(out);
  const total = opened.parts.reduce((sum, { source }) => sum + source.length, 0);
  const arrays = layers.map((layer, i) => {
    const shape = [total, ...(shapes[i] as number[])];
    return { layer, file: `${layer.replaceAll('/', '-')}.npy`, shape };
  });
  const files: NpyWriter[] = [];
  try {
    for (const { file, shape } of arrays) files.push(growNpy(join(out, file), '<f4', shape));
    await runParts({ ...request, subject, engine, dtype, pool, shapes, total }, opened.parts, files);
    for (const file of files) file.finish();
  } finally {
    for (const file of files) file.abandon();
  }
  const hasLabels = writeLabels(join(out, 'labels.npy'), opened.parts, total);
  writeNames(join(out, 'names.txt'), opened.parts);
  let first = 0;
  const index: FeatureIndex = {
    net: model.description.name,
    form: model.form,
    weights: model.path,
    data: opened.name,
    pictures: total,
    splits: opened.parts.map(({ split, source: { length: count } }) => {
      first += count;
      return { split, first: first - count, count };
    }),
    classes: opened.classes,
    layers: arrays,
    pool,
    labels: hasLabels ? 'labels.npy' : null,
    names: 'names.txt',
    preprocessing,
    dtype,
    engine: engine.describe().library ?? engine.name,
  };
  writeFileAtomic(join(out, 'index.json'), `${JSON.stringify(index, null, 2)}\n`);
  return { ...index, out, seconds: (performance.now() - start) / 1000 };
}

type Prepared = Omit<ExtractRequest, 'engine' | 'dtype' | 'pool'> & {
  readonly subject: Subject;
  readonly engine: ChosenEngine['engine'];
  readonly dtype: ChosenEngine['dtype'];
  readonly pool: 'none' | 'average';
  readonly shapes: readonly (readonly number[])[];
  readonly total: number;
};

async function runParts(
  prepared: Prepared,
  parts: readonly FeaturePart[],
  files: readonly NpyWriter[],
): Promise<void> {
  const { subject, engine, dtype, layers, pool, shapes, total, signal, onProgress } = prepared;
  const sizes = shapes.map((shape) => shape.reduce((product, size) => product * size, 1));
  const largest = Math.max(...parts.map(({ source }) => source.length));
  const batch = Math.min(prepared.batch ?? batchFor(sizes), largest);
  const network = subject.build(batch);
  for (const [i, { value }] of namedPoints(network, layers).entries()) {
    markOutput(`features ${i}`, pool === 'average' ? averaged(value) : value);
  }
  const program = engine.compile(network.graph, { dtype });
  let done = 0;
  try {
    writeWeights(program, subject.tensors);
    for (const { source } of parts) {
      for await (const { count, images } of inputBatches(source, subject.preprocessing, batch, 0, signal)) {
        const outputs = program.run({ images });
        for (const [i, file] of files.entries()) {
          const rows = outputs[`features ${i}`] as Float32Array;
          file.append(rows.subarray(0, count * (sizes[i] as number)));
        }
        done += count;
        onProgress?.(done, total);
      }
      signal?.throwIfAborted();
    }
  } finally {
    program.dispose();
  }
}

function batchFor(sizes: readonly number[]): number {
  const bytes = 4 * sizes.reduce((sum, size) => sum + size, 0);
  return Math.max(1, Math.min(mostPictures, Math.floor(mostBytes / bytes)));
}

/** Without the batch; a map of one position is as good as a linear layer's row. */
function rowShape({ shape }: Value, pool: 'none' | 'average'): number[] {
  const [, channels = 1, height = 1, width = 1] = shape;
  return pool === 'average' || height * width === 1 ? [channels] : shape.slice(1);
}

function averaged(value: Value): Value {
  return value.shape.length === 4 ? flatten(globalAveragePool(value)) : value;
}

/** Gives false, and writes nothing, where pictures have no labels. */
function writeLabels(path: string, parts: readonly FeaturePart[], total: number): boolean {
  if (parts.some(({ labels }) => labels === undefined)) return false;
  const file = growNpy(path, '<i4', [total]);
  for (const { labels } of parts) if (labels !== undefined) file.append(labels);
  file.finish();
  return true;
}

/** A line per row; in pieces of some thousands, so that no string grows with the data. */
function writeNames(path: string, parts: readonly FeaturePart[]): void {
  const file = growFileAtomic(path);
  try {
    for (const { source } of parts) {
      for (let first = 0; first < source.length; first += 4096) {
        const count = Math.min(4096, source.length - first);
        const names = Array.from({ length: count }, (_, i) => `${source.name(first + i)}\n`);
        file.write(Buffer.from(names.join('')));
      }
    }
    file.finish();
  } finally {
    file.abandon();
  }
}
