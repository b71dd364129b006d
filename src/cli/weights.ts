// A network built to fit both a weights file and an input file.

import { UserError } from '../errors.ts';
import { openModel, weightsFor } from '../evaluate/model.ts';
import { formatShape, type Shape } from '../graph/tensor.ts';
import { buildNetwork, type Form, type Network, type OptionValues } from '../nets/network.ts';
import { note } from './output.ts';

export interface WeightedNetwork {
  readonly network: Network;
  /** Every weight and running statistic, in plain layout. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/**
 * Builds `name` for inputs of `shape` (NxCxHxW, from the file `source`) and reads its weights. Files that Laurel
 * wrote say their form and number of classes; for others the options say it, or the form's own numbers stand.
 */
export function loadNetwork(
  name: string,
  options: {
    readonly weights: string;
    readonly form?: string;
    readonly set?: OptionValues;
    readonly classes?: number;
  },
  shape: Shape,
  source: string,
): WeightedNetwork {
  if (shape.length !== 4) {
    throw new UserError(`${source} has shape ${formatShape(shape)}, expected NxCxHxW.`);
  }
  const { weights } = options;
  const model = openModel({
    network: name,
    weights,
    form: options.form as Form | undefined,
    options: options.set,
  });
  for (const sentence of model.notes) note(sentence);
  const [batch, channels, height, width] = shape as [number, number, number, number];
  const classes = options.classes ?? model.info?.classes.length;
  const network = buildNetwork(model.description, {
    form: model.form,
    classes,
    batch,
    channels,
    height,
    width,
    options: model.options,
  });
  return { network, tensors: weightsFor(model, network) };
}
