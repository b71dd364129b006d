// What a view looks into: a network with its weights, an engine, and pictures as its input, from files of pictures
// (prepared as in a test with one view) or from a NumPy file (prepared already).
import type { ComputeType, Engine } from '../engines/engine.ts';
import { engineInWords } from '../engines/in-words.ts';
import { UserError } from '../errors.ts';
import { expectations } from '../evaluate/classify.ts';
import { type EngineRequest, resolveEngine } from '../evaluate/engine.ts';
import { classNamesOf, type Model, openModel, outputsOf, weightsFor } from '../evaluate/model.ts';
import { applyOverrides, type PreprocessingOverrides } from '../evaluate/overrides.ts';
import { preprocessingOfFile } from '../evaluate/prepare.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import { fileSource } from '../evaluate/sources.ts';
import { formatShape } from '../graph/tensor.ts';
import { buildNetwork, type Form, type Network, type OptionValues } from '../nets/network.ts';
import { readNpy } from '../weights/npy.ts';
import { inputSize, inputsOf } from './scan-input.ts';

export interface SubjectRequest extends EngineRequest {
  readonly network: string;
  /** A weights file, or a run folder. */
  readonly weights: string;
  readonly form?: string | undefined;
  readonly options?: OptionValues | undefined;
  readonly classes?: number | undefined;
  /** Picture files; either these or `input`. */
  readonly images?: readonly string[] | undefined;
  /** A NumPy file: f32, N x C x H x W, normalised already. */
  readonly input?: string | undefined;
  /** A known data set whose way of preparing pictures holds, for weights files that do not say it. */
  readonly data?: string | undefined;
  /** How picture files are prepared, where that is not as the weights say. */
  readonly preprocessing?: PreprocessingOverrides | undefined;
  readonly onNote?: ((message: string) => void) | undefined;
}

export interface InputSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** A network with its weights and what it is to be shown. */
export interface OpenSubject {
  readonly name: string;
  /** In inference form, for all of `images` at once. Views add nodes to a graph, so each takes its own from `build`. */
  readonly network: Network;
  build(batch: number): Network;
  readonly tensors: ReadonlyMap<string, Float32Array>;
  readonly engine: Engine;
  readonly dtype: ComputeType;
  /** Compute type, engine, library, instruction set and threads. */
  readonly protocol: string;
  /** N x C x H x W, prepared. */
  readonly images: Float32Array;
  /** The pictures' files; for `input` the file and the place in it. */
  readonly names: readonly string[];
  readonly batch: number;
  /** Of the network's input, px. */
  readonly size: InputSize;
  /** How pixels became numbers; for `input` what the weights expect, at that input's size. */
  readonly preprocessing: Preprocessing;
  /** Names of the classes, where they are known. */
  readonly classes: readonly string[] | undefined;
}

/** Throws a UserError: what is missing, damaged, or does not fit the network. */
export async function openSubject(request: SubjectRequest): Promise<OpenSubject> {
  const { images: files = [], input } = request;
  if (files.length > 0 === (input !== undefined)) {
    throw new UserError('No picture to look at, or two sources of it. Give either --image or --input.', {
      exitCode: 2,
    });
  }
  const model = openModel({
    network: request.network,
    weights: request.weights,
    ...(request.form !== undefined && { form: request.form as Form }),
    ...(request.options !== undefined && { options: request.options }),
  });
  for (const note of model.notes) request.onNote?.(note);
  const { preprocessing: base, classes: names } = preparation(model, request);
  const pictures =
    input === undefined
      ? await fromFiles(files, applyOverrides(base, request.preprocessing))
      : fromArray(input, base);
  const { preprocessing, batch } = pictures;
  const [channels, height, width] = inputSize(preprocessing);
  const classes = request.classes ?? outputsOf(model);
  const build = (count: number): Network =>
    buildNetwork(model.description, {
      form: model.form,
      ...(classes !== undefined && { classes }),
      channels,
      height,
      width,
      batch: count,
      options: model.options,
    });
  const network = build(batch);
  const tensors = weightsFor(model, network);
  const { engine, dtype, notes } = await resolveEngine(request);
  for (const note of notes) request.onNote?.(note);
  return {
    ...pictures,
    name: request.network,
    network,
    build,
    tensors,
    engine,
    dtype,
    protocol: `${dtype}, ${engineInWords(engine.describe())}`,
    size: { channels, height, width },
    classes: names,
  };
}

/** As the weights file says, or the named data set, or the network's published weights. */
function preparation(
  model: Model,
  { data, input, onNote, preprocessing }: SubjectRequest,
): { preprocessing: Preprocessing; classes: readonly string[] | undefined } {
  // An array is prepared already: there it only matters how to show it.
  const request = input === undefined ? { onNote, preprocessing } : {};
  if (model.info === undefined && data !== undefined) return expectations(model, { data, ...request });
  return { preprocessing: preprocessingOfFile(model, request), classes: classNamesOf(model) };
}

interface Pictures {
  readonly images: Float32Array;
  readonly names: readonly string[];
  readonly batch: number;
  readonly preprocessing: Preprocessing;
}

async function fromFiles(files: readonly string[], preprocessing: Preprocessing): Promise<Pictures> {
  const images = await inputsOf(fileSource(files), preprocessing, [...files.keys()]);
  return { images, names: files, batch: files.length, preprocessing };
}

function fromArray(file: string, base: Preprocessing): Pictures {
  const { shape, data } = readNpy(file);
  if (shape.length !== 4 || data.length === 0) {
    throw new UserError(`${file} has shape ${formatShape(shape)}, expected NxCxHxW.`, { exitCode: 2 });
  }
  const [batch, channels, height, width] = shape as unknown as [number, number, number, number];
  const names = Array.from({ length: batch }, (_, i) => (batch === 1 ? file : `${file}[${i}]`));
  return { images: data, names, batch, preprocessing: { ...base, channels, height, width, pad: 0 } };
}
