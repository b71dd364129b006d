// A network to be used with weights from a file. Files that Laurel wrote say what they are (network, form, classes,
// how pictures are prepared); for others the caller says it, or the data set and the form's own numbers stand.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { augmentedSize } from '../data/augment.ts';
import { imagenetNames } from '../data/imagenet-classes.ts';
import type { Program } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { QuantisationScales } from '../graph/rewrite/quantise.ts';
import { findNetwork } from '../nets/index.ts';
import {
  type BuildOptions,
  buildNetwork,
  type Form,
  type FormDescription,
  formOf,
  type Network,
  type NetworkDescription,
  type OptionValues,
} from '../nets/network.ts';
import { adaptWeights } from '../weights/adapt.ts';
import { matchWeights } from '../weights/match.ts';
import { namingMapFor } from '../weights/naming-maps.ts';
import { publishedByFile } from '../weights/published.ts';
import { decodeQuantised } from '../weights/quantised-file.ts';
import { openWeights } from '../weights/read.ts';
import type { TensorFile } from '../weights/tensor-file.ts';
import { imagenetInfo } from './imagenet-info.ts';
import { decodeModelInfo, type ModelInfo, type Preprocessing, plainAugmentation } from './preprocessing.ts';

export interface ModelRequest {
  /** Default: what the weights file says. */
  readonly network?: string;
  readonly form?: Form;
  /** A weights file (safetensors or a PyTorch checkpoint), or a run folder (its best checkpoint, else its last). */
  readonly weights: string;
  /** The network's own options; default: what the weights file says, else their defaults. */
  readonly options?: OptionValues;
  /** Keep the tensors of side heads, which training alone uses; default false. */
  readonly training?: boolean;
}

export interface Model {
  readonly description: NetworkDescription;
  readonly form: Form;
  readonly formDescription: FormDescription;
  readonly path: string;
  readonly file: TensorFile;
  /** What the file says about itself, or its published name, or the map of its names; undefined for other files of other programs. */
  readonly info: ModelInfo | undefined;
  /** The network's own options. */
  readonly options: OptionValues;
  /** What was done to make the file fit, a sentence each. */
  readonly notes: readonly string[];
  /** Of a file that `laurel quantize` wrote: its batch norms are folded, and its layers multiply whole numbers. */
  readonly quantisation?: QuantisationScales | undefined;
  /** Equal for equal contents: the file as the system knows it. */
  readonly identity?: string | undefined;
}

/** Reads the weights and finds their network. Throws a UserError: no such file, damaged, or of another network. */
export function openModel(request: ModelRequest): Model {
  const path = weightsFile(request.weights);
  if (request.network !== undefined) findNetwork(request.network);
  const identity = identityOf(path);
  const read = openWeights(path);
  const published = publishedByFile(path);
  const info = decodeModelInfo(read.metadata) ?? (published && imagenetInfo(published));
  const name = request.network ?? info?.network ?? namingMapFor(read)?.network;
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
  const mapped = info === undefined ? namingMapFor(read) : undefined;
  if (mapped !== undefined && mapped.network !== name) {
    throw new UserError(
      `${path} holds weights of ${mapped.network} (${mapped.title}), not of ${name}. Say '${mapped.network}', or ` +
        'choose another file.',
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
  const options = mergeOptions(path, info?.options, request.options);
  const quantised = decodeQuantised(read, path);
  if (quantised !== undefined) {
    const { file, scales } = quantised;
    return {
      description,
      form,
      formDescription,
      path,
      file,
      info,
      options,
      notes: [],
      quantisation: scales,
      identity,
    };
  }
  const { file, map, notes } = adaptWeights(read, description, form, options, request.training);
  const known = info ?? (map === undefined ? undefined : imagenetInfo(map));
  return { description, form, formDescription, path, file, info: known, options, notes, identity };
}

/** Options change what a network computes, often without changing a shape: those of the file are not to be denied. */
function mergeOptions(path: string, stored: OptionValues = {}, given: OptionValues = {}): OptionValues {
  for (const [name, value] of Object.entries(given)) {
    const was = stored[name];
    if (was !== undefined && String(was) !== String(value)) {
      throw new UserError(
        `${path} holds weights of a network with ${name}=${was}, not ${value}. Leave the option out.`,
        { exitCode: 2 },
      );
    }
  }
  return { ...stored, ...given };
}

/** How many classes the weights tell apart: what the file says, else the size of its last layer, if it is there. */
export function outputsOf(model: Model): number | undefined {
  const { info, description, form, options, file } = model;
  if (info !== undefined) return info.classes.length;
  const { source } = buildNetwork(description, { form, options }).logits;
  const weights = source.kind === 'node' ? source.node.inputs[1]?.source : undefined;
  const tensor = weights?.kind === 'state' ? file.tensors.get(weights.name) : undefined;
  return tensor?.shape[0];
}

/** The names of those classes, where the file says them or their number gives them away: a thousand are ImageNet's. */
export function classNamesOf(model: Model): readonly string[] | undefined {
  if (model.info !== undefined) return model.info.classes;
  return outputsOf(model) === imagenetNames.length ? imagenetNames : undefined;
}

/** The file that `--weights` means. */
function weightsFile(path: string): string {
  if (!existsSync(path) || !statSync(path).isDirectory()) return path;
  const found = ['best', 'last']
    .map((name) => join(path, 'checkpoints', `${name}.safetensors`))
    .find((candidate) => existsSync(candidate));
  if (found !== undefined) return found;
  throw new UserError(`${path} is a folder without checkpoints. Give a weights file or a run folder.`, {
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
  const { form, options } = model;
  const { channels } = preprocessing;
  const request: BuildOptions = { form, classes, channels, ...size, batch, options };
  return buildNetwork(model.description, request);
}

/** The file's weights for a graph with these states; throws a UserError that names what does not fit. */
export function weightsFor(model: Model, network: Network): Map<string, Float32Array> {
  if (model.quantisation !== undefined) {
    throw new UserError(
      `${model.path} holds quantised weights, for eval, classify and export. Use the file that it was made of.`,
    );
  }
  const wanted = [...network.graph.states].map(([name, { shape }]) => ({ name, shape }));
  return matchWeights(model.file, wanted, model.path);
}

/** The file's identity: two files, or one file before and after a change, differ in it. */
function identityOf(path: string): string | undefined {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true, throwIfNoEntry: false }) ?? {};
  return ino === undefined ? undefined : [path, dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/** Writes weights into a program. */
export function writeWeights(program: Program, weights: ReadonlyMap<string, Float32Array>): void {
  for (const [name, values] of weights) program.write(name, values);
}
