// A network to be used with weights from a file. Files that Laurel wrote say what they are (network, form, classes,
// how pictures are prepared); for others the caller says it, or the data set and the form's own numbers stand.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { augmentedSize } from '../data/augment.ts';
import type { Program } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import { findNetwork } from '../nets/index.ts';
import {
  type BuildOptions,
  buildNetwork,
  type Form,
  type FormDescription,
  formOf,
  type Network,
  type NetworkDescription,
} from '../nets/network.ts';
import { matchWeights } from '../weights/match.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import type { TensorFile } from '../weights/tensor-file.ts';
import { decodeModelInfo, type ModelInfo, type Preprocessing, plainAugmentation } from './preprocessing.ts';

export interface ModelRequest {
  /** Default: what the weights file says. */
  readonly network?: string;
  readonly form?: Form;
  /** A safetensors file, or a run folder (its best checkpoint, else its last). */
  readonly weights: string;
}

export interface Model {
  readonly description: NetworkDescription;
  readonly form: Form;
  readonly formDescription: FormDescription;
  readonly path: string;
  readonly file: TensorFile;
  /** What the file says about itself; undefined for files of other programs. */
  readonly info: ModelInfo | undefined;
}

/** Reads the weights and finds their network. Throws a UserError: no such file, damaged, or of another network. */
export function openModel(request: ModelRequest): Model {
  const path = weightsFile(request.weights);
  if (request.network !== undefined) findNetwork(request.network);
  const file = readSafetensors(path);
  const info = decodeModelInfo(file.metadata);
  const name = request.network ?? info?.network;
  if (name === undefined) {
    throw new UserError(`${path} does not say which network it belongs to. Name the network.`, {
      exitCode: 2,
    });
  }
  if (info !== undefined && info.network !== name) {
    throw new UserError(
      `${path} holds weights of ${info.network}, not of ${name}. Say '${info.network}', or choose another file.`,
      { exitCode: 2 },
    );
  }
  // Forms may have weights of the same shapes and compute something else with them.
  if (info !== undefined && request.form !== undefined && request.form !== info.form) {
    throw new UserError(
      `${path} holds weights of ${name} in its form '${info.form}', not '${request.form}'. Leave the form out.`,
      { exitCode: 2 },
    );
  }
  const description = findNetwork(name);
  const [form, formDescription] = formOf(description, request.form ?? info?.form);
  return { description, form, formDescription, path, file, info };
}

/** The file that `--weights` means. */
function weightsFile(path: string): string {
  if (!existsSync(path) || !statSync(path).isDirectory()) return path;
  const found = ['best', 'last']
    .map((name) => join(path, 'checkpoints', `${name}.safetensors`))
    .find((candidate) => existsSync(candidate));
  if (found !== undefined) return found;
  throw new UserError(`${path} is a folder without checkpoints. Give a safetensors file or a run folder.`, {
    exitCode: 2,
  });
}

/** The model's network for batches of pictures prepared in that way, for inference. */
export function buildModel(
  model: Model,
  classes: number,
  preprocessing: Preprocessing,
  batch: number,
): Network {
  const size = augmentedSize(preprocessing, plainAugmentation(preprocessing));
  const { form } = model;
  const options: BuildOptions = { form, classes, channels: preprocessing.channels, ...size, batch };
  return buildNetwork(model.description, options);
}

/** The file's weights for a graph with these states; throws a UserError that names what does not fit. */
export function weightsFor(model: Model, network: Network): Map<string, Float32Array> {
  const wanted = [...network.graph.states].map(([name, { shape }]) => ({ name, shape }));
  return matchWeights(model.file, wanted, model.path);
}

/** Writes weights into a program. */
export function writeWeights(program: Program, weights: ReadonlyMap<string, Float32Array>): void {
  for (const [name, values] of weights) program.write(name, values);
}
