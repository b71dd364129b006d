// What is needed before the first picture: for each network of a test how it takes pictures, and its protocol.
import { type OpenOptions, openDataset } from '../data/datasets.ts';
import { UserError } from '../errors.ts';
import type { Member } from './member.ts';
import { type Model, outputsOf } from './model.ts';
import { applyOverrides, type PreprocessingOverrides, resizes } from './overrides.ts';
import {
  checkPictures,
  imagenetPreprocessing,
  normalisationOf,
  type Preprocessing,
  paddingFor,
} from './preprocessing.ts';
import { type ProtocolRequest, protocolFor } from './protocol.ts';
import type { TestData } from './test-data.ts';

export interface PrepareRequest extends ProtocolRequest {
  /** What the caller says about the preparation of pictures, for all networks alike. */
  readonly preprocessing?: PreprocessingOverrides;
  readonly onNote?: (message: string) => void;
}

/** A network ready to be shown pictures; all networks of a test must have the same number of classes. */
export function prepareMember(
  model: Model,
  base: Preprocessing,
  classes: number,
  request: PrepareRequest,
): Member {
  const outputs = outputsOf(model);
  if (outputs !== undefined && outputs !== classes) {
    throw new UserError(`${model.path} has ${outputs} classes, expected ${classes} like the others.`, {
      exitCode: 2,
    });
  }
  const preprocessing = applyOverrides(base, request.preprocessing);
  return { model, preprocessing, protocol: protocolFor(request, preprocessing), classes };
}

/** As the file says; for files that do not say it, what the network's published weights expect. */
export function preprocessingOfFile(model: Model, request: PrepareRequest): Preprocessing {
  if (model.info !== undefined) return model.info.preprocessing;
  const { formDescription, path } = model;
  const given = request.preprocessing;
  const { channels } = formDescription;
  const usual = imagenetPreprocessing(formDescription);
  const base: Preprocessing =
    channels === 3
      ? usual
      : { ...usual, channels, normalise: { mean: Array(channels).fill(0), std: Array(channels).fill(1) } };
  if (given?.mean === undefined || given.std === undefined) {
    request.onNote?.(
      `${path} does not say how pictures are prepared: short side ${base.resize}, centre ${base.height}x` +
        `${base.width}, mean ${base.normalise.mean.join(', ')}, std ${base.normalise.std.join(', ')}. ` +
        '--resize, --crop, --mean, --std, --range and --channel-order change that.',
    );
  }
  return base;
}

/** How pictures of `data` become the model's input. */
export async function preprocessingFor(
  model: Model,
  data: TestData,
  ask: { readonly request: string; readonly open: OpenOptions; readonly prepare: PrepareRequest },
): Promise<Preprocessing> {
  const { dataset } = data;
  if (dataset === undefined) return preprocessingOfFile(model, ask.prepare);
  if (model.info !== undefined) {
    const { preprocessing } = model.info;
    if (!resizes(ask.prepare.preprocessing) && ask.prepare.scales === undefined) {
      checkPictures(preprocessing, dataset);
    }
    return preprocessing;
  }
  // As a training on this data set would have done.
  const { name, channels, height, width } = dataset;
  const pictures =
    dataset.split === 'train' || dataset.undivided
      ? dataset
      : await openDataset(ask.request, 'train', ask.open);
  const pad = paddingFor(model.formDescription, dataset);
  return { channels, height, width, pad, normalise: normalisationOf(name, pictures) };
}
