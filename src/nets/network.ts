// What a network file describes, and how a description becomes a graph. The registry is the list in
// `index.ts`; nothing here knows any particular network, and no network knows an engine.
import { didYouMean, UserError } from '../errors.ts';
import { createGraph, type Graph, input, type Value } from '../graph/graph.ts';
import { formatShape } from '../graph/tensor.ts';
import { type Layers, layers } from './layers.ts';

/**
 * `imagenet`: the paper's own form (for LeNet, whose paper is older than ImageNet, the form of its paper);
 * `cifar`: for 32x32 pictures; `article`: as the survey article prints it, slips included.
 */
export type Form = 'imagenet' | 'cifar' | 'article';
export const formNames: readonly Form[] = ['imagenet', 'cifar', 'article'];

export interface FormDescription {
  /** Input and classes that the form was published with. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  /** Puts the network behind `x` (NxCxHxW) and gives the logits (Nxclasses). */
  build(x: Value, net: Layers, classes: number): Value;
  /** How this form differs from the paper, a sentence each. */
  readonly deviations?: readonly string[];
  /** The only input size that the form's fixed linear layer fits, where there is one. */
  readonly fixedSize?: true;
}

export interface NetworkDescription {
  readonly name: string;
  readonly year: number;
  /** Authors, title, and where it appeared. */
  readonly paper: string;
  /** The first form listed is the default. */
  readonly forms: Partial<Record<Form, FormDescription>>;
}

export interface BuildOptions {
  readonly form?: Form;
  readonly classes?: number;
  readonly channels?: number;
  readonly height?: number;
  readonly width?: number;
  /** Pictures per run; default 1. */
  readonly batch?: number;
  /** Training form: batch statistics, dropout; default false. */
  readonly training?: boolean;
}

export interface Network {
  readonly name: string;
  readonly form: Form;
  readonly classes: number;
  readonly graph: Graph;
  /** The input named `images`. */
  readonly images: Value;
  readonly logits: Value;
}

export function formOf(description: NetworkDescription, form?: Form): [Form, FormDescription] {
  const available = Object.keys(description.forms) as Form[];
  const chosen = form ?? (available[0] as Form);
  const found = description.forms[chosen];
  if (found === undefined) {
    throw new UserError(
      `${description.name} has no form '${chosen}'; its forms are ${available.join(', ')}.` +
        didYouMean(chosen, available),
      { exitCode: 2 },
    );
  }
  return [chosen, found];
}

/** Builds the graph of a network. Refuses, with the reason, sizes that the network does not allow. */
export function buildNetwork(description: NetworkDescription, options: BuildOptions = {}): Network {
  const [form, found] = formOf(description, options.form);
  const { channels = found.channels, height = found.height, width = found.width } = options;
  const classes = options.classes ?? found.classes;
  const { batch = 1, training = false } = options;
  for (const [what, value] of Object.entries({ batch, channels, height, width, classes })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new UserError(`${what} is ${value}; expected a whole number of at least 1.`, { exitCode: 2 });
    }
  }
  if (found.fixedSize && (height !== found.height || width !== found.width)) {
    throw new UserError(
      `${description.name} (form ${form}) takes pictures of ${found.height}x${found.width} only, because of its ` +
        `first linear layer; got ${height}x${width}.`,
      { exitCode: 2 },
    );
  }
  const graph = createGraph();
  const images = input(graph, 'images', [batch, channels, height, width]);
  try {
    const logits = found.build(images, layers(graph, training), classes);
    return { name: description.name, form, classes, graph, images, logits };
  } catch (error) {
    // Ops refuse shapes with a plain Error; anything else is a defect and keeps its stack.
    if (!(error instanceof Error) || error.constructor !== Error) throw error;
    throw new UserError(
      `${description.name} (form ${form}) does not allow pictures of ${formatShape([channels, height, width])}: ` +
        `${error.message}`,
      { exitCode: 2, cause: error },
    );
  }
}
